// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/health/checkpoint_plan.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "modeling/chains/health/checkpointing.h"
#include "modeling/spec/spec_error.h"
#include "solvers/numerics/root_finding.h"
#include "solvers/phase_type/phase_type_curve.h"
#include "solvers/phase_type/phase_type_fit.h"

namespace windtunnel::modeling {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

UpShares divided(double work_s, double checkpoint_s, double kept_ratio) {
  const double segment_s = work_s + checkpoint_s;
  return {.productive_ratio = kept_ratio * work_s / segment_s,
          .checkpoint_ratio = kept_ratio * checkpoint_s / segment_s,
          .lost_ratio = 1.0 - kept_ratio};
}

UpShares without_stops(const CheckpointPlan& plan) {
  if (std::isinf(plan.interval_s)) return {};
  return plan.interval_s + plan.blocking_s > 0.0 ? divided(plan.interval_s, plan.blocking_s, 1.0) : UpShares{};
}

UpShares one_level(double rate, const CheckpointPlan& plan) {
  const double segment_s = plan.interval_s + plan.blocking_s;
  const double written = std::exp(-rate * plan.write_s);
  if (std::isinf(segment_s)) return {.productive_ratio = 0.0, .lost_ratio = 1.0};
  if (segment_s == 0.0) return {.productive_ratio = written, .lost_ratio = 1.0 - written};
  return divided(plan.interval_s, plan.blocking_s, written * rate * segment_s / std::expm1(rate * segment_s));
}

UpShares with_foresight(double rate, CheckpointPlan plan) {
  const double foreseen = rate * plan.foreseen_ratio;
  const double written = std::min(1.0, foreseen * plan.blocking_s);
  plan.foreseen_ratio = 0.0;
  const UpShares rest = rate > foreseen ? one_level(rate - foreseen, plan) : without_stops(plan);
  return {.productive_ratio = rest.productive_ratio * (1.0 - written),
          .checkpoint_ratio = rest.checkpoint_ratio * (1.0 - written) + written,
          .lost_ratio = rest.lost_ratio * (1.0 - written)};
}

Count memory_intervals(const CheckpointPlan& plan) {
  constexpr double kMost = 1e6;  // beyond, storage is as good as never written
  return static_cast<Count>(std::clamp(std::round(plan.interval_s / plan.memory->interval_s), 1.0, kMost));
}

/// Mean time up from a fresh storage checkpoint to the next, V(0), where with k intervals done
///   V(k) = (1 - q) / L + q V(k+1) + (1 - q) (r V(k) + (1 - r) V(0)),  V(m) = 0,  q = exp(-L segment).
/// V(k) = a(k) + (1 - d(k)) V(0), a and d linear recursions with the same coefficients for all intervals but the last.
UpShares two_levels(double rate, const CheckpointPlan& plan) {
  const MemoryCheckpoints& memory = *plan.memory;
  const double count = static_cast<double>(memory_intervals(plan));
  const double to_storage = 1.0 - memory.recovered_ratio;
  const auto fail = [&](double blocking_s) { return -std::expm1(-rate * (memory.interval_s + blocking_s)); };
  const double last = fail(plan.blocking_s);
  const double last_left = 1.0 - last + last * to_storage;
  double a = last / rate / last_left;
  double d = (1.0 - last) / last_left;
  // a -> (fail / L + q a) / left, d -> q d / left, count - 1 times: with g = q / left, 1 - g = fail (1 - r) / left.
  const double each = fail(memory.blocking_s);
  const double left = 1.0 - each + each * to_storage;
  const double log_kept = (count - 1.0) * std::log1p(-each * to_storage / left);
  const double kept = std::exp(log_kept);
  a = kept * a +
      each / (rate * left) * (to_storage > 0.0 ? -std::expm1(log_kept) * left / (each * to_storage) : count - 1.0);
  d *= kept;
  const double work_s = count * memory.interval_s;
  const double checkpoint_s = (count - 1.0) * memory.blocking_s + plan.blocking_s;
  const double written = std::exp(-rate * to_storage * plan.write_s);
  return d > 0.0 ? divided(work_s, checkpoint_s, written * (work_s + checkpoint_s) * d / a)
                 : UpShares{.productive_ratio = 0.0, .lost_ratio = 1.0};
}

/// One phase after the other, all left at one rate: mixtures of Erlang laws.
bool is_erlang_mixture(const solvers::PhaseType& law) {
  if (law.shift_s() > 0.0) return false;
  const int last = law.phases() - 1;
  for (int k = 0; k < last; ++k) {
    if (law.exit_per_s()(k) > 0.0 || law.leave_per_s()(k) != law.leave_per_s()(last)) return false;
    if (law.rate_per_s().coeff(k, k + 1) != law.leave_per_s()(k)) return false;
  }
  return true;
}

/// Probabilities of 0, 1, ... moves within t.
Eigen::VectorXd moves_within(double mean_moves, int phases) {
  Eigen::VectorXd probability(phases);
  probability(0) = std::exp(-mean_moves);
  for (int k = 1; k < phases; ++k) probability(k) = probability(k - 1) * mean_moves / k;
  return probability;
}

/// a exp(T (s + W)) x with x = (I - exp(T s))^-1 1, exp(T t) upper triangular with Poisson probabilities: x by backward
/// substitution, positive terms only.
double kept_segments_of_erlangs(const solvers::PhaseType& law, double segment_s, double write_s) {
  const int phases = law.phases();
  const double rate = law.leave_per_s()(phases - 1);
  const Eigen::VectorXd within = moves_within(rate * segment_s, phases);
  const Eigen::VectorXd first = moves_within(rate * (segment_s + write_s), phases);
  Eigen::VectorXd x(phases);
  double sum = 0.0;
  for (int i = phases - 1; i >= 0; --i) {
    double reached = 1.0;
    for (int j = i + 1; j < phases; ++j) reached += within(j - i) * x(j);
    x(i) = reached / -std::expm1(-rate * segment_s);
    for (int j = i; j < phases; ++j) sum += law.initial()(i) * first(j - i) * x(j);
  }
  return sum;
}

/// Sum over i >= 1 of P(X > i s + W). Exact for mixtures of exponentials and of Erlang laws, term by term with a floor
/// (scv below 1/50: a short tail).
double kept_segments(const solvers::PhaseType& law, double segment_s, double write_s) {
  double sum = 0.0;
  if (law.rate_per_s().nonZeros() == 0 && law.shift_s() == 0.0) {
    for (int k = 0; k < law.phases(); ++k) {
      const double rate = law.exit_per_s()(k);
      sum += law.initial()(k) * std::exp(-rate * (segment_s + write_s)) / -std::expm1(-rate * segment_s);
    }
    return sum;
  }
  if (is_erlang_mixture(law)) return kept_segments_of_erlangs(law, segment_s, write_s);
  solvers::PhaseTypeCurve curve(law);
  for (double t = segment_s + write_s;; t += segment_s) {
    const double term = curve.survival(t);
    sum += term;
    if (term < 1e-14 * sum || term == 0.0) return sum;
  }
}

UpShares by_renewal(const StopLaw& law, const CheckpointPlan& plan) {
  const double segment_s = plan.interval_s + plan.blocking_s;
  const double mean_s = 1.0 / law.failure_per_s;
  if (std::isinf(segment_s) || segment_s == 0.0) return one_level(law.failure_per_s, plan);
  // Finer than this the sum has more terms than the answer digits.
  constexpr double kFinest = 1e-5;
  const double step_s = std::max(segment_s, kFinest * mean_s);
  const double kept = kept_segments(solvers::fit_phase_type(mean_s, law.scv), step_s, plan.write_s) * step_s / mean_s;
  return divided(plan.interval_s, plan.blocking_s, std::min(1.0, kept));
}

double productive_at(const StopLaw& law, CheckpointPlan plan, double interval_s) {
  plan.interval_s = interval_s;
  return up_shares(law, plan).productive_ratio;
}

/// Largest value of a function with one peak, by golden section.
double peak(const std::function<double(double)>& function, double low, double high) {
  const double ratio = 0.5 * (std::sqrt(5.0) - 1.0);
  double left = high - ratio * (high - low);
  double right = low + ratio * (high - low);
  double at_left = function(left);
  double at_right = function(right);
  // A maximum is found to the square root of rounding.
  while (high - low > 1e-8) {
    if (at_left > at_right) {
      high = right;
      right = left;
      at_right = at_left;
      at_left = function(left = high - ratio * (high - low));
    } else {
      low = left;
      left = right;
      at_left = at_right;
      at_right = function(right = low + ratio * (high - low));
    }
  }
  return 0.5 * (low + high);
}

double one_level_optimum_s(const StopLaw& law, const CheckpointPlan& plan) {
  const double mean_s = 1.0 / law.failure_per_s;
  const double young_s = std::sqrt(2.0 * plan.blocking_s * mean_s);
  const auto value = [&](double log_s) { return productive_at(law, plan, std::exp(log_s)); };
  return std::exp(peak(value, std::log(1e-2 * std::min(young_s, mean_s)), std::log(1e2 * mean_s)));
}

/// Whole memory intervals: doubled until it gets worse, then narrowed to the best of three.
double two_level_optimum_s(const StopLaw& law, const CheckpointPlan& plan) {
  const auto value = [&](Count m) {
    return productive_at(law, plan, static_cast<double>(m) * plan.memory->interval_s);
  };
  constexpr Count kMost = 1'000'000;
  Count high = 2;
  while (high < kMost && value(high) > value(high / 2)) high *= 2;
  Count low = std::max<Count>(1, high / 4);
  while (high - low > 2) {
    const Count left = low + (high - low) / 3;
    const Count right = high - (high - low) / 3;
    (value(left) < value(right) ? low : high) = value(left) < value(right) ? left : right;
  }
  Count best = low;
  for (Count m = low; m <= high; ++m)
    if (value(m) > value(best)) best = m;
  return static_cast<double>(best) * plan.memory->interval_s;
}

double edge_s(const StopLaw& law, const CheckpointPlan& plan, double best_s, double wanted, double factor) {
  const auto excess = [&](double log_s) { return productive_at(law, plan, std::exp(log_s)) - wanted; };
  double outside_s = best_s * factor;
  for (int step = 0; step < 60 && excess(std::log(outside_s)) > 0.0; ++step) outside_s *= factor;
  if (excess(std::log(outside_s)) > 0.0) return factor > 1.0 ? kInfinity : 0.0;
  return std::exp(solvers::find_root(excess, std::min(std::log(best_s), std::log(outside_s)),
                                     std::max(std::log(best_s), std::log(outside_s)), 0.0, 1e-9));
}

}  // namespace

