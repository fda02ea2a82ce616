// SPDX-License-Identifier: Apache-2.0
// Nodes down where the joint chain of nodes and failure domains is too large: nodes that break by themselves and the
// domains of each kind are counted independently, so that any number of kinds costs only convolutions.
//
// The one thing left out: nodes of a failed domain, and survivors of a job that it made short, would not fail
// meanwhile. Failures therefore come a little too often. Coupling both systems, no node is ever up here that is down
// there, so shortages are never underestimated (stochastic ordering; Mueller, Stoyan, Comparison Methods for Stochastic
// Models and Risks, 2002, chapter 5), and with unlimited crews every probability is at most `bound` from the joint
// chain's: by Markov's inequality the mean number of extra nodes down, extra failures per second times the mean repair.
#pragma once

#include <optional>
#include <vector>

#include "modeling/chains/health/count_chain.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::modeling {

struct IndependentCounts {
  /// probability(i): i nodes broken by themselves.
  solvers::Vector broken;
  /// One for each kind: probability(k) of k domains down.
  std::vector<solvers::Vector> domains;
  /// Absolute error of every probability; empty with limited crews, where only the direction is known.
  std::optional<double> bound;
};

/// `broken` is the law of the same nodes without any domains.
IndependentCounts independent_counts(const NodeHealth& health, const solvers::Vector& broken);

/// Law of the nodes in failed domains, of all kinds or of all but one.
solvers::Vector nodes_in_domains(const NodeHealth& health, const IndependentCounts& counts,
                                 std::optional<std::size_t> without = std::nullopt);

/// Law of the sum of two independent counts.
solvers::Vector sum_law(const solvers::Vector& a, const solvers::Vector& b);

}  // namespace windtunnel::modeling
