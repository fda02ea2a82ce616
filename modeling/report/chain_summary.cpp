// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/chain_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace windtunnel::modeling {

ChainRecord summarised(const ChainRecord& chain, std::size_t most) {
  const std::size_t states = chain.state_probabilities.size();
  if (states <= most) return chain;
  const auto probability = [&](std::size_t i) { return chain.state_probabilities[i].value.value_or(0.0); };
  std::vector<std::size_t> order(states);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return probability(a) > probability(b); });
  order.resize(most - 1);
  const auto rare = std::find_if(order.begin() + 1, order.end(), [&](std::size_t i) { return probability(i) < kRare; });
  order.erase(rare, order.end());
  std::sort(order.begin(), order.end());
  ChainRecord picture = chain;
  picture.state_probabilities.clear();
  picture.arrows.clear();
  std::vector<int> place(states, static_cast<int>(order.size()));
  for (const std::size_t kept : order) {
    place[kept] = static_cast<int>(picture.state_probabilities.size());
    picture.state_probabilities.push_back(chain.state_probabilities[kept]);
  }
  double rest = 0.0;
  for (std::size_t i = 0; i < states; ++i)
    if (place[i] == static_cast<int>(order.size())) rest += probability(i);
  picture.state_probabilities.push_back({fmt::format("the other {}", states - order.size()), rest});
  std::map<std::pair<int, int>, double> flow;
  for (const ChainArrow& arrow : chain.arrows) {
    const std::pair<int, int> lumped{place[static_cast<std::size_t>(arrow.from)],
                                     place[static_cast<std::size_t>(arrow.to)]};
    if (lumped.first == lumped.second) continue;
    flow[lumped] += probability(static_cast<std::size_t>(arrow.from)) * arrow.rate_per_s;
  }
  for (const auto& [between, per_s] : flow) {
    const double held = *picture.state_probabilities[static_cast<std::size_t>(between.first)].value;
    if (per_s > 0.0 && held > 0.0) picture.arrows.push_back({between.first, between.second, per_s / held});
  }
  return picture;
}

}  // namespace windtunnel::modeling
