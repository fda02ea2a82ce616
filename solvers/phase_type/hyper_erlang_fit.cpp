// SPDX-License-Identifier: Apache-2.0
#include "solvers/phase_type/hyper_erlang_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "solvers/phase_type/phase_type_curve.h"

namespace windtunnel::solvers {
namespace {

struct Branch {
  int phases = 1;
  double probability = 0.0;
  double mean_s = 0.0;
  /// phases * log(rate) - log((phases - 1)!) + log(probability): all of the log density that no sample changes.
  double log_factor() const { return phases * std::log(phases / mean_s) - std::lgamma(phases) + std::log(probability); }
};

struct Samples {
  std::vector<double> value_s;
  std::vector<double> log_value;
};

Samples checked(std::span<const double> samples_s, const HyperErlangOptions& options) {
  if (samples_s.size() < 2)
    throw std::invalid_argument(fmt::format("{} samples, expected at least 2", samples_s.size()));
  if (options.phases < 1 || options.max_branches < 1 || !(options.tolerance > 0.0))
    throw std::invalid_argument(fmt::format("{} phases in at most {} branches, tolerance {}", options.phases,
                                            options.max_branches, options.tolerance));
  Samples samples;
  for (const double value : samples_s) {
    if (!(value > 0.0) || std::isinf(value))
      throw std::invalid_argument(fmt::format("sample {} s is not a finite number > 0", value));
    samples.value_s.push_back(value);
    samples.log_value.push_back(std::log(value));
  }
  std::sort(samples.value_s.begin(), samples.value_s.end());
  std::sort(samples.log_value.begin(), samples.log_value.end());
  return samples;
}

// One step of expectation and maximisation; returns the log-likelihood of the law before the step.
double improve(const Samples& samples, std::vector<Branch>& branches) {
  const std::size_t count = branches.size();
  std::vector<double> factor, share(count), weight(count, 0.0), total_s(count, 0.0);
  for (const Branch& branch : branches) factor.push_back(branch.log_factor());
  double log_likelihood = 0.0;
  for (std::size_t i = 0; i < samples.value_s.size(); ++i) {
    double highest = -std::numeric_limits<double>::infinity();
    for (std::size_t m = 0; m < count; ++m) {
      const Branch& branch = branches[m];
      share[m] =
          factor[m] + (branch.phases - 1) * samples.log_value[i] - samples.value_s[i] * branch.phases / branch.mean_s;
      highest = std::max(highest, share[m]);
    }
    double density = 0.0;
    for (double& each : share) density += each = std::exp(each - highest);
    log_likelihood += highest + std::log(density);
    for (std::size_t m = 0; m < count; ++m) {
      weight[m] += share[m] / density;
      total_s[m] += share[m] / density * samples.value_s[i];
    }
  }
  for (std::size_t m = 0; m < count; ++m) {
    // A branch that no sample wants any more keeps its mean and a probability that no longer matters.
    if (!(weight[m] > 1e-280)) continue;
    branches[m].probability = weight[m] / static_cast<double>(samples.value_s.size());
    branches[m].mean_s = total_s[m] / weight[m];
  }
  return log_likelihood;
}

// Means at the middle of equal shares of the sorted samples, steadier branches first.
std::vector<Branch> started(const Samples& samples, const std::vector<int>& phases) {
  std::vector<Branch> branches;
  const double count = static_cast<double>(phases.size());
  for (std::size_t m = 0; m < phases.size(); ++m) {
    const double middle = (static_cast<double>(m) + 0.5) / count * static_cast<double>(samples.value_s.size());
    branches.push_back({phases[m], 1.0 / count, samples.value_s[static_cast<std::size_t>(middle)]});
  }
  return branches;
}

// All ways to write `phases` as a sum of at most `branches` numbers, each at most `largest`, in falling order.
void list_divisions(int phases, int branches, int largest, std::vector<int>& begun,
                    std::vector<std::vector<int>>& all) {
  if (phases == 0) {
    all.push_back(begun);
    return;
  }
  if (branches == 0) return;
  for (int next = std::min(phases, largest); next >= 1; --next) {
    begun.push_back(next);
    list_divisions(phases - next, branches - 1, next, begun, all);
    begun.pop_back();
  }
}

struct Candidate {
  std::vector<Branch> branches;
  double log_likelihood = -std::numeric_limits<double>::infinity();
};

Candidate most_promising(const Samples& samples, const HyperErlangOptions& options) {
  std::vector<std::vector<int>> divisions;
  std::vector<int> begun;
  list_divisions(options.phases, options.max_branches, options.phases, begun, divisions);
  Candidate best;
  for (const std::vector<int>& division : divisions) {
    for (const bool is_reversed : {false, true}) {
      std::vector<int> phases = division;
      if (is_reversed) std::reverse(phases.begin(), phases.end());
      Candidate candidate{started(samples, phases)};
      // 20 steps tell the divisions apart well enough (progressive preselection, section 4.2 of the source).
      for (int step = 0; step < 20; ++step) candidate.log_likelihood = improve(samples, candidate.branches);
      if (candidate.log_likelihood > best.log_likelihood) best = candidate;
    }
  }
  return best;
}

PhaseType law_of(const std::vector<Branch>& branches) {
  std::vector<double> weights;
  std::vector<PhaseType> parts;
  double total = 0.0;
  for (const Branch& branch : branches) total += branch.probability;
  for (const Branch& branch : branches) {
    weights.push_back(branch.probability / total);
    parts.push_back(erlang(branch.phases, branch.phases / branch.mean_s));
  }
  return mixture(weights, parts);
}

double distance_from_samples(const Samples& samples, const PhaseType& duration) {
  PhaseTypeCurve curve(duration);
  const auto count = static_cast<double>(samples.value_s.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < samples.value_s.size(); ++i) {
    const double value = curve.cdf(samples.value_s[i]), below = static_cast<double>(i) / count;
    largest = std::max({largest, value - below, below + 1.0 / count - value});
  }
  return largest;
}

}  // namespace

HyperErlangFit fit_hyper_erlang(std::span<const double> samples_s, const HyperErlangOptions& options) {
  const Samples samples = checked(samples_s, options);
  Candidate best = most_promising(samples, options);
  HyperErlangFit fit;
  const double least_gain = options.tolerance * static_cast<double>(samples.value_s.size());
  for (fit.iterations = 20; fit.iterations < options.max_iterations && !fit.has_converged; ++fit.iterations) {
    const double log_likelihood = improve(samples, best.branches);
    fit.has_converged = log_likelihood - best.log_likelihood < least_gain;
    best.log_likelihood = log_likelihood;
  }
  for (const Branch& branch : best.branches) {
    fit.branch_phases.push_back(branch.phases);
    fit.branch_probability.push_back(branch.probability);
    fit.branch_mean_s.push_back(branch.mean_s);
  }
  fit.duration = law_of(best.branches);
  fit.log_likelihood = best.log_likelihood;
  fit.largest_distance = distance_from_samples(samples, fit.duration);
  fit.message = fmt::format("{} branches, log-likelihood {:.6g} after {} steps, distance {:.3g}", best.branches.size(),
                            fit.log_likelihood, fit.iterations, fit.largest_distance);
  return fit;
}

}  // namespace windtunnel::solvers
