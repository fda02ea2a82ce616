// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/priority_wait.h"

#include <cmath>
#include <numbers>

namespace windtunnel::modeling {

namespace {

/// Of a mixture from time t on: probability, and integral of it (probability times mean excess).
struct Left {
  double probability = 0.0;
  double integral_s = 0.0;
  double density_per_s = 0.0;
};

Left left_after(const ExponentialMixture& law, double t) {
  Left left;
  for (const ExponentialPart& part : law) {
    const double weight = part.weight * std::exp(-part.rate_per_s * t);
    left.probability += weight;
    left.integral_s += weight / part.rate_per_s;
    left.density_per_s += weight * part.rate_per_s;
  }
  return left;
}

}  // namespace

// With r = sqrt(departures / before) and sigma = up_to the transform is (1 - sigma) b / (1 - sigma b), b that of the
// busy period of those served first. On its branch cut b = r exp(-i phi) at the rate x = before + departures
// - 2 sqrt(before departures) cos(phi), where its imaginary part is the law's weight; sigma r > 1 adds the pole b = 1 /
// sigma.
ExponentialMixture priority_wait(double departures_per_s, const PriorityLoad& load, int nodes) {
  const double sigma = load.up_to, before = load.before;
  if (before <= 0.0) return {{1.0, departures_per_s * (1.0 - sigma)}};
  ExponentialMixture law;
  const double pole = sigma * sigma > before ? (sigma * sigma - before) / (sigma * (sigma - before)) : 0.0;
  if (pole > 0.0) law.push_back({pole, departures_per_s * (1.0 - sigma) * (1.0 - before / sigma)});
  const double root = std::sqrt(before);
  double total = 0.0;
  // Midpoint rule in u, phi = pi u - sin(2 pi u) / 2: smooth and periodic, dense at the ends, where high loads need it.
  for (int i = 0; i < nodes; ++i) {
    const double turn = 2.0 * std::numbers::pi * (i + 0.5) / nodes;
    const double phi = 0.5 * (turn - std::sin(turn));
    const double x = 1.0 + before - 2.0 * root * std::cos(phi);
    const double distance = before - 2.0 * sigma * root * std::cos(phi) + sigma * sigma;
    const double weight = (1.0 - std::cos(turn)) * std::pow(std::sin(phi), 2) / (x * distance);
    law.push_back({weight, departures_per_s * x});
    total += weight;
  }
  for (std::size_t i = law.size() - static_cast<std::size_t>(nodes); i < law.size(); ++i)
    law[i].weight *= (1.0 - pole) / total;
  return law;
}

double mean_s(const ExponentialMixture& law) {
  double mean = 0.0;
  for (const ExponentialPart& part : law) mean += part.weight / part.rate_per_s;
  return mean;
}

std::vector<WaitCell> wait_cells(const ExponentialMixture& law, double share, double tail) {
  std::vector<WaitCell> cells;
  const double step = -std::log1p(-share);
  double start = 0.0;
  Left from = left_after(law, start);
  while (true) {
    // The hazard of a mixture of exponentials falls: a step by it holds no more than `share`.
    const double end = start + step * from.probability / from.density_per_s;
    const Left to = left_after(law, end);
    if (to.probability <= tail) break;
    const double weight = from.probability - to.probability;
    // Integral of t over the cell's mass, by parts.
    const double inside = from.integral_s - to.integral_s - (end - start) * to.probability;
    cells.push_back({start + inside / weight, weight});
    start = end;
    from = to;
  }
  cells.push_back({start + from.integral_s / from.probability, from.probability});
  return cells;
}

}  // namespace windtunnel::modeling
