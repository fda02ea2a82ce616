// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/links/fabric_congestion.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>

#include "solvers/numerics/balls_in_bins.h"

namespace windtunnel::modeling {

namespace {

/// Levels of a random law: the body in halves, the tail fine enough for a 99th percentile.
constexpr std::array<double, 7> kLevelEdges = {0.0, 0.5, 0.75, 0.9, 0.97, 0.99, 1.0};

/// More flows than this on one leaf are counted as this many larger ones: the law is then narrow, and the error on the
/// safe side.
constexpr double kMostBalls = 4096.0;

/// Values nearer than this are one: products of small whole numbers and capacities.
constexpr double kSameValue = 1e-9;

/// Laws are asked for again and again by a search, whose threads share them: a law does not change once it is made.
const solvers::FullestBin& fullest_bin(int balls, int bins) {
  static std::mutex mutex;
  static std::map<std::pair<int, int>, std::unique_ptr<const solvers::FullestBin>> known;
  {
    const std::lock_guard lock(mutex);
    const auto found = known.find({balls, bins});
    if (found != known.end()) return *found->second;
  }
  auto law = std::make_unique<const solvers::FullestBin>(balls, bins);
  const std::lock_guard lock(mutex);
  return *known.try_emplace({balls, bins}, std::move(law)).first->second;
}

/// Equal balls that stand for the flows of all active classes on one bundle.
struct Balls {
  double load = 0.0;
  double squares = 0.0;
  bool mixed = false;

  double number() const { return std::min(kMostBalls, std::max(1.0, std::round(load * load / squares))); }
  /// In ports.
  double weight() const { return load / number(); }
};

Balls balls_of(const TierLoad& tier, const UplinkBundle& bundle, ClassSet active, double flows_per_pair) {
  Balls balls;
  for (int group = 0; group < kCommGroups; ++group) {
    if (!(active >> group & 1u) || bundle.flows[group] <= 0.0) continue;
    const double weight = bundle.load[group] / (bundle.flows[group] * flows_per_pair);
    balls.load += bundle.load[group];
    balls.squares += bundle.load[group] * weight;
    balls.mixed = balls.mixed || tier.mixes_downwards[group];
  }
  return balls;
}

SlowdownLaw constant_law(double value) {
  return {{std::max(1.0, value)}, {1.0}};
}

/// Law of the fullest link of one bundle, up and down, times `count` such bundles.
SlowdownLaw hashed_law(const TierLoad& tier, const Balls& balls, double count) {
  const solvers::FullestBin& bin = fullest_bin(static_cast<int>(balls.number()), static_cast<int>(tier.links));
  const double exponent = count * (balls.mixed ? 2.0 : 1.0);
  SlowdownLaw law{{}, {}};
  double before = 0.0;
  for (int k = bin.least(); k <= bin.most(); ++k) {
    const double cdf = std::pow(bin.cdf(k), exponent);
    const double value = std::max(1.0, k * balls.weight() / tier.capacity);
    if (cdf <= before) continue;
    if (!law.value.empty() && value <= law.value.back() * (1.0 + kSameValue)) {
      law.probability.back() += cdf - before;
    } else {
      law.value.push_back(value);
      law.probability.push_back(cdf - before);
    }
    before = cdf;
  }
  return law;
}

}  // namespace

double SlowdownLaw::mean() const {
  return mean_between(0.0, 1.0);
}

double SlowdownLaw::mean_between(double from, double to) const {
  double below = 0.0;
  double sum = 0.0;
  for (std::size_t k = 0; k < value.size(); ++k) {
    const double above = k + 1 == value.size() ? 1.0 : below + probability[k];
    sum += value[k] * std::max(0.0, std::min(above, to) - std::max(below, from));
    below = above;
  }
  return sum / (to - from);
}

SlowdownLaw largest(const SlowdownLaw& a, const SlowdownLaw& b) {
  std::vector<double> values = a.value;
  values.insert(values.end(), b.value.begin(), b.value.end());
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  const auto cdf = [](const SlowdownLaw& law, double x) {
    double sum = 0.0;
    for (std::size_t k = 0; k < law.value.size() && law.value[k] <= x; ++k) sum += law.probability[k];
    return sum;
  };
  SlowdownLaw law{{}, {}};
  double before = 0.0;
  for (double x : values) {
    const double now = cdf(a, x) * cdf(b, x);
    if (now > before) {
      law.value.push_back(x);
      law.probability.push_back(now - before);
    }
    before = std::max(before, now);
  }
  return law;
}

SlowdownLaw slowdown_law(const TierLoad& tier, ClassSet active, bool hashed, double flows_per_pair) {
  SlowdownLaw law;
  const double whole = static_cast<double>(tier.links) * tier.capacity;
  for (const UplinkBundle& bundle : tier.bundles) {
    const Balls balls = balls_of(tier, bundle, active, flows_per_pair);
    if (balls.load <= 0.0) continue;
    law = largest(law, hashed ? hashed_law(tier, balls, bundle.count) : constant_law(balls.load / whole));
  }
  return law;
}

FabricCongestion::FabricCongestion(const FabricLoad& load, const Fabric& fabric) {
  for (const TierLoad& tier : load.tiers) {
    for (int group = 0; group < kCommGroups; ++group) {
      if (tier.mean_load_ratio(group) > 0.0) crossing_ |= 1u << group;
    }
  }
  const bool hashed = fabric.routing == "ecmp";
  const double flows = std::max(1.0, fabric.flows_per_pair.value);
  law_.resize(kClassSets);
  std::vector<std::vector<SlowdownLaw>> by_tier(load.tiers.size(), std::vector<SlowdownLaw>(kClassSets));
  bool random = false;
  for (ClassSet set = 1; set < kClassSets; ++set) {
    if ((set & ~crossing_) != 0) continue;
    for (std::size_t tier = 0; tier < load.tiers.size(); ++tier) {
      by_tier[tier][set] = slowdown_law(load.tiers[tier], set, hashed, flows);
      law_[set] = largest(law_[set], by_tier[tier][set]);
    }
    random = random || !law_[set].constant();
  }
  if (random) {
    probability_.clear();
    for (std::size_t k = 1; k < kLevelEdges.size(); ++k) probability_.push_back(kLevelEdges[k] - kLevelEdges[k - 1]);
  }
  const auto cut = [&](const SlowdownLaw& law) {
    std::vector<double> means;
    for (int level = 0; level < levels(); ++level)
      means.push_back(random ? law.mean_between(kLevelEdges[level], kLevelEdges[level + 1]) : law.mean());
    return means;
  };
  for (const SlowdownLaw& law : law_) slowdown_.push_back(cut(law));
  for (const auto& laws : by_tier) {
    tier_.emplace_back();
    for (const SlowdownLaw& law : laws) tier_.back().push_back(cut(law));
  }
}

double FabricCongestion::slowdown(ClassSet active, int level) const {
  return slowdown_.empty() ? 1.0 : slowdown_[active & crossing_][level];
}

double FabricCongestion::tier_slowdown(int tier, ClassSet active, int level) const {
  return tier_[tier][active & crossing_][level];
}

}  // namespace windtunnel::modeling
