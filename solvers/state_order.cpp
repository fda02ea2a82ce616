// SPDX-License-Identifier: Apache-2.0
#include "solvers/state_order.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::solvers {

std::vector<Index> order_towards(const SparseRates& incoming, const std::vector<Index>& goals) {
  std::vector<Index> order = goals;
  order.reserve(static_cast<std::size_t>(incoming.rows()));
  std::vector<bool> found(static_cast<std::size_t>(incoming.rows()), false);
  for (const Index goal : goals) found[static_cast<std::size_t>(goal)] = true;
  const auto add = [&](Index state) {
    if (found[static_cast<std::size_t>(state)]) return;
    found[static_cast<std::size_t>(state)] = true;
    order.push_back(state);
  };
  std::vector<RateEntry> next;
  for (std::size_t k = 0; k < order.size(); ++k) {
    next.clear();
    for (const RateEntry entry : incoming.row(order[k])) {
      if (!found[static_cast<std::size_t>(entry.state)]) next.push_back(entry);
    }
    std::stable_sort(next.begin(), next.end(),
                     [](const RateEntry& a, const RateEntry& b) { return a.rate_per_s > b.rate_per_s; });
    for (const RateEntry& entry : next) add(entry.state);
  }
  for (Index state = 0; state < incoming.rows(); ++state) add(state);
  return order;
}

double mean_distance(const SparseRates& rates) {
  double sum = 0.0;
  for (Index i = 0; i < rates.rows(); ++i) {
    for (const auto [to, rate] : rates.row(i)) sum += std::abs(static_cast<double>(to - i));
  }
  return rates.size() > 0 ? sum / static_cast<double>(rates.size()) : 0.0;
}

}  // namespace windtunnel::solvers
