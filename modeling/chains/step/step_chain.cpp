// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/step/step_chain.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numbers>

#include "solvers/numerics/root_finding.h"
#include "solvers/phase_type/phase_type_curve.h"
#include "solvers/phase_type/phase_type_fit.h"

namespace windtunnel::modeling {

namespace {

using solvers::Distribution;
using solvers::PhaseType;

/// Phases of the pause chain; see longest_pause.
constexpr int kPausePhases = 64;
/// A spread below this share of the pauses' is too small to see: the part becomes a constant, its variance (1e-4) is
/// lost from the quantiles and kept in std_s.
constexpr double kNegligibleSpread = 1e-2;
/// Sums of many operators vary less than this and are normal; above (a user's own bursty times) they are gamma-like.
constexpr double kNormalScv = 1.0 / 400.0;
/// Phases of one fitted part.
constexpr int kPartPhases = 50;

Moments moments_of(const Distribution& law) {
  const solvers::MeanVariance found = solvers::mean_and_variance(law);
  return {found.mean_s, found.variance_s2};
}

/// Largest of `count` standard normals; a search asks for the same few counts again and again.
Moments largest_normal(Count count) {
  thread_local std::map<Count, Moments> known;
  const auto [entry, is_new] = known.try_emplace(count);
  if (is_new) entry->second = moments_of(solvers::maximum(solvers::standard_normal(), static_cast<double>(count)));
  return entry->second;
}

double scv_of(const Moments& m) {
  return m.mean_s > 0.0 ? m.variance_s2 / (m.mean_s * m.mean_s) : 0.0;
}

/// One replica's law: as given, normal as a sum of many, or by two moments where one replica varies visibly.
Distribution replica_law(const StepCondition& c) {
  if (c.replica_law) return *c.replica_law;
  const Moments& replica = c.replica;
  const double scv = scv_of(replica);
  if (scv < kNormalScv) return solvers::normal(replica.mean_s, std::sqrt(replica.variance_s2));
  return solvers::distribution_of(solvers::fit_phase_type(replica.mean_s, scv, {.max_phases = 400}));
}

/// The slowest of `replicas` equal ones.
Moments slowest_replica(const StepCondition& c, Count replicas) {
  const Moments& replica = c.replica;
  if (replicas <= 1 || replica.variance_s2 <= 0.0) return replica;
  if (c.replica_law || scv_of(replica) >= kNormalScv)
    return moments_of(solvers::maximum(replica_law(c), static_cast<double>(replicas)));
  const Moments largest = largest_normal(replicas);
  return {replica.mean_s + std::sqrt(replica.variance_s2) * largest.mean_s, replica.variance_s2 * largest.variance_s2};
}

/// Slowness of the slowest devices relative to the mean device, mean and variance between jobs. Speeds are normal.
Moments slow_devices(const StepChainProblem& problem, const StepCondition& c) {
  if (problem.device_cv <= 0.0) return {};
  const Moments all = largest_normal(problem.devices);
  const Moments group = largest_normal(problem.group_devices);
  // While the pipeline fills, stages follow each other: their slowness averages, and the worst replica counts.
  const double filling = group.mean_s + std::sqrt(group.variance_s2 / static_cast<double>(problem.stages)) *
                                            largest_normal(problem.replicas).mean_s;
  const double cv = problem.device_cv * c.device_share;
  return {cv * (c.steady_share * all.mean_s + (1.0 - c.steady_share) * std::min(filling, all.mean_s)),
          cv * cv * c.steady_share * c.steady_share * all.variance_s2};
}

/// The step of one condition before pauses and stalls.
struct SmoothStep {
  Moments replica;
  double slow_device_s = 0.0;
  double between_jobs_s2 = 0.0;
  double tail_s = 0.0;
  Moments total() const { return {replica.mean_s + slow_device_s + tail_s, replica.variance_s2}; }
};

SmoothStep smooth_step(const StepChainProblem& problem, const StepCondition& c) {
  SmoothStep step{.replica = slowest_replica(c, problem.replicas), .tail_s = c.tail_s};
  const Moments slowness = slow_devices(problem, c);
  const double throttled = (1.0 / c.slowest_speed_ratio - 1.0) * c.device_share * c.steady_share;
  step.slow_device_s = std::max(slowness.mean_s, throttled) * step.replica.mean_s;
  step.between_jobs_s2 = slowness.variance_s2 * step.replica.mean_s * step.replica.mean_s;
  return step;
}

/// Mean number of pauses that strike work in one step; a rank that waits has nothing to delay.
double pauses_in(const StepChainProblem& problem, const StepCondition& c, const SmoothStep& smooth) {
  if (problem.pause_mean_s <= 0.0) return 0.0;
  return problem.pause_rate_per_s * static_cast<double>(problem.nodes) * c.steady_share * smooth.total().mean_s;
}

/// E[longest] = mean Ein(a), Ein(a) = integral of (1 - exp(-t)) / t from 0 to a: by its series, by Euler's constant
/// plus a logarithm beyond, where E1(a) < 1e-10.
double entire_exponential_integral(double a) {
  if (a > 20.0) return std::log(a) + std::numbers::egamma;
  double term = 1.0;
  double sum = 0.0;
  for (int k = 1; k < 200; ++k) {
    term *= -a / k;
    sum -= term / k;
    if (std::abs(term) < 1e-17 * std::max(1.0, std::abs(sum))) break;
  }
  return sum;
}

/// Longest of a Poisson number of pauses of any law G: F(x) = exp(-a (1 - G(x))).
Distribution longest_of(double count, const PhaseType& pause) {
  const Distribution one = solvers::distribution_of(pause);
  return {.cdf = [=](double x) { return x < 0.0 ? 0.0 : std::exp(-count * one.survival(x)); },
          .survival = [=](double x) { return x < 0.0 ? 1.0 : -std::expm1(-count * one.survival(x)); },
          .location_s = pause.mean_s() * (1.0 + std::log1p(count)),
          .width_s = pause.mean_s(),
          .lower_s = 0.0};
}

/// A nearly constant duration becomes an Erlang of 50 phases: a floor cannot be entered with a probability below one.
PhaseType nearly_constant(double mean_s, double scv) {
  return solvers::fit_phase_type(mean_s, std::max(scv, 1.0 / kPartPhases));
}

/// Exact for exponential pauses; others by two moments of the longest, given that there is one.
PhaseType pause_part(const StepChainProblem& problem, double count) {
  if (problem.pause_scv == 1.0) return longest_pause(count, problem.pause_mean_s);
  const Moments all = moments_of(longest_of(count, nearly_constant(problem.pause_mean_s, problem.pause_scv)));
  const double any = -std::expm1(-count);
  const double mean = all.mean_s / any;
  const double square = (all.variance_s2 + all.mean_s * all.mean_s) / any;
  const PhaseType given = nearly_constant(mean, square / (mean * mean) - 1.0);
  return PhaseType(0.0, any * given.initial(), given.rate_per_s(), given.exit_per_s());
}

double pause_mean_s(const StepChainProblem& problem, double count) {
  if (count <= 0.0) return 0.0;
  if (problem.pause_scv == 1.0) return problem.pause_mean_s * entire_exponential_integral(count);
  return pause_part(problem, count).mean_s();
}

/// A law without mass beyond 45 standard deviations above its mean, where tails as light as an exponential hold 1e-19:
/// uniformization need not be carried there.
Distribution cut_far_tail(const Distribution& law) {
  const double end_s = law.location_s + 45.0 * law.width_s;
  const auto whole = std::make_shared<const Distribution>(law);
  Distribution cut = law;
  cut.cdf = [=](double t) { return t > end_s ? 1.0 : whole->cdf(t); };
  cut.survival = [=](double t) { return t > end_s ? 0.0 : whole->survival(t); };
  return cut;
}

/// Smallest t with P(T > t) <= probability, found outwards from `near_s` in steps that start at `scale_s`, the spread
/// of the bulk: a rare stall widens the law by far more. A jump, as mixtures of constants have, is met from either
/// side.
double upper_quantile(const Distribution& law, double probability, double near_s, double scale_s) {
  if (law.survival(law.lower_s) <= probability) return law.lower_s;
  if (scale_s <= 0.0) scale_s = law.width_s;
  const auto excess = [&](double t) { return std::log(probability) - std::log(law.survival(t)); };
  double low = near_s;
  for (double step = 0.25 * scale_s; excess(low) >= 0.0 && low > law.lower_s; step *= 2.0)
    low = std::max(law.lower_s, near_s - step);
  double high = near_s;
  for (double step = 0.25 * scale_s; excess(high) < 0.0; step *= 2.0) high = near_s + step;
  return solvers::find_root(excess, low, high, 1e-13);
}

/// A part of the final mixture.
struct Part {
  double weight = 0.0;
  Distribution law;
  double mean_s = 0.0;
  double variance_s2 = 0.0;
};

/// Mixes parts and counts the states of their chains.
class StepLaw {
 public:
  explicit StepLaw(const StepChainProblem& problem) : problem_(problem) {
    for (const StepCondition& c : problem.conditions) add(c);
  }

