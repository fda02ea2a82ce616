// SPDX-License-Identifier: Apache-2.0
// Mean and variance of a precedence graph's makespan by max-plus recursion on moments: sums add means and covariances,
// joins take Clark's maximum (solvers/precedence/gaussian_max.h), with the covariance of every pair of ends carried
// along, so that branches with a common past are not mistaken for independent.
#pragma once
#include <vector>

#include "solvers/phase_type/order_statistics.h"
#include "solvers/precedence/precedence_graph.h"

namespace windtunnel::solvers {

struct GaussianMakespan {
  MeanVariance makespan;
  /// End of each node, by node number.
  std::vector<MeanVariance> end;
};

/// An approximation: each join's maximum is taken for normal again, though it leans to the right. Exact for chains; for
/// a join of two normals exact. O(nodes * (nodes + edges)) time, 8 nodes^2 bytes: at most 16,384 nodes, else
/// std::invalid_argument. Errors are measured against simulation in test/solvers/precedence_graph_test.cpp.
GaussianMakespan gaussian_makespan(const PrecedenceGraph& graph);

}  // namespace windtunnel::solvers
