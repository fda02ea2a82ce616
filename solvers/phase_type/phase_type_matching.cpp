// SPDX-License-Identifier: Apache-2.0
#include "solvers/phase_type/phase_type_matching.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <vector>

#include "solvers/numerics/root_finding.h"

namespace windtunnel::solvers {
namespace {

void check_moments(double m1, double m2, double m3) {
  const bool is_finite = std::isfinite(m1) && std::isfinite(m2) && std::isfinite(m3);
  if (is_finite && m1 > 0.0 && m2 > m1 * m1 && m3 > 0.0) return;
  throw std::invalid_argument(fmt::format("moments {}, {}, {} of no spread-out positive duration", m1, m2, m3));
}

// Phases in a row with these rates, entered at the first with probability p, else at phase `second`.
PhaseType row_of_phases(const std::vector<double>& rates_per_s, double p, int second) {
  const auto n = static_cast<int>(rates_per_s.size());
  std::vector<Eigen::Triplet<double>> triplets;
  for (int i = 0; i + 1 < n; ++i) triplets.emplace_back(i, i + 1, rates_per_s[static_cast<std::size_t>(i)]);
  PhaseType::Rates rates(n, n);
  rates.setFromTriplets(triplets.begin(), triplets.end());
  Eigen::VectorXd initial = Eigen::VectorXd::Zero(n), exits = Eigen::VectorXd::Zero(n);
  initial(0) = p;
  initial(second) += 1.0 - p;
  exits(n - 1) = rates_per_s.back();
  return PhaseType(0.0, initial, rates, exits);
}

// Transform (1 + c s) / ((1 + x s)(1 + y s)) with x >= y; expanding it gives the moments over k!, r1 r2 r3. Mean 1.
std::optional<PhaseType> two_phases(double n2, double m3, double mean_s) {
  const double r2 = 0.5 * n2, r3 = m3 / 6.0;
  // scv 1: r2 = 1; any other third moment than the exponential's is out of reach.
  if (std::abs(r2 - 1.0) < 1e-12)
    return std::abs(r3 - 1.0) < 1e-9 ? std::optional(exponential(1.0 / mean_s)) : std::nullopt;
  const double sum = (r3 - r2) / (r2 - 1.0), product = sum - r2;
  const double discriminant = sum * sum - 4.0 * product;
  // 1e-12: rounding at the edge of the region, where the two phases are equal.
  if (!(sum > 0.0 && product > 0.0 && discriminant >= -1e-12 * sum * sum)) return std::nullopt;
  const double x = 0.5 * (sum + std::sqrt(std::max(0.0, discriminant))), y = product / x;
  const double p = 1.0 - (sum - 1.0) / x;
  if (!(p >= -1e-9 && p <= 1.0 + 1e-9)) return std::nullopt;
  return row_of_phases({1.0 / (x * mean_s), 1.0 / (y * mean_s)}, std::clamp(p, 0.0, 1.0), 1);
}

// Erlang of k phases entered with probability p, then one exponential phase of mean e (mean 1 in all). p k theta = 1 -
// e and (k + 1) theta (1 - e) = m2 - 2 e; what is left of the third moment is a quadratic in e.
std::optional<PhaseType> erlang_then_exponential(int k, double n2, double m3, double mean_s) {
  const double c = (k + 2.0) / (k + 1.0);
  const double a = 4.0 * c - 3.0 * n2, b = -4.0 * c * n2 + 3.0 * n2 + m3, constant = c * n2 * n2 - m3;
  const double discriminant = b * b - 4.0 * a * constant;
  if (!(discriminant >= 0.0)) return std::nullopt;
  const double root = std::sqrt(discriminant);
  const double q = -0.5 * (b + std::copysign(root, b));
  for (const double e : {q / a, constant / q}) {
    if (!(e > 0.0 && e < 1.0 && n2 > 2.0 * e)) continue;
    const double theta = (n2 - 2.0 * e) / ((k + 1.0) * (1.0 - e)), p = (1.0 - e) / (k * theta);
    if (!(p > 0.0 && p <= 1.0 + 1e-9)) continue;
    std::vector<double> rates(static_cast<std::size_t>(k), 1.0 / (theta * mean_s));
    rates.push_back(1.0 / (e * mean_s));
    return row_of_phases(rates, std::min(p, 1.0), k);
  }
  return std::nullopt;
}

// One exponential phase of mean e entered with probability p, then an Erlang of k phases and mean w always.
struct ExponentialThenErlang {
  int k;
  double n2;
  /// 2 e (1 - w), from the second moment.
  double spread(double w) const { return n2 - 2.0 * w * (1.0 - w) - (k + 1.0) / k * w * w; }
  /// (1 - w) times the third moment.
  double third(double w) const {
    const double q = spread(w), erlang2 = (k + 1.0) / k * w * w, erlang3 = erlang2 * (k + 2.0) / k * w;
    return 1.5 * q * q + (1.0 - w) * (3.0 * q * w + 3.0 * (1.0 - w) * erlang2 + erlang3);
  }
};

std::optional<PhaseType> exponential_then_erlang(int k, double n2, double m3, double mean_s) {
  const ExponentialThenErlang form{k, n2};
  const auto miss = [&](double w) { return form.third(w) - (1.0 - w) * m3; };
  // A quartic in w: its roots are apart by more than 1 / 400 except at the edge of the region.
  constexpr int kCells = 400;
  for (int cell = 0; cell < kCells; ++cell) {
    const double low = static_cast<double>(cell) / kCells, high = (cell + 1.0) / kCells;
    if (miss(low) * miss(high) > 0.0) continue;
    const double w = find_root(miss, low, high, 1e-15, 1e-16);
    const double e = form.spread(w) / (2.0 * (1.0 - w)), p = (1.0 - w) / e;
    if (!(w > 0.0 && w < 1.0 && e > 0.0 && p <= 1.0 + 1e-9)) continue;
    std::vector<double> rates{1.0 / (e * mean_s)};
    rates.insert(rates.end(), static_cast<std::size_t>(k), k / (w * mean_s));
    return row_of_phases(rates, std::min(p, 1.0), 1);
  }
  return std::nullopt;
}

std::optional<PhaseType> acyclic(int phases, double n2, double m3, double mean_s) {
  if (phases == 2) return two_phases(n2, m3, mean_s);
  if (n2 < (phases + 1.0) / phases) return std::nullopt;
  auto form = erlang_then_exponential(phases - 1, n2, m3, mean_s);
  return form ? form : exponential_then_erlang(phases - 1, n2, m3, mean_s);
}

// The third moment nearest to m3 for which `reach` has an answer, between a reached one and m3, by bisection.
PhaseType nearest_reached(const std::function<std::optional<PhaseType>(double)>& reach, double reached, double wanted) {
  PhaseType best = reach(reached).value();
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (reached + wanted);
    if (auto form = reach(middle)) {
      best = *form;
      reached = middle;
    } else {
      wanted = middle;
    }
  }
  return best;
}

std::string adjustment_of(double m2, double m3, const PhaseType& duration) {
  const auto raw = duration.moments().raw();
  std::string text;
  if (std::abs(raw[1] / m2 - 1.0) > 1e-9) text += fmt::format("second moment {:.6g} instead of {:.6g}; ", raw[1], m2);
  if (std::abs(raw[2] / m3 - 1.0) > 1e-9) text += fmt::format("third moment {:.6g} instead of {:.6g}; ", raw[2], m3);
  return text.empty() ? text : text.substr(0, text.size() - 2);
}

PhaseTypeMatch match_of(double m2, double m3, PhaseType duration) {
  std::string adjustment = adjustment_of(m2, m3, duration);
  const bool is_exact = adjustment.empty();
  return {std::move(duration), is_exact, std::move(adjustment)};
}

// A third moment that `phases` reach at n2: of an exponential phase and the whole Erlang below scv 1 (p = 1 above), of
// two phases otherwise.
double some_reached_third(int phases, double n2) {
  if (n2 >= 2.0) return 3.0 * n2 * n2;
  const double k = phases - 1.0, ratio = (k + 1.0) / k;
  const double e = (1.0 / k + std::sqrt(std::max(0.0, 1.0 / (k * k) - ratio * (ratio - n2)))) / ratio;
  return (k + 2.0) / (k + 1.0) * (n2 - 2.0 * e) * (n2 - 2.0 * e) / (1.0 - e) + 3.0 * e * (n2 - 2.0 * e) + 6.0 * e * e;
}

}  // namespace

