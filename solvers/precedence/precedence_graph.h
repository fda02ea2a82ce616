// SPDX-License-Identifier: Apache-2.0
// Activities of random duration that wait for each other: a node starts when all its predecessors have ended, all nodes
// are independent, and the makespan is the last end. A resource that serves one node at a time in a fixed order (a
// device and its operators) is nothing but further precedences, and is taken as such.
#pragma once
#include <span>
#include <vector>

#include "solvers/phase_type/phase_type.h"

namespace windtunnel::solvers {

struct PrecedenceEdge {
  int before = 0;
  int after = 0;
};

/// Valid by construction: all numbers in range, no circle of waiting.
class PrecedenceGraph {
 public:
  /// Node i lasts durations[duration_of_node[i]]; many nodes may share one entry, and still draw independently.
  /// `resource_orders`: each lists the nodes that occupy one resource, in the order in which it serves them.
  /// Throws std::invalid_argument naming the node that does not exist, or one on a circle.
  PrecedenceGraph(std::vector<PhaseType> durations, std::vector<int> duration_of_node,
                  std::vector<PrecedenceEdge> edges, const std::vector<std::vector<int>>& resource_orders = {});

  int nodes() const { return static_cast<int>(duration_of_node_.size()); }
  const std::vector<PhaseType>& durations() const { return durations_; }
  int duration_index(int node) const { return duration_of_node_[node]; }
  const PhaseType& duration(int node) const { return durations_[duration_of_node_[node]]; }
  /// Every node after all of its predecessors.
  const std::vector<int>& topological_order() const { return order_; }
  /// Nodes that `node` waits for.
  std::span<const int> predecessors(int node) const;
  /// True when no node waits for `node`.
  bool is_last(int node) const { return is_last_[node]; }

 private:
  std::vector<PhaseType> durations_;
  std::vector<int> duration_of_node_;
  std::vector<int> order_;
  std::vector<int> predecessor_begin_;
  std::vector<int> predecessor_;
  std::vector<bool> is_last_;
};

}  // namespace windtunnel::solvers
