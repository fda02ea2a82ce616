// SPDX-License-Identifier: Apache-2.0
#include "solvers/chain/state_order.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::solvers {
namespace {

// Orders made by different searches differ by a factor of two; a random one by the root of the number of states.
constexpr double kScattered = 4.0;

}  // namespace

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

bool scattered(const SparseRates& rates, const std::vector<Index>& order) {
  std::vector<Index> position(order.size());
  for (std::size_t k = 0; k < order.size(); ++k) position[static_cast<std::size_t>(order[k])] = static_cast<Index>(k);
  double given = 0.0;
  double ordered = 0.0;
  for (Index i = 0; i < rates.rows(); ++i) {
    const Index own = position[static_cast<std::size_t>(i)];
    for (const auto [to, rate] : rates.row(i)) {
      given += std::abs(static_cast<double>(to - i));
      ordered += std::abs(static_cast<double>(position[static_cast<std::size_t>(to)] - own));
    }
  }
  return given > kScattered * ordered;
}

}  // namespace windtunnel::solvers