ThirdMomentRange third_moment_range_of_two_phases(double n2) {
  const double infinity = std::numeric_limits<double>::infinity(), scv = n2 - 1.0;
  if (n2 < 1.5) return {infinity, -infinity};
  if (n2 >= 2.0) return {1.5 * n2, n2 == 2.0 ? 3.0 : infinity};
  return {3.0 * (3.0 * scv - 1.0 + std::sqrt(2.0) * std::pow(1.0 - scv, 1.5)) / n2, 6.0 * scv / n2};
}

PhaseTypeMatch match_two_phases(double m1, double m2, double m3) {
  check_moments(m1, m2, m3);
  const double n2 = std::max(1.5, m2 / (m1 * m1));
  const ThirdMomentRange range = third_moment_range_of_two_phases(n2);
  // The lower bound of scv > 1 is reached only in the limit; 1e-6 above it the rates still differ by a finite factor.
  const double least = n2 > 2.0 ? range.lower * (1.0 + 1e-6) : range.lower;
  const double n3 = std::clamp(m3 / (m1 * m2) * (m2 / (m1 * m1)) / n2, least, std::max(least, range.upper));
  if (auto form = two_phases(n2, n3 * n2, m1)) return match_of(m2, m3, *form);
  // Erlang(2) at scv 0.5, exponential at 1: the region is a point there.
  return match_of(m2, m3, n2 < 1.75 ? erlang(2, 2.0 / m1) : exponential(1.0 / m1));
}

