// SPDX-License-Identifier: Apache-2.0
#include "solvers/arrivals/arrival_sample.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace windtunnel::solvers {

namespace {

constexpr double kFewestWindows = 20.0;
/// Rows of w per factor of ten.
constexpr double kRowsPerDecade = 12.0;
/// Two levels are not expected to come nearer than this to all windows.
constexpr double kModelError = 0.05;
/// Squared errors, in their standard deviations, that bursts must explain to be believed in.
constexpr double kLeastGain = 12.0;

std::vector<double> gaps_of(std::span<const double> arrival_s) {
  std::vector<double> gaps;
  for (std::size_t i = 1; i < arrival_s.size(); ++i) gaps.push_back(arrival_s[i] - arrival_s[i - 1]);
  return gaps;
}

/// Numbers of arrivals in consecutive windows; a last part of a window is left out.
std::vector<double> counts_in(std::span<const double> arrival_s, double seconds) {
  const double start_s = arrival_s.front();
  std::vector<double> counts(static_cast<std::size_t>((arrival_s.back() - start_s) / seconds), 0.0);
  for (const double at_s : arrival_s) {
    const auto window = static_cast<std::size_t>((at_s - start_s) / seconds);
    if (window < counts.size()) counts[window] += 1.0;
  }
  return counts;
}

double dispersion_of(const std::vector<double>& counts) {
  double mean = 0.0, squares = 0.0;
  const double n = static_cast<double>(counts.size());
  for (const double one : counts) mean += one / n;
  for (const double one : counts) squares += (one - mean) * (one - mean);
  return squares / (n - 1.0) / mean;
}

/// One over the variance of a window's error: that of m counts is 2 / (m - 1) relative; even arrivals have none.
double weight_of(const ArrivalSample::Window& window) {
  const double scale = std::max(0.1, window.dispersion);
  return 1.0 / (scale * scale * (kModelError * kModelError + 2.0 / (window.count - 1.0)));
}

}  // namespace

ArrivalSample measure_arrivals(std::span<const double> arrival_s) {
  if (arrival_s.size() < 2 || !(arrival_s.back() > arrival_s.front()))
    throw std::invalid_argument("arrivals at fewer than two times");
  const std::vector<double> gaps = gaps_of(arrival_s);
  const double n = static_cast<double>(gaps.size()), mean_s = (arrival_s.back() - arrival_s.front()) / n;
  double variance = 0.0, neighbours = 0.0;
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    variance += (gaps[i] - mean_s) * (gaps[i] - mean_s) / n;
    if (i > 0) neighbours += (gaps[i] - mean_s) * (gaps[i - 1] - mean_s) / (n - 1.0);
  }
  ArrivalSample sample{.rate_per_s = 1.0 / mean_s, .scv = variance / (mean_s * mean_s)};
  if (variance > 0.0 && gaps.size() > 1) sample.lag1_correlation = neighbours / variance;
  for (double held = 1.0; n / held >= kFewestWindows; held *= std::sqrt(10.0)) {
    const std::vector<double> counts = counts_in(arrival_s, held * mean_s);
    sample.windows.push_back({held * mean_s, dispersion_of(counts), static_cast<double>(counts.size())});
  }
  // A hair shorter than a tenth, so that the last one is whole.
  const double tenth_s = 0.1 * (1.0 - 1e-9) * n * mean_s;
  const std::vector<double> tenths = counts_in(arrival_s, tenth_s);
  sample.busiest_tenth_ratio = *std::max_element(tenths.begin(), tenths.end()) / (tenth_s * sample.rate_per_s);
  return sample;
}

namespace {

/// Dispersion 1 + excess grown_ratio(w t), and its weighted squared errors.
struct Curve {
  double w_per_s = 1.0;
  double excess = 0.0;
  double error = 0.0;
};

Curve nearest_curve(const ArrivalSample& sample, double w_per_s) {
  double both = 0.0, square = 0.0;
  Curve curve{.w_per_s = w_per_s};
  for (const ArrivalSample::Window& one : sample.windows) {
    const double weight = weight_of(one), shape = grown_ratio(w_per_s * one.seconds);
    both += weight * shape * (one.dispersion - 1.0);
    square += weight * shape * shape;
  }
  curve.excess = std::max(0.0, both / square);
  for (const ArrivalSample::Window& one : sample.windows) {
    const double error = 1.0 + curve.excess * grown_ratio(w_per_s * one.seconds) - one.dispersion;
    curve.error += weight_of(one) * error * error;
  }
  return curve;
}

}  // namespace

std::optional<SwitchedPoisson> fit_switched_poisson(const ArrivalSample& sample) {
  if (sample.windows.empty()) return std::nullopt;
  // Memories from a third of the shortest window to three times the longest.
  const double first = 1.0 / (3.0 * sample.windows.back().seconds), last = 3.0 / sample.windows.front().seconds;
  Curve best = nearest_curve(sample, first);
  for (double w = first; w <= last; w *= std::pow(10.0, 1.0 / kRowsPerDecade))
    if (const Curve curve = nearest_curve(sample, w); curve.error < best.error) best = curve;
  double poisson = 0.0;
  for (const ArrivalSample::Window& one : sample.windows)
    poisson += weight_of(one) * (one.dispersion - 1.0) * (one.dispersion - 1.0);
  if (best.excess <= 0.0 || poisson - best.error < kLeastGain) return std::nullopt;
  return switched_by_variance(sample.rate_per_s, 0.5 * best.excess * sample.rate_per_s * best.w_per_s, best.w_per_s);
}

double gap_distance(std::span<const double> arrival_s, const std::optional<SwitchedPoisson>& fitted,
                    double rate_per_s) {
  std::vector<double> gaps = gaps_of(arrival_s);
  std::sort(gaps.begin(), gaps.end());
  const double n = static_cast<double>(gaps.size());
  double distance = 0.0;
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    const double longer = fitted ? gap_survival(*fitted, gaps[i]) : std::exp(-rate_per_s * gaps[i]);
    distance = std::max({distance, std::abs(1.0 - longer - static_cast<double>(i) / n),
                         std::abs(1.0 - longer - static_cast<double>(i + 1) / n)});
  }
  return distance;
}

}  // namespace windtunnel::solvers
