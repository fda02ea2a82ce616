// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/health/replica_fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "modeling/spec/spec_error.h"
#include "solvers/numerics/poisson_weights.h"

namespace windtunnel::modeling {

namespace {

using solvers::Index;

/// States solved in a few seconds.
constexpr double kMostFleetStates = 3e5;
/// Share of time that counts beyond the largest may have; an availability is asked for to 1e-9 at most.
constexpr double kTail = 1e-13;

struct FleetState {
  std::int32_t repairing = 0;
  std::int32_t restarting = 0;
  std::array<std::int32_t, kMostDomainKinds> domains_down{};
  bool operator==(const FleetState&) const = default;
};

struct FleetHash {
  std::size_t operator()(const FleetState& state) const {
    std::size_t hash = static_cast<std::size_t>(state.repairing);
    hash = hash * 1099511628211u + static_cast<std::size_t>(state.restarting);
    for (std::int32_t down : state.domains_down) hash = hash * 1099511628211u + static_cast<std::size_t>(down);
    return hash;
  }
};

/// The count that a Poisson one with this mean exceeds for less than kTail.
Count poisson_limit(double mean) {
  if (mean <= 0.0) return 1;
  const solvers::PoissonWeights weights = solvers::poisson_weights(mean, kTail);
  return static_cast<Count>(weights.left) + static_cast<Count>(weights.weight.size());
}

class FleetModel {
 public:
  explicit FleetModel(const ReplicaFleet& fleet) : fleet_(fleet) {
    const Count nodes = fleet.replicas * fleet.nodes_per_replica;
    const auto active = static_cast<double>(nodes);
    const double spares = fleet.spare_failure_ratio * static_cast<double>(fleet.spares);
    const double node_rate = fleet.node_failure_per_s * (active + spares);
    const Count all = nodes + fleet.spares;
    most_repairing_ = fleet.node_repair_s > 0.0 ? std::min(all, limit(node_rate * fleet.node_repair_s, all)) : 0;
    double starts = node_rate + fleet.replica_failure_per_s * static_cast<double>(fleet.replicas);
    for (const DomainKind& kind : fleet.domains) {
      const double rate = kind.failure_per_s * static_cast<double>(kind.count);
      most_domains_.push_back(std::min(kind.count, poisson_limit(rate / kind.repair_per_s)));
      starts += rate * static_cast<double>(replicas_hit(kind));
    }
    Count burst = 0;
    for (const DomainKind& kind : fleet.domains) burst = std::max(burst, 3 * replicas_hit(kind));
    most_restarting_ =
        fleet.restart_s > 0.0 ? std::min(fleet.replicas, poisson_limit(starts * fleet.restart_s) + burst) : 0;
    require_solvable();
  }

  Count serving(const FleetState& state) const {
    return std::max<Count>(0, fleet_.replicas - waiting(state) - state.restarting);
  }
  bool is_cut(const FleetState& state) const {
    return (most_repairing_ < fleet_.replicas * fleet_.nodes_per_replica + fleet_.spares &&
            state.repairing == most_repairing_ && most_repairing_ > 0) ||
           (state.restarting == most_restarting_ && most_restarting_ > 0 && most_restarting_ < fleet_.replicas);
  }
  double replica_failures_per_s(const FleetState& state) const {
    const auto up = static_cast<double>(serving(state));
    double rate =
        up * (fleet_.replica_failure_per_s + static_cast<double>(fleet_.nodes_per_replica) * fleet_.node_failure_per_s);
    for (std::size_t k = 0; k < fleet_.domains.size(); ++k)
      rate += static_cast<double>(fleet_.domains[k].count - state.domains_down[k]) * fleet_.domains[k].failure_per_s *
              static_cast<double>(replicas_hit(fleet_.domains[k]));
    return rate;
  }

  template <typename Emit>
  void leave(const FleetState& state, const Emit& emit) const {
    const auto move = [&](FleetState next, double rate) {
      next.restarting = std::clamp<std::int32_t>(next.restarting, 0, static_cast<std::int32_t>(most_restarting_));
      if (rate > 0.0 && !(next == state)) emit(next, rate);
    };
    fail_nodes(state, move);
    end_repairs(state, move);
    if (state.restarting > 0) {
      FleetState next = state;
      --next.restarting;
      move(next, state.restarting / fleet_.restart_s);
    }
    FleetState crashed = state;
    ++crashed.restarting;
    if (state.restarting < most_restarting_)
      move(crashed, static_cast<double>(serving(state)) * fleet_.replica_failure_per_s);
  }