PhaseTypeMatch match_acyclic(double m1, double m2, double m3, int max_phases) {
  check_moments(m1, m2, m3);
  if (max_phases < 2) throw std::invalid_argument(fmt::format("max_phases {}, expected at least 2", max_phases));
  const double n2 = m2 / (m1 * m1), third = m3 / (m1 * m1 * m1);
  if (std::abs(n2 - 2.0) < 1e-12 && std::abs(third - 6.0) < 1e-9) return {exponential(1.0 / m1), true, ""};
  for (int phases = 2; phases <= max_phases; ++phases)
    if (auto form = acyclic(phases, n2, third, m1)) return match_of(m2, m3, *form);
  // At the least scv of this order only the Erlang law is left.
  if (n2 <= (max_phases + 1.0) / max_phases * (1.0 + 1e-6))
    return match_of(m2, m3, erlang(max_phases, max_phases / m1));
  const auto reach = [&](double candidate) { return acyclic(max_phases, n2, candidate, m1); };
  return match_of(m2, m3, nearest_reached(reach, some_reached_third(max_phases, n2), third));
}

// In normalised moments n2 = m2 / m1^2, n3 = m3 / (m1 m2): an atom brings n3 above 2 n2 - 1, Erlang phases are taken
// off until n2 is above 2, and two Coxian phases take the rest.
PhaseType match_erlang_coxian(double m1, double m2, double m3) {
  check_moments(m1, m2, m3);
  const double n2 = m2 / (m1 * m1), n3 = m3 / (m1 * m2);
  if (n3 <= n2) throw std::invalid_argument(fmt::format("moments {}, {}, {} of no positive duration", m1, m2, m3));
  double kept = n3 < 2.0 * n2 - 1.0 ? 1.0 / (2.0 * n2 - n3) : 1.0;
  // w2 / (w2 - 1) is the least number of phases, whole or not; just above a whole number the last phases would differ
  // by orders of magnitude, so a little more of an atom moves it on.
  double least = kept * n2 / (kept * n2 - 1.0);
  const double whole = std::floor(least + 0.05);
  if (kept * n2 < 2.0 + 1e-9 && least - whole < 0.2) {
    least = whole + 0.2;
    kept = std::min(kept, least / (least - 1.0) / n2);
  }
  if (!(least <= 1000.0)) throw std::invalid_argument(fmt::format("scv {} needs more than 1000 phases", n2 - 1.0));
  const double w2 = kept * n2, mean_s = m1 / kept;
  const int phases = std::max(2, static_cast<int>(std::floor(least)) + 1);
  const double x2 = ((phases - 3) * w2 - (phases - 2)) / ((phases - 2) * w2 - (phases - 1));
  const double rest_mean_s = mean_s / ((phases - 2) * x2 - (phases - 3)), stage_s = (x2 - 1.0) * rest_mean_s;
  // The rest's moments: cumulants of the whole (without its atom) less those of phases - 2 stages.
  const double k2 = m2 / kept - mean_s * mean_s, k3 = m3 / kept - 3.0 * mean_s * m2 / kept + 2.0 * std::pow(mean_s, 3);
  const double rest_k2 = k2 - (phases - 2) * stage_s * stage_s,
               rest_k3 = k3 - 2.0 * (phases - 2) * std::pow(stage_s, 3);
  const double rest_m2 = rest_k2 + rest_mean_s * rest_mean_s;
  const double rest_m3 = rest_k3 + 3.0 * rest_mean_s * rest_m2 - 2.0 * std::pow(rest_mean_s, 3);
  const PhaseTypeMatch rest = match_two_phases(rest_mean_s, rest_m2, rest_m3);
  const PhaseType body = phases > 2 ? convolution(erlang(phases - 2, 1.0 / stage_s), rest.duration) : rest.duration;
  return kept == 1.0 ? body : PhaseType(0.0, kept * body.initial(), body.rate_per_s(), body.exit_per_s());
}

