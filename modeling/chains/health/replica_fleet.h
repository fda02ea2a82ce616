// SPDX-License-Identifier: Apache-2.0
// A fleet of equal replicas, each on some nodes: how many serve at a time.
//
// State = (nodes in repair, domains down of each kind, replicas restarting). A failure takes a node out of a replica;
// with a spare at hand the replica restarts at once, otherwise it waits until a node is back. Replicas whose nodes are
// incomplete are packed together: m nodes short keep ceil(m / nodes per replica) replicas waiting.
// [A] Restarts and repairs are exponential with their means; with unlimited crews only their means matter.
#pragma once

#include <optional>
#include <vector>

#include "modeling/chains/health/count_chain.h"
#include "solvers/long_run/stationary.h"

namespace windtunnel::modeling {

struct ReplicaFleet {
  Count replicas = 1;
  Count nodes_per_replica = 1;
  Count spares = 0;
  /// Failure rate of an idle spare relative to a working node.
  double spare_failure_ratio = 0.0;
  /// Of one working node.
  double node_failure_per_s = 0.0;
  /// Of one serving replica, no node lost: software.
  double replica_failure_per_s = 0.0;
  double node_repair_s = 0.0;
  std::optional<Count> repair_crews;
  /// From the failure until the replica serves again, given its nodes.
  double restart_s = 0.0;
  std::vector<DomainKind> domains;
};

struct FleetLaw {
  /// probability(r): r replicas serve, 0..replicas.
  solvers::Vector probability;
  solvers::StationarySolution solution;
  long long states = 0;
  long long transitions = 0;
  /// Long-run probability of the largest counts kept.
  double lost_probability = 0.0;
  /// Failures of replicas per second, all causes.
  double failures_per_s = 0.0;

  double mean() const;
  double at_least(Count replicas) const;
};

/// Throws NoAnswerError when the chain has more states than are solved in seconds.
FleetLaw solve_fleet(const ReplicaFleet& fleet);

}  // namespace windtunnel::modeling
