// SPDX-License-Identifier: Apache-2.0
#include "solvers/simulation/simulate_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "solvers/numerics/chain_error.h"
#include "solvers/numerics/random.h"

namespace windtunnel::solvers {
namespace {

void require_state(const Generator& q, Index state) {
  if (state < 0 || state >= q.states())
    throw ChainError(fmt::format("initial state {} does not exist, expected 0 to {}", state, q.states() - 1));
}

void require_size(const Generator& q, Index size, const char* what) {
  if (size != q.states()) throw ChainError(fmt::format("{} {} for {} states", size, what, q.states()));
}

void check(const LongRunSimulationOptions& options) {
  if (!(options.batch_s > 0.0))
    throw std::invalid_argument(fmt::format("batch_s {}, expected above 0", options.batch_s));
  if (!(options.warm_up_s >= 0.0))
    throw std::invalid_argument(fmt::format("warm_up_s {}, expected at least 0", options.warm_up_s));
  if (options.batches < 2) throw std::invalid_argument(fmt::format("{} batches, expected at least 2", options.batches));
}

class Walker {
 public:
  Walker(const Generator& q, Index state, std::uint64_t seed) : q_(q), state_(state), random_(seed) {}

  Index state() const { return state_; }
  void restart(Index state) { state_ = state; }
  /// Length of the stay in the current state; infinite in an absorbing one.
  double stay_s() {
    const double exit = q_.exit_rate(state_);
    return exit > 0.0 ? random_.exponential() / exit : std::numeric_limits<double>::infinity();
  }
  void jump() {
    double left = random_.uniform() * q_.exit_rate(state_);
    Index target = state_;
    for (const auto [next, rate] : q_.outgoing().row(state_)) {
      target = next;  // the last target, should rounding leave a rest
      if ((left -= rate) < 0.0) break;
    }
    state_ = target;
  }

 private:
  const Generator& q_;
  Index state_;
  RandomSource random_;
};

// Reward collected over stretches of fixed length; a stay that crosses the end of one goes on in the next.
class StretchOfTime {
 public:
  explicit StretchOfTime(Walker walker) : walker_(std::move(walker)), left_of_stay_s_(walker_.stay_s()) {}

  double collect(const Vector& reward, double length_s) {
    double total = 0.0;
    while (left_of_stay_s_ <= length_s) {
      total += reward(walker_.state()) * left_of_stay_s_;
      length_s -= left_of_stay_s_;
      walker_.jump();
      ++jumps_;
      left_of_stay_s_ = walker_.stay_s();
    }
    left_of_stay_s_ -= length_s;
    return total + reward(walker_.state()) * length_s;
  }
  long long jumps() const { return jumps_; }

 private:
  Walker walker_;
  double left_of_stay_s_;
  long long jumps_ = 0;
};

double first_autocorrelation(const std::vector<double>& means, double average) {
  double neighbours = 0.0, squares = 0.0;
  for (size_t i = 0; i < means.size(); ++i) {
    squares += (means[i] - average) * (means[i] - average);
    if (i > 0) neighbours += (means[i] - average) * (means[i - 1] - average);
  }
  return squares > 0.0 ? neighbours / squares : 0.0;
}

// States from which a walk along `rates` can go on; `stops` are reached but not left.
std::vector<bool> reachable(const SparseRates& rates, std::vector<Index> open, const std::vector<bool>& stops) {
  std::vector<bool> seen(rates.rows());
  for (const Index state : open) seen[state] = true;
  while (!open.empty()) {
    const Index state = open.back();
    open.pop_back();
    if (!stops.empty() && stops[state]) continue;
    for (const auto [next, rate] : rates.row(state))
      if (!seen[next]) seen[next] = true, open.push_back(next);
  }
  return seen;
}

void require_passage(const Generator& q, Index initial, const std::vector<bool>& is_goal) {
  std::vector<Index> goals;
  for (Index i = 0; i < q.states(); ++i)
    if (is_goal[i]) goals.push_back(i);
  const std::vector<bool> visited = reachable(q.outgoing(), {initial}, is_goal);
  const std::vector<bool> arrives = reachable(q.incoming(), goals, {});
  for (Index i = 0; i < q.states(); ++i)
    if (visited[i] && !arrives[i]) throw ChainError(fmt::format("state {} is reached and cannot reach a goal", i));
}

}  // namespace

LongRunSimulation simulate_long_run(const Generator& q, Index initial, const Vector& reward,
                                    const LongRunSimulationOptions& options) {
  require_state(q, initial);
  require_size(q, reward.size(), "rewards");
  check(options);
  StretchOfTime time(Walker(q, initial, options.seed));
  time.collect(reward, options.warm_up_s);
  std::vector<double> means;
  for (int i = 0; i < options.batches; ++i) means.push_back(time.collect(reward, options.batch_s) / options.batch_s);
  const Estimate estimate = mean_estimate(means, options.confidence);
  return {.reward = estimate, .batch_correlation = first_autocorrelation(means, estimate.value), .jumps = time.jumps()};
}

FirstPassageSamples simulate_first_passage(const Generator& q, Index initial, const std::vector<bool>& is_goal,
                                           const FirstPassageSimulationOptions& options) {
  require_state(q, initial);
  require_size(q, static_cast<Index>(is_goal.size()), "goal marks");
  if (options.samples < 2) throw std::invalid_argument(fmt::format("{} samples, expected at least 2", options.samples));
  require_passage(q, initial, is_goal);
  Walker walker(q, initial, options.seed);
  FirstPassageSamples result;
  for (int i = 0; i < options.samples; ++i) {
    double elapsed_s = 0.0;
    for (walker.restart(initial); !is_goal[walker.state()]; walker.jump()) elapsed_s += walker.stay_s();
    result.time_s.push_back(elapsed_s);
  }
  std::sort(result.time_s.begin(), result.time_s.end());
  return result;
}

}  // namespace windtunnel::solvers