UpShares up_shares(const StopLaw& law, const CheckpointPlan& plan) {
  if (plan.memory && law.scv != 1.0)
    throw NoAnswerError("checkpoints in memory are modelled with exponential failures only; leave failure_scv at 1");
  if (law.failure_per_s == 0.0) return without_stops(plan);
  if (plan.memory) return two_levels(law.failure_per_s, plan);
  if (plan.foreseen_ratio > 0.0 && law.scv == 1.0) return with_foresight(law.failure_per_s, plan);
  return law.scv == 1.0 ? one_level(law.failure_per_s, plan) : by_renewal(law, plan);
}

double optimal_interval_s(const StopLaw& law, const CheckpointPlan& plan) {
  const double unforeseen_per_s = law.failure_per_s * (1.0 - (plan.memory ? 0.0 : plan.foreseen_ratio));
  if (unforeseen_per_s == 0.0) return kInfinity;
  if (plan.memory) return two_level_optimum_s(law, plan);
  if (plan.blocking_s == 0.0) return 0.0;
  return law.scv == 1.0 ? optimal_checkpoint_interval_s(unforeseen_per_s, plan.blocking_s)
                        : one_level_optimum_s(law, plan);
}

IntervalRange nearly_optimal_intervals(const StopLaw& law, const CheckpointPlan& plan, double best_s,
                                       double loss_ratio) {
  if (best_s == 0.0 || std::isinf(best_s)) return {best_s, best_s};
  const double wanted = (1.0 - loss_ratio) * productive_at(law, plan, best_s);
  return {edge_s(law, plan, best_s, wanted, 0.5), edge_s(law, plan, best_s, wanted, 2.0)};
}

double memory_survival(Count nodes, Count copies, Count lost) {
  if (lost < copies) return 1.0;
  if (lost > nodes - copies) return 0.0;
  const auto log_choose = [](Count n, Count k) {
    return std::lgamma(static_cast<double>(n) + 1.0) - std::lgamma(static_cast<double>(k) + 1.0) -
           std::lgamma(static_cast<double>(n - k) + 1.0);
  };
  const double groups = static_cast<double>(nodes) / static_cast<double>(copies);
  return std::max(0.0, 1.0 - groups * std::exp(log_choose(nodes - copies, lost - copies) - log_choose(nodes, lost)));
}

}  // namespace windtunnel::modeling
