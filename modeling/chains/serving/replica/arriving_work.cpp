// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/arriving_work.h"

#include <algorithm>
#include <cmath>

#include "modeling/chains/serving/engine/prompt_work_law.h"
#include "solvers/numerics/poisson_weights.h"

namespace windtunnel::modeling {

namespace {

constexpr double kNegligible = 1e-12;
/// No sum of probabilities reaches it.
constexpr double kEndless = 2.0;

/// Law of the number of arrivals with this mean and variance over mean: negative binomial above 1, Poisson at 1, below
/// it Poisson mixed with "the whole numbers next to the mean".
std::vector<double> count_law(double mean, double dispersion) {
  const auto size = static_cast<std::size_t>(mean + 10.0 * std::sqrt(mean * std::max(1.0, dispersion)) +
                                             12.0 * std::max(1.0, dispersion));
  std::vector<double> law(size + 1, 0.0);
  const double again = dispersion > 1.0 + 1e-9 ? 1.0 - 1.0 / dispersion : 0.0;
  const double shape = again > 0.0 ? mean / (dispersion - 1.0) : 0.0;
  law[0] = again > 0.0 ? std::exp(-shape * std::log(dispersion)) : std::exp(-mean);
  for (std::size_t n = 1; n <= size; ++n) {
    const double j = static_cast<double>(n);
    law[n] = law[n - 1] * (again > 0.0 ? again * (shape + j - 1.0) / j : mean / j);
  }
  if (dispersion >= 1.0 - 1e-9) return law;
  const double low = std::floor(mean), share = mean - low, least = share * (1.0 - share);
  const double random = mean > least ? std::clamp((dispersion * mean - least) / (mean - least), 0.0, 1.0) : 0.0;
  for (double& one : law) one *= random;
  law[static_cast<std::size_t>(low)] += (1.0 - random) * (1.0 - share);
  law[static_cast<std::size_t>(low) + 1] += (1.0 - random) * share;
  return law;
}

}  // namespace

int phases_of(const ReplicaArrivals& stream) {
  return stream.bursts ? 2 : 1;
}

WorkLaws::WorkLaws(const ReplicaArrivals& stream, const PromptQuanta& prompts, int size)
    : stream_(stream), prompts_(prompts), size_(static_cast<std::size_t>(size)) {
  powers_.assign(1, std::vector<double>(size_, 0.0));
  powers_[0][0] = 1.0;
}

const std::vector<double>& WorkLaws::work_of(std::size_t prompts) {
  const std::vector<double>& one = prompts_.probability;
  while (powers_.size() <= prompts) {
    const std::vector<double>& last = powers_.back();
    std::vector<double> sum(size_, 0.0);
    for (std::size_t v = 0; v < size_; ++v) {
      if (last[v] < 1e-15) continue;
      const std::size_t longest = std::min(one.size(), size_ - v);
      for (std::size_t j = 0; j < longest; ++j) sum[v + j] += last[v] * one[j];
    }
    powers_.push_back(std::move(sum));
  }
  return powers_[prompts];
}

void WorkLaws::add(double weight, std::size_t prompts, std::vector<double>& law) {
  if (weight < kNegligible) return;
  const std::vector<double>& work = work_of(prompts);
  for (std::size_t v = 0; v < size_; ++v) law[v] += weight * work[v];
}

/// Beside a tagged arrival: P(n - 1 others) is n P(n) / mean.
ArrivingWork WorkLaws::one_phase(const std::vector<double>& counts, double mean) {
  ArrivingWork work{{std::vector<double>(size_, 0.0)}, std::vector<double>(size_, 0.0), mean};
  for (std::size_t n = 0; n < counts.size(); ++n) {
    add(counts[n], n, work.by_end_phase.front());
    if (n + 1 < counts.size()) add(static_cast<double>(n + 1) * counts[n + 1] / mean, n, work.companions);
  }
  return work;
}

/// Uniformization: the phase changes, or a request arrives, at the steps of a Poisson process fast enough for both.
std::vector<std::vector<std::vector<double>>> WorkLaws::counts_by_phase(double seconds) const {
  const solvers::SwitchedPoisson& x = *stream_.bursts;
  const double rate[2] = {x.calm_per_s, x.busy_per_s}, end[2] = {x.calm_end_per_s, x.busy_end_per_s};
  const double pace = std::max(rate[0] + end[0], rate[1] + end[1]);
  const solvers::PoissonWeights steps = solvers::poisson_weights(pace * seconds, kNegligible);
  const auto most = static_cast<std::size_t>(steps.right());
  std::vector<std::vector<std::vector<double>>> law(2, {2, std::vector<double>(most + 1, 0.0)});
  for (std::size_t i = 0; i < 2; ++i) {
    // state[j][n] after so many steps.
    std::vector<double> state[2] = {std::vector<double>(most + 2, 0.0), std::vector<double>(most + 2, 0.0)};
    state[i][0] = 1.0;
    for (std::size_t step = 0; step <= most; ++step) {
      const auto at = static_cast<solvers::Index>(step) - steps.left;
      for (std::size_t j = 0; j < 2 && at >= 0; ++j)
        for (std::size_t n = 0; n <= step; ++n) law[i][j][n] += steps.weight(at) * state[j][n];
      for (std::size_t n = step + 1; n-- > 0;) {
        const double calm = state[0][n] / pace, busy = state[1][n] / pace;
        state[0][n + 1] += calm * rate[0];
        state[1][n + 1] += busy * rate[1];
        state[0][n] = calm * (pace - rate[0] - end[0]) + busy * end[1];
        state[1][n] = busy * (pace - rate[1] - end[1]) + calm * end[0];
      }
    }
  }
  return law;
}

std::vector<ArrivingWork> WorkLaws::within(double seconds) {
  const double mean = stream_.rate_per_s * seconds;
  if (stream_.is_poisson()) {
    const double nothing = std::exp(-mean * (1.0 - prompts_.probability[0]));
    std::vector<double> law =
        compound_law({.a = 0.0, .b = mean}, prompts_.probability, nothing, static_cast<int>(size_), kEndless);
    return {{{law}, law, mean}};
  }
  if (!stream_.bursts) return {one_phase(count_law(mean, count_dispersion(stream_, seconds)), mean)};
  std::vector<ArrivingWork> all;
  for (const std::vector<std::vector<double>>& counts : counts_by_phase(seconds)) {
    ArrivingWork work{{2, std::vector<double>(size_, 0.0)}, std::vector<double>(size_, 0.0)};
    const std::size_t most = counts.front().size();
    for (std::size_t n = 1; n < most; ++n) work.arrivals += static_cast<double>(n) * (counts[0][n] + counts[1][n]);
    for (std::size_t n = 0; n < most; ++n) {
      for (std::size_t j = 0; j < 2; ++j) add(counts[j][n], n, work.by_end_phase[j]);
      if (n == 0 || work.arrivals <= 0.0) continue;
      add(static_cast<double>(n) * (counts[0][n] + counts[1][n]) / work.arrivals, n - 1, work.companions);
    }
    all.push_back(std::move(work));
  }
  return all;
}

}  // namespace windtunnel::modeling
