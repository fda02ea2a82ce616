// SPDX-License-Identifier: Apache-2.0
#include "solvers/arrivals/arrival_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "solvers/phase_type/phase_type_matching.h"

namespace windtunnel::solvers {
namespace {

// Interarrival law: phase 1 (slow) with probability p, then phase 2 always; rates slow <= fast.
struct TwoPhaseLaw {
  double p = 0.0, slow_per_s = 0.0, fast_per_s = 0.0;
  double ratio() const { return slow_per_s / fast_per_s; }
};

TwoPhaseLaw law_of(const PhaseType& duration) {
  if (duration.phases() == 1) return {0.0, duration.leave_per_s()(0), duration.leave_per_s()(0)};
  return {duration.initial()(0), duration.leave_per_s()(0), duration.leave_per_s()(1)};
}

// Decay factors gamma that the canonical forms reach with this law. Positive: a and b = gamma / a solve ratio a^2 - s a
// + gamma = 0, s = 1 - p + gamma (ratio + p), real as long as s^2 >= 4 ratio gamma. Negative: b = p + |gamma| (p +
// ratio) <= 1 and a = |gamma| / b <= 1.
CorrelationRange decay_range(const TwoPhaseLaw& law) {
  const double p = law.p, r = law.ratio(), sum = p + r;
  CorrelationRange range{-(1.0 - p) / sum, 1.0};
  if (sum < 1.0) range.lower = std::max(range.lower, -p / (1.0 - sum));
  if (sum >= 1.0) {
    const double root = std::sqrt(r * p * (sum - 1.0));
    range.upper = std::min(1.0, (1.0 - p) * (1.0 - p) / (2.0 * r - (1.0 - p) * sum + 2.0 * root));
  }
  return range;
}

// lag-1 correlation = gamma * this.
double correlation_per_decay(const PhaseType& duration) {
  return 0.5 * (duration.scv() - 1.0) / duration.scv();
}

MarkovianArrivals canonical(const TwoPhaseLaw& law, double gamma) {
  const double p = law.p, r = law.ratio(), slow = law.slow_per_s, fast = law.fast_per_s;
  Matrix silent = Matrix::Zero(2, 2), arrival = Matrix::Zero(2, 2);
  if (gamma > 0.0) {
    const double s = 1.0 - p + gamma * (r + p);
    const double b = 0.5 * (s + std::sqrt(std::max(0.0, s * s - 4.0 * r * gamma)));
    const double a = std::min(1.0, gamma / b);
    silent(0, 1) = (1.0 - a) * slow;
    arrival << a * slow, 0.0, std::max(0.0, 1.0 - b) * fast, std::min(1.0, b) * fast;
  } else {
    const double b = std::min(1.0, p - gamma * (p + r)), a = gamma < 0.0 ? std::min(1.0, -gamma / b) : 0.0;
    silent(0, 1) = (1.0 - a) * slow;
    arrival << 0.0, a * slow, b * fast, (1.0 - b) * fast;
  }
  return MarkovianArrivals(silent, arrival);
}

void check_correlation(double correlation) {
  if (!(std::abs(correlation) < 1.0))
    throw std::invalid_argument(fmt::format("correlation {}, expected between -1 and 1", correlation));
}

std::string moved(const char* what, double to, double from) {
  return fmt::format("{} {:.6g} instead of {:.6g}", what, to, from);
}

std::string joined(const std::string& first, const std::string& second) {
  return first.empty() ? second : second.empty() ? first : first + "; " + second;
}

}  // namespace

CorrelationRange correlation_range_of_two_phases(double m1, double m2, double m3) {
  const PhaseType duration = match_two_phases(m1, m2, m3).duration;
  if (std::abs(duration.scv() - 1.0) < 1e-9) return {0.0, 0.0};
  const CorrelationRange decay = decay_range(law_of(duration));
  const double factor = correlation_per_decay(duration);
  const double one = factor * decay.lower, other = factor * decay.upper;
  return {std::min(one, other), std::max(one, other)};
}

ArrivalFit fit_arrivals(double m1, double m2, double m3, double lag1_correlation) {
  check_correlation(lag1_correlation);
  const PhaseTypeMatch match = match_two_phases(m1, m2, m3);
  const CorrelationRange range = correlation_range_of_two_phases(m1, m2, m3);
  // 1e-9 inside: at a decay of 1 the phase never changes.
  const double width = range.upper - range.lower;
  const double correlation = std::clamp(lag1_correlation, range.lower + 1e-9 * width, range.upper - 1e-9 * width);
  std::string adjustment = match.adjustment;
  if (std::abs(correlation - lag1_correlation) > 1e-12)
    adjustment = joined(adjustment, moved("correlation", correlation, lag1_correlation));
  const bool is_exact = adjustment.empty();
  if (correlation == 0.0 || width == 0.0) return {renewal_arrivals(match.duration), is_exact, adjustment};
  const double gamma = correlation / correlation_per_decay(match.duration);
  return {canonical(law_of(match.duration), gamma), is_exact, adjustment};
}

// With rates l +- d and switching at s both ways: decay g / (1 + g), g = (l^2 - d^2) / (2 l s); dispersion I = 1 + d^2
// / (l s); and I = scv + g (scv - 1), so s = l / (2 g + I - 1).
ArrivalFit fit_switched_poisson(double mean_s, double scv, double lag1_correlation) {
  check_correlation(lag1_correlation);
  if (!(mean_s > 0.0) || std::isinf(mean_s) || !(scv >= 0.0) || std::isinf(scv))
    throw std::invalid_argument(fmt::format("mean {} s and scv {} of interarrival times", mean_s, scv));
  const double rate = 1.0 / mean_s;
  std::string adjustment;
  if (scv <= 1.0) {
    if (scv < 1.0) adjustment = moved("scv", 1.0, scv);
    if (lag1_correlation != 0.0) adjustment = joined(adjustment, moved("correlation", 0.0, lag1_correlation));
    return {poisson_arrivals(rate), adjustment.empty(), adjustment};
  }
  const double bound = 0.5 * (scv - 1.0) / scv;
  const double correlation = std::clamp(lag1_correlation, 0.0, bound * (1.0 - 1e-6));
  if (correlation != lag1_correlation) adjustment = moved("correlation", correlation, lag1_correlation);
  const double decay = correlation / bound, g = decay / (1.0 - decay);
  const double excess = (scv - 1.0) * (1.0 + g);  // I - 1
  const double change = rate / (2.0 * g + excess), deviation = std::sqrt(excess * rate * change);
  Matrix switching(2, 2);
  switching << 0.0, change, change, 0.0;
  // (l - d)(l + d) = 2 l s g: the slow rate without cancellation.
  const double fast = rate + deviation, slow = 2.0 * rate * change * g / fast;
  return {switched_poisson_arrivals(switching, (Vector(2) << slow, fast).finished()), adjustment.empty(), adjustment};
}

}  // namespace windtunnel::solvers
