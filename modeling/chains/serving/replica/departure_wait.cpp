// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/departure_wait.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

std::vector<LatencyLaw::Atom> departure_wait(double departures) {
  // Standard deviations of the normal variable that the points are apart.
  constexpr double kStep = 0.75;
  constexpr int kPoints = 9;
  std::vector<LatencyLaw::Atom> atoms;
  double total = 0.0, mean = 0.0;
  for (int i = 0; i < kPoints; ++i) {
    const double z = kStep * (i - kPoints / 2);
    const double root = 1.0 - 1.0 / (9.0 * departures) + z / (3.0 * std::sqrt(departures));
    atoms.push_back({std::pow(std::max(0.0, root), 3.0), std::exp(-0.5 * z * z)});
    total += atoms.back().weight;
    mean += atoms.back().weight * atoms.back().value_s;
  }
  for (LatencyLaw::Atom& atom : atoms) atom = {atom.value_s * total / mean * departures, atom.weight / total};
  return atoms;
}

}  // namespace windtunnel::modeling
