// SPDX-License-Identifier: Apache-2.0
#include "solvers/networks/max_min_flows.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

namespace windtunnel::solvers {

namespace {

/// Shares and times that differ by less than this, relative, are the same: rounding of sums of shares.
constexpr double kSame = 1e-12;

void check(const std::vector<double>& link_capacity, const std::vector<Flow>& flows) {
  for (double capacity : link_capacity) {
    if (!(capacity > 0.0)) throw std::invalid_argument("a link's capacity must be above 0");
  }
  for (const Flow& flow : flows) {
    if (flow.links.empty()) throw std::invalid_argument("a flow crosses no link");
    for (int link : flow.links) {
      if (link < 0 || link >= static_cast<int>(link_capacity.size()))
        throw std::invalid_argument("flow crosses link " + std::to_string(link) + ", which does not exist");
    }
  }
}

/// What is left of each link while rates are handed out.
class Filling {
 public:
  Filling(const std::vector<double>& link_capacity, const std::vector<Flow>& flows, const std::vector<bool>& sends)
      : flows_(flows), left_(link_capacity), waiting_(link_capacity.size(), 0), rates_(flows.size(), 0.0) {
    for (std::size_t f = 0; f < flows.size(); ++f) {
      if (!sends[f]) continue;
      open_.push_back(static_cast<int>(f));
      for (int link : flows[f].links) {
        if (++waiting_[link] == 1) used_.push_back(link);
      }
    }
  }

  std::vector<double> fill() {
    while (!open_.empty()) freeze_at(smallest_share());
    return std::move(rates_);
  }

 private:
  double share(int link) const { return std::max(0.0, left_[link]) / waiting_[link]; }

  double smallest_share() const {
    double smallest = std::numeric_limits<double>::infinity();
    for (int link : used_) {
      if (waiting_[link] > 0) smallest = std::min(smallest, share(link));
    }
    return smallest;
  }

  /// Flows through a link whose fair share is the smallest get that share.
  void freeze_at(double rate) {
    std::vector<int> frozen;
    std::vector<int> rest;
    for (int f : open_) {
      const bool stuck = std::any_of(flows_[f].links.begin(), flows_[f].links.end(),
                                     [&](int link) { return share(link) <= rate * (1.0 + kSame); });
      (stuck ? frozen : rest).push_back(f);
    }
    for (int f : frozen) {
      rates_[f] = rate;
      for (int link : flows_[f].links) {
        left_[link] -= rate;
        --waiting_[link];
      }
    }
    open_ = std::move(rest);
  }

  const std::vector<Flow>& flows_;
  std::vector<double> left_;
  std::vector<int> waiting_;
  std::vector<double> rates_;
  std::vector<int> used_;
  std::vector<int> open_;
};

}  // namespace

std::vector<double> max_min_rates(const std::vector<double>& link_capacity, const std::vector<Flow>& flows) {
  check(link_capacity, flows);
  return Filling(link_capacity, flows, std::vector<bool>(flows.size(), true)).fill();
}

std::vector<double> completion_times(const std::vector<double>& link_capacity, const std::vector<Flow>& flows) {
  check(link_capacity, flows);
  std::vector<double> left;
  for (const Flow& flow : flows) left.push_back(flow.amount);
  std::vector<bool> sends(flows.size(), true);
  std::vector<double> ends(flows.size(), 0.0);
  double now = 0.0;
  for (std::size_t remaining = flows.size(); remaining > 0;) {
    const std::vector<double> rates = Filling(link_capacity, flows, sends).fill();
    double wait = std::numeric_limits<double>::infinity();
    for (std::size_t f = 0; f < flows.size(); ++f) {
      if (sends[f]) wait = std::min(wait, left[f] / rates[f]);
    }
    now += wait;
    for (std::size_t f = 0; f < flows.size(); ++f) {
      if (!sends[f]) continue;
      left[f] -= wait * rates[f];
      if (left[f] > kSame * flows[f].amount) continue;
      sends[f] = false;
      ends[f] = now;
      --remaining;
    }
  }
  return ends;
}

}  // namespace windtunnel::solvers