  StepChain finish(StepChain chain) const {
    std::vector<double> weights;
    std::vector<Distribution> laws;
    double variance = 0.0;
    for (const Part& part : parts_) {
      weights.push_back(part.weight);
      laws.push_back(part.law);
      const double off = part.mean_s - chain.mean_s;
      variance += part.weight * (part.variance_s2 + off * off);
    }
    chain.law = laws.size() == 1 ? laws.front() : solvers::mixture(weights, laws);
    chain.std_s = std::sqrt(variance);
    chain.states = states_;
    chain.transitions = transitions_;
    chain.stall_probability = stall_probability_;
    chain.between_jobs_std_s = std::sqrt(between_jobs_s2_);
    return chain;
  }

  /// The part of most weight.
  const Part& bulk() const {
    return *std::max_element(parts_.begin(), parts_.end(),
                             [](const Part& a, const Part& b) { return a.weight < b.weight; });
  }
  double bulk_spread_s() const { return std::sqrt(bulk().variance_s2); }

 private:
  void add(const StepCondition& c) {
    const SmoothStep smooth = smooth_step(problem_, c);
    between_jobs_s2_ += c.probability * smooth.between_jobs_s2;
    const double pauses = pauses_in(problem_, c, smooth);
    const PhaseType pause = pauses > 0.0 ? pause_part(problem_, pauses) : PhaseType();
    const Moments body{smooth.total().mean_s + pause.mean_s(), smooth.total().variance_s2 + pause.variance_s2()};
    const double stalls = problem_.stall_mean_s > 0.0 ? problem_.stall_rate_per_s * body.mean_s : 0.0;
    const double any = -std::expm1(-stalls);
    stall_probability_ += c.probability * any;
    parts_.push_back({c.probability * (1.0 - any), body_law(c, smooth, pause), body.mean_s, body.variance_s2});
    if (any > 0.0) add_stalled(c.probability * any, body, stalls / any);
  }

