// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/calibration/fit.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace windtunnel::modeling {

namespace {

constexpr double kFirstStep = 1.5;
constexpr double kLastStep = 1.002;

/// Tries one step up and one down; true when either helped.
bool improve(std::vector<double>& x, std::size_t i, double step, const FitParameter& range, double& best,
             const std::function<double(const std::vector<double>&)>& objective) {
  for (const double factor : {step, 1.0 / step}) {
    std::vector<double> trial = x;
    trial[i] = std::clamp(x[i] * factor, range.low, range.high);
    if (trial[i] == x[i]) continue;
    const double value = objective(trial);
    if (value >= best) continue;
    best = value;
    x = std::move(trial);
    return true;
  }
  return false;
}

/// From one start; `best` is its objective.
std::vector<double> descend(std::vector<double> x, const std::vector<FitParameter>& parameters,
                            const std::function<double(const std::vector<double>&)>& objective, double& best) {
  best = objective(x);
  for (double step = kFirstStep; step > kLastStep; step = 1.0 + (step - 1.0) / 2.0) {
    // At most a few dozen moves per step size, so that a plateau cannot hold the fit.
    for (int move = 0; move < 40; ++move) {
      bool moved = false;
      for (std::size_t i = 0; i < x.size(); ++i) moved |= improve(x, i, step, parameters[i], best, objective);
      if (!moved) break;
    }
  }
  return x;
}

}  // namespace

std::vector<double> fit_parameters(const std::vector<FitParameter>& parameters,
                                   const std::function<double(const std::vector<double>&)>& objective) {
  std::vector<double> best;
  double lowest = std::numeric_limits<double>::infinity();
  // Kinks make local minima: three starts, the ranges' own and a quarter and four times of it.
  for (const double shift : {1.0, 0.25, 4.0}) {
    std::vector<double> start;
    for (const FitParameter& p : parameters) start.push_back(std::clamp(p.start * shift, p.low, p.high));
    double value = 0.0;
    std::vector<double> found = descend(start, parameters, objective, value);
    if (value < lowest) {
      lowest = value;
      best = std::move(found);
    }
  }
  return best;
}

double median_relative_error(const std::vector<double>& predicted, const std::vector<double>& measured) {
  std::vector<double> errors;
  for (std::size_t i = 0; i < measured.size(); ++i) errors.push_back(std::abs(predicted[i] / measured[i] - 1.0));
  if (errors.empty()) return 0.0;
  const auto middle = errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2);
  std::nth_element(errors.begin(), middle, errors.end());
  return *middle;
}

double mean_log_error(const std::vector<double>& predicted, const std::vector<double>& measured) {
  double sum = 0.0;
  for (std::size_t i = 0; i < measured.size(); ++i) sum += std::abs(std::log(predicted[i] / measured[i]));
  return measured.empty() ? 0.0 : sum / static_cast<double>(measured.size());
}

}  // namespace windtunnel::modeling