PhaseType match_long_tail(const std::function<double(double)>& survival, double shortest_s, double longest_s,
                          int phases) {
  if (phases < 2 || !(shortest_s > 0.0) || !(longest_s > shortest_s))
    throw std::invalid_argument(fmt::format(
        "{} phases between {} s and {} s, expected at least 2 and an increasing range", phases, shortest_s, longest_s));
  // Each phase is fitted at a point c and at b c, with b below the distance to the next point.
  const double step = std::pow(longest_s / shortest_s, 1.0 / (phases - 1)), b = std::sqrt(step);
  std::vector<double> weights, rates;
  const auto left = [&](double t) {
    double value = survival(t);
    for (std::size_t i = 0; i < weights.size(); ++i) value -= weights[i] * std::exp(-rates[i] * t);
    return value;
  };
  double total = 0.0;
  for (int i = 0; i < phases; ++i) {
    const double point = longest_s / std::pow(step, i);
    const bool is_last = i + 1 == phases;
    const double rate = is_last ? std::log((1.0 - total) / left(point)) / point
                                : std::log(left(point) / left(b * point)) / ((b - 1.0) * point);
    const double weight = is_last ? 1.0 - total : left(point) * std::exp(rate * point);
    if (!(rate > 0.0 && weight > 0.0))
      throw std::invalid_argument(
          fmt::format("the tail is not long around {} s: weight {}, rate {} /s", point, weight, rate));
    weights.push_back(weight);
    rates.push_back(rate);
    total += weight;
  }
  return hyperexponential(weights, rates);
}

}  // namespace windtunnel::solvers
