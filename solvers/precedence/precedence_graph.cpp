// SPDX-License-Identifier: Apache-2.0
#include "solvers/precedence/precedence_graph.h"

#include <fmt/format.h>

#include <numeric>
#include <stdexcept>
#include <utility>

namespace windtunnel::solvers {
namespace {

void require_node(int node, int nodes, const char* where) {
  if (node < 0 || node >= nodes)
    throw std::invalid_argument(fmt::format("{} names node {}, expected 0 to {}", where, node, nodes - 1));
}

void check(size_t durations, const std::vector<int>& duration_of_node, const std::vector<PrecedenceEdge>& edges) {
  const int nodes = static_cast<int>(duration_of_node.size());
  for (int node = 0; node < nodes; ++node)
    if (duration_of_node[node] < 0 || duration_of_node[node] >= static_cast<int>(durations))
      throw std::invalid_argument(fmt::format("node {} has duration {}, expected 0 to {}", node, duration_of_node[node],
                                              static_cast<int>(durations) - 1));
  for (const PrecedenceEdge& edge : edges) {
    require_node(edge.before, nodes, "an edge");
    require_node(edge.after, nodes, "an edge");
  }
}

// Nodes whose predecessors are all placed, one after the other (Kahn 1962). A node that is never placed waits on a
// circle.
std::vector<int> sort_by_precedence(int nodes, const std::vector<PrecedenceEdge>& edges) {
  std::vector<int> waits_for(nodes), begin(nodes + 1), after(edges.size()), order;
  for (const PrecedenceEdge& edge : edges) ++waits_for[edge.after], ++begin[edge.before + 1];
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<int> fill(begin.begin(), begin.end() - 1);
  for (const PrecedenceEdge& edge : edges) after[fill[edge.before]++] = edge.after;
  for (int node = 0; node < nodes; ++node)
    if (waits_for[node] == 0) order.push_back(node);
  for (size_t placed = 0; placed < order.size(); ++placed)
    for (int k = begin[order[placed]]; k < begin[order[placed] + 1]; ++k)
      if (--waits_for[after[k]] == 0) order.push_back(after[k]);
  for (int node = 0; node < nodes; ++node)
    if (waits_for[node] > 0) throw std::invalid_argument(fmt::format("node {} waits for itself along a circle", node));
  return order;
}

}  // namespace

PrecedenceGraph::PrecedenceGraph(std::vector<PhaseType> durations, std::vector<int> duration_of_node,
                                 std::vector<PrecedenceEdge> edges,
                                 const std::vector<std::vector<int>>& resource_orders)
    : durations_(std::move(durations)), duration_of_node_(std::move(duration_of_node)) {
  for (const std::vector<int>& served : resource_orders)
    for (size_t i = 0; i + 1 < served.size(); ++i) edges.push_back({served[i], served[i + 1]});
  check(durations_.size(), duration_of_node_, edges);
  order_ = sort_by_precedence(nodes(), edges);
  is_last_.assign(nodes(), true);
  predecessor_begin_.assign(nodes() + 1, 0);
  for (const PrecedenceEdge& edge : edges) ++predecessor_begin_[edge.after + 1], is_last_[edge.before] = false;
  std::partial_sum(predecessor_begin_.begin(), predecessor_begin_.end(), predecessor_begin_.begin());
  std::vector<int> fill(predecessor_begin_.begin(), predecessor_begin_.end() - 1);
  predecessor_.resize(edges.size());
  for (const PrecedenceEdge& edge : edges) predecessor_[fill[edge.after]++] = edge.before;
}

std::span<const int> PrecedenceGraph::predecessors(int node) const {
  return std::span(predecessor_)
      .subspan(predecessor_begin_[node], predecessor_begin_[node + 1] - predecessor_begin_[node]);
}

}  // namespace windtunnel::solvers
