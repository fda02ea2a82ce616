// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/normal_distribution.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <stdexcept>

#include "solvers/numerics/root_finding.h"

namespace windtunnel::solvers {

double normal_density(double x) {
  return std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi);
}

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

double normal_survival(double x) {
  return 0.5 * std::erfc(x / std::numbers::sqrt2);
}

double normal_quantile(double probability) {
  if (!(probability > 0.0 && probability < 1.0))
    throw std::invalid_argument(
        fmt::format("normal quantile of probability {}, expected between 0 and 1", probability));
  if (probability == 0.5) return 0.0;
  if (probability > 0.5) return -normal_quantile(1.0 - probability);
  const auto excess = [&](double x) { return std::log(normal_cdf(x)) - std::log(probability); };
  // Beyond -38.5 the probability is below the smallest double.
  return find_root(excess, -38.5, 0.0, 0.0, 1e-14);
}

}  // namespace windtunnel::solvers