 private:
  Count limit(double mean, Count all) const {
    const double crews = static_cast<double>(fleet_.repair_crews.value_or(all));
    // With crews the queue may be long: up to all nodes when they cannot keep up.
    return mean < 0.9 * crews ? poisson_limit(mean) + (fleet_.repair_crews ? poisson_limit(mean) + 200 : 0) : all;
  }
  Count replicas_hit(const DomainKind& kind) const {
    return std::min(fleet_.replicas, (kind.nodes + fleet_.nodes_per_replica - 1) / fleet_.nodes_per_replica);
  }
  Count missing(const FleetState& state) const {
    Count down = state.repairing;
    for (std::size_t k = 0; k < fleet_.domains.size(); ++k) down += state.domains_down[k] * fleet_.domains[k].nodes;
    return std::max<Count>(0, down - fleet_.spares);
  }
  Count waiting(const FleetState& state) const {
    return std::min(fleet_.replicas, (missing(state) + fleet_.nodes_per_replica - 1) / fleet_.nodes_per_replica);
  }
  /// `hit` replicas lost a node: those that find nodes restart, the others wait. Nodes that come back let some restart.
  void settle(const FleetState& before, Count hit, FleetState& after) const {
    const Count more = waiting(after) - waiting(before);
    after.restarting += static_cast<std::int32_t>(more < 0 ? -more : std::max<Count>(0, hit - more));
    const Count most = fleet_.replicas - waiting(after);
    after.restarting = std::min(after.restarting, static_cast<std::int32_t>(most));
  }

  template <typename Move>
  void fail_nodes(const FleetState& state, const Move& move) const {
    const double rate = fleet_.node_failure_per_s;
    if (state.repairing < most_repairing_) {
      FleetState next = state;
      ++next.repairing;
      FleetState idle = next;
      settle(state, 1, next);
      const auto nodes = static_cast<double>(fleet_.nodes_per_replica);
      move(next, static_cast<double>(serving(state)) * nodes * rate);
      // A replica that is struck while it restarts begins anew, or waits for a node.
      FleetState struck = idle;
      if (state.restarting > 0) {
        --struck.restarting;
        settle(state, 1, struck);
        move(struck, state.restarting * nodes * rate);
      }
      const Count spares = std::max<Count>(0, fleet_.spares - state.repairing);
      settle(state, 0, idle);
      move(idle, static_cast<double>(spares) * fleet_.spare_failure_ratio * rate);
    }
    for (std::size_t k = 0; k < fleet_.domains.size(); ++k) {
      const DomainKind& kind = fleet_.domains[k];
      FleetState next = state;
      if (state.domains_down[k] < most_domains_[k]) {
        ++next.domains_down[k];
        settle(state, std::min(replicas_hit(kind), serving(state)), next);
        move(next, kind.failure_per_s * static_cast<double>(kind.count - state.domains_down[k]));
      }
    }
  }

  template <typename Move>
  void end_repairs(const FleetState& state, const Move& move) const {
    if (state.repairing > 0) {
      FleetState next = state;
      --next.repairing;
      settle(state, 0, next);
      const Count busy = std::min<Count>(state.repairing, fleet_.repair_crews.value_or(state.repairing));
      move(next, static_cast<double>(busy) / fleet_.node_repair_s);
    }
    for (std::size_t k = 0; k < fleet_.domains.size(); ++k) {
      if (state.domains_down[k] == 0) continue;
      FleetState next = state;
      --next.domains_down[k];
      settle(state, 0, next);
      move(next, state.domains_down[k] * fleet_.domains[k].repair_per_s);
    }
  }

  void require_solvable() const {
    double states = static_cast<double>(most_repairing_ + 1) * static_cast<double>(most_restarting_ + 1);
    for (Count domains : most_domains_) states *= static_cast<double>(domains + 1);
    if (states > kMostFleetStates)
      throw NoAnswerError(fmt::format("the chain of the replicas would have {:.2g} states, at most {:.2g} are solved",
                                      states, kMostFleetStates));
  }

  const ReplicaFleet& fleet_;
  Count most_repairing_ = 0;
  Count most_restarting_ = 0;
  std::vector<Count> most_domains_;
};

}  // namespace

double FleetLaw::mean() const {
  double sum = 0.0;
  for (Index r = 0; r < probability.size(); ++r) sum += static_cast<double>(r) * probability(r);
  return sum;
}

double FleetLaw::at_least(Count replicas) const {
  if (replicas <= 0) return 1.0;
  if (replicas >= probability.size()) return 0.0;
  // The smaller side, so that what is missing to 1 keeps its digits.
  const double below = probability.head(static_cast<Index>(replicas)).sum();
  return below < 0.5 ? 1.0 - below : probability.tail(probability.size() - static_cast<Index>(replicas)).sum();
}

FleetLaw solve_fleet(const ReplicaFleet& fleet) {
  const FleetModel model(fleet);
  const auto space = solvers::explore<FleetState, FleetHash>(
      FleetState{}, [&](const FleetState& state, const auto& emit) { model.leave(state, emit); });
  FleetLaw law;
  law.probability = solvers::Vector::Zero(static_cast<Index>(fleet.replicas) + 1);
  law.solution = solvers::solve_stationary(space.generator);
  if (!law.solution.usable()) throw NoAnswerError("chain of the replicas: " + law.solution.message);
  law.states = space.generator.states();
  law.transitions = space.generator.transitions();
  for (std::size_t k = 0; k < space.states.size(); ++k) {
    const double p = law.solution.probability(static_cast<Index>(k));
    law.probability(static_cast<Index>(model.serving(space.states[k]))) += p;
    law.failures_per_s += p * model.replica_failures_per_s(space.states[k]);
    if (model.is_cut(space.states[k])) law.lost_probability += p;
  }
  return law;
}

}  // namespace windtunnel::modeling
