// SPDX-License-Identifier: Apache-2.0
// Fitting a few positive numbers to measured times.
#pragma once

#include <functional>
#include <vector>

namespace windtunnel::modeling {

/// A number to fit and the range it must stay in; 0 < low <= start <= high.
struct FitParameter {
  double start = 1.0;
  double low = 0.0;
  double high = 1.0;
};

/// Minimises `objective` by coordinate descent with multiplicative steps that shrink from 1.5 to 1.002: enough for a
/// handful of parameters and an objective with kinks (roofline corners, waves). The best of three starts; a local
/// minimum.
std::vector<double> fit_parameters(const std::vector<FitParameter>& parameters,
                                   const std::function<double(const std::vector<double>&)>& objective);

/// Median of |predicted / measured - 1|; 0 for none.
double median_relative_error(const std::vector<double>& predicted, const std::vector<double>& measured);

/// Mean of |ln(predicted / measured)|.
double mean_log_error(const std::vector<double>& predicted, const std::vector<double>& measured);

}  // namespace windtunnel::modeling
