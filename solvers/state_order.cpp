// SPDX-License-Identifier: Apache-2.0
#include "solvers/state_order.h"

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
  for (std::size_t k = 0; k < order.size(); ++k) {
    for (const auto [from, rate] : incoming.row(order[k])) add(from);
  }
  for (Index state = 0; state < incoming.rows(); ++state) add(state);
  return order;
}

}  // namespace windtunnel::solvers
