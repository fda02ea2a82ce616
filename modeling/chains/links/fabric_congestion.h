// SPDX-License-Identifier: Apache-2.0
// How much the switches slow traffic, as a law: for every set of classes that send at once, the factor by which the
// slowest flow of a collective falls behind its port.
//
// On max-min fair links equal flows end with the fullest link (solvers/networks/max_min_flows.h), so the factor is
//   S = max(1, max over uplinks of load / capacity).
// adaptive  packets spread over all uplinks of a leaf: load = sum / links, a constant
// ecmp      every flow falls on one uplink: the fullest of `links` bins, exact (solvers/numerics/balls_in_bins.h), then
// the
//           largest over all leaves and both directions
// Approximations: leaves are independent; links downwards are independent of those upwards where destinations mix and
// equal to them where they do not; different flow sizes are replaced by equal ones of the same sum and sum of squares.
// Checked against flow simulation on the graph of topology.h.
#pragma once

#include <array>
#include <vector>

#include "modeling/cluster/fabric_load.h"

namespace windtunnel::modeling {

/// Set of classes that send: bit g stands for CommGroup g.
using ClassSet = unsigned;
inline constexpr int kClassSets = 1 << kCommGroups;

/// Law of S: increasing values, probabilities sum to 1.
struct SlowdownLaw {
  std::vector<double> value = {1.0};
  std::vector<double> probability = {1.0};
  double mean() const;
  /// Mean over the part of the law between two quantiles, 0 <= from < to <= 1.
  double mean_between(double from, double to) const;
  bool constant() const { return value.size() == 1; }
};

/// S of one tier when the classes of `active` send at once.
SlowdownLaw slowdown_law(const TierLoad& tier, ClassSet active, bool hashed, double flows_per_pair);

/// Largest of independent S.
SlowdownLaw largest(const SlowdownLaw& a, const SlowdownLaw& b);

/// The laws cut into levels of growing congestion; the hash is drawn once per level and class set, all sets together
/// (comonotone). One level when nothing is random.
class FabricCongestion {
 public:
  /// Never slows anything.
  FabricCongestion() = default;
  FabricCongestion(const FabricLoad& load, const Fabric& fabric);

  int levels() const { return static_cast<int>(probability_.size()); }
  double probability(int level) const { return probability_[level]; }
  /// Mean S at this level over all tiers, >= 1.
  double slowdown(ClassSet active, int level) const;
  /// The same of one tier of the load, by its position.
  double tier_slowdown(int tier, ClassSet active, int level) const;
  int tiers() const { return static_cast<int>(tier_.size()); }
  /// Classes with flows over uplinks.
  ClassSet crossing() const { return crossing_; }
  const SlowdownLaw& law(ClassSet active) const { return law_[active]; }

 private:
  std::vector<double> probability_ = {1.0};
  ClassSet crossing_ = 0;
  /// By class set; only subsets of crossing_ are filled.
  std::vector<SlowdownLaw> law_;
  /// [class set][level].
  std::vector<std::vector<double>> slowdown_;
  /// [tier][class set][level].
  std::vector<std::vector<std::vector<double>>> tier_;
};

}  // namespace windtunnel::modeling