  /// Constant, exact order statistic where nothing else is random, or replica (fitted) + pause.
  Distribution body_law(const StepCondition& c, const SmoothStep& smooth, const PhaseType& pause) {
    const double shift = smooth.slow_device_s + smooth.tail_s;
    if (pause.phases() == 0) return exact_join(c, smooth, shift);
    const double spread = std::sqrt(smooth.replica.variance_s2);
    const bool constant = spread <= kNegligibleSpread * std::sqrt(pause.variance_s2());
    if (constant && problem_.pause_scv == 1.0) return pauses_only(c, smooth, shift, pause);
    const PhaseType replica = constant ? solvers::constant(smooth.replica.mean_s)
                                       : solvers::fit_phase_type(smooth.replica.mean_s, scv_of(smooth.replica));
    return cut_far_tail(remember(solvers::shifted(solvers::convolution(replica, pause), shift)));
  }

  /// The pause chain alone, by the closed form of its law; its states are counted as if it were solved.
  Distribution pauses_only(const StepCondition& c, const SmoothStep& smooth, double shift, const PhaseType& pause) {
    const double start = smooth.replica.mean_s + shift;
    const double count = pauses_in(problem_, c, smooth);
    const double mean = problem_.pause_mean_s;
    states_ += pause.phases() + 1;
    transitions_ += pause.phases();
    const auto expected_longer = [=](double t) { return count * std::exp(-(t - start) / mean); };
    return {.cdf = [=](double t) { return t < start ? 0.0 : std::exp(-expected_longer(t)); },
            .survival = [=](double t) { return t < start ? 1.0 : -std::expm1(-expected_longer(t)); },
            .location_s = start + pause.mean_s(),
            .width_s = std::sqrt(pause.variance_s2()),
            .lower_s = start};
  }

  Distribution exact_join(const StepCondition& c, const SmoothStep& smooth, double shift) {
    if (smooth.replica.variance_s2 <= 0.0) return remember(solvers::constant(smooth.replica.mean_s + shift));
    const Distribution join = solvers::maximum(replica_law(c), static_cast<double>(problem_.replicas));
    ++states_;
    return {.cdf = [=](double t) { return join.cdf(t - shift); },
            .survival = [=](double t) { return join.survival(t - shift); },
            .location_s = join.location_s + shift,
            .width_s = join.width_s,
            .lower_s = join.lower_s + shift};
  }

  /// At least one stall: its sum given that there is one, and the body as a constant plus its variance.
  void add_stalled(double weight, const Moments& body, double mean_number) {
    const double mean = mean_number * problem_.stall_mean_s;
    // Compound Poisson given at least one: E[X^2] of the sum, with q = P(N >= 1) = a / mean_number.
    const double second = mean_number * (1.0 + problem_.stall_scv) * problem_.stall_mean_s * problem_.stall_mean_s;
    const double a = problem_.stall_rate_per_s * body.mean_s;
    const double variance = second + mean * a * problem_.stall_mean_s - mean * mean + body.variance_s2;
    PhaseType law = nearly_constant(mean, std::max(0.0, variance) / (mean * mean));
    law = solvers::shifted(law, body.mean_s);
    parts_.push_back({weight, remember(law), body.mean_s + mean, std::max(0.0, variance)});
  }

  Distribution remember(const PhaseType& law) {
    states_ += law.phases() + 1;
    transitions_ += law.rate_per_s().nonZeros() + (law.exit_per_s().array() > 0.0).count();
    return solvers::distribution_of(law);
  }

  const StepChainProblem& problem_;
  std::vector<Part> parts_;
  long long states_ = 0;
  long long transitions_ = 0;
  double stall_probability_ = 0.0;
  double between_jobs_s2_ = 0.0;
};

}  // namespace

PhaseType longest_pause(double count, double mean_s) {
  const int phases = std::min(kPausePhases, 8 + static_cast<int>(std::ceil(count + 10.0 * std::sqrt(count))));
  // Most pauses first: then phases feed forward.
  const auto phase_of = [&](int running) { return phases - running; };
  Eigen::VectorXd initial = Eigen::VectorXd::Zero(phases);
  double left = -std::expm1(-count);
  double term = std::exp(-count);
  for (int n = 1; n < phases; ++n) {
    term *= count / n;
    initial(phase_of(n)) = std::min(term, left);
    left -= initial(phase_of(n));
  }
  initial(phase_of(phases)) = std::max(0.0, left);
  Eigen::VectorXd exit = Eigen::VectorXd::Zero(phases);
  exit(phase_of(1)) = 1.0 / mean_s;
  PhaseType::Rates rate(phases, phases);
  rate.reserve(phases - 1);
  for (int n = phases; n > 1; --n) rate.insert(phase_of(n), phase_of(n - 1)) = n / mean_s;
  // The mean time above the last phase: what the exact mean has more than the truncated chain.
  const PhaseType chain(0.0, initial, rate, exit);
  const double missing = mean_s * entire_exponential_integral(count) - chain.mean_s();
  return missing > 1e-12 * mean_s ? solvers::shifted(chain, missing) : chain;
}

StepMeans step_means(const StepChainProblem& problem) {
  StepMeans means;
  for (const StepCondition& c : problem.conditions) {
    const SmoothStep smooth = smooth_step(problem, c);
    const double pause = pause_mean_s(problem, pauses_in(problem, c, smooth));
    const double body = smooth.total().mean_s + pause;
    const double stall = problem.stall_rate_per_s * body * problem.stall_mean_s;
    means.mean_s += c.probability * (body + stall);
    means.replica_wait_s += c.probability * (smooth.replica.mean_s - c.replica.mean_s);
    means.slow_device_s += c.probability * smooth.slow_device_s;
    means.pause_s += c.probability * pause;
    means.stall_s += c.probability * stall;
  }
  return means;
}

StepChain build_step_chain(const StepChainProblem& problem) {
  StepChain chain;
  static_cast<StepMeans&>(chain) = step_means(problem);
  const StepLaw law(problem);
  chain = law.finish(std::move(chain));
  chain.p50_s = upper_quantile(chain.law, 0.50, law.bulk().mean_s, law.bulk_spread_s());
  chain.p95_s = upper_quantile(chain.law, 0.05, chain.p50_s, law.bulk_spread_s());
  chain.p99_s = upper_quantile(chain.law, 0.01, chain.p95_s, law.bulk_spread_s());
  return chain;
}

}  // namespace windtunnel::modeling
