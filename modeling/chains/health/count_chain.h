// SPDX-License-Identifier: Apache-2.0
// The chain of counts: how many of a job's nodes are down, in which phase of their repair, and how many correlated
// domains are down with all their nodes. Equal nodes are lumped exactly: only counts matter.
//
// Conventions. The job is at full size while at most `spares` nodes are down. Hot spares fail as active nodes do, cold
// ones do not, warm ones at a share of the rate. While the job is short of nodes the survivors stay powered and fail
// on. A domain takes `nodes` nodes down and gives them back when it is repaired, at once, by its own people; nodes of a
// failed domain that were down already count twice (rare).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "modeling/spec/spec.h"
#include "solvers/chain/explore.h"
#include "solvers/phase_type/phase_type.h"

namespace windtunnel::modeling {

/// Domains of one kind: `count` of them, each with `nodes` nodes of the job.
struct DomainKind {
  std::string name;
  Count nodes = 1;
  Count count = 0;
  double failure_per_s = 0.0;
  double repair_per_s = 0.0;
};
inline constexpr int kMostDomainKinds = 4;

/// Nodes that fail more often than the others, before and after repair; active as often as the others.
struct FailingNodes {
  /// Of nodes and spares together; the nearest whole number of them counts.
  double share = 0.0;
  /// Over the others' rate, >= 1.
  double factor = 1.0;
};

struct NodeHealth {
  /// Nodes the job needs.
  Count nodes = 1;
  Count spares = 0;
  /// Failure rate of an idle spare relative to an active node: 1 hot, 0 cold.
  double spare_failure_ratio = 0.0;
  /// Of one active node, the mean over all; 0: nodes never fail.
  double failure_per_s = 0.0;
  /// Rates over their mean in equal parts of the horizon; empty: they do not change. Questions about the horizon follow
  /// them, the long run takes the mean.
  std::vector<double> rate_course;
  /// They are lumped exactly too, beside the others, where the chain stays small; else the mean field of both kinds
  /// stands in, with an error of order 1 / count. [A] which nodes come back from a repair of several phases is drawn
  /// evenly.
  FailingNodes bad;
  /// Mean 0: repaired at once.
  Duration repair;
  /// Empty: everybody is repaired at once.
  std::optional<Count> repair_crews;
  std::vector<DomainKind> domains;
};

/// The repair time as the chain has it. With scv above 1 hyperexponential, below 1 up to three Erlang phases; steadier
/// repairs keep the phases of scv 1/3.
solvers::PhaseType repair_phases(const Duration& repair);

/// Phases that a repair may have in the chain.
inline constexpr int kMostRepairPhases = 3;
/// Left out of the long-run law on purpose; what double precision cannot tell from 1.
inline constexpr double kCountTail = 1e-15;
inline constexpr Count kNeverAbsorbed = std::numeric_limits<Count>::max();

Count bad_nodes(const NodeHealth& health);
/// Failures per second of one active bad node, and of one of the others.
double bad_failure_per_s(const NodeHealth& health);
double good_failure_per_s(const NodeHealth& health);

/// The counts that make a state. Unused entries stay 0.
struct Counts {
  /// Nodes down that wait for a crew.
  std::int32_t waiting = 0;
  std::array<std::int32_t, kMostRepairPhases> repairing{};
  /// Bad nodes among those waiting or in repair.
  std::int32_t bad = 0;
  std::array<std::int32_t, kMostDomainKinds> domains_down{};
  bool operator==(const Counts&) const = default;
};

struct CountsHash {
  std::size_t operator()(const Counts& counts) const {
    std::size_t hash = static_cast<std::size_t>(counts.waiting);
    hash = hash * 1099511628211u + static_cast<std::size_t>(counts.bad);
    // FNV-1a's multiplier; the table spreads the result further.
    for (std::int32_t count : counts.repairing) hash = hash * 1099511628211u + static_cast<std::size_t>(count);
    for (std::int32_t count : counts.domains_down) hash = hash * 1099511628211u + static_cast<std::size_t>(count);
    return hash;
  }
};

/// NodeHealth made ready for exploring: repair by phases and the largest counts kept.
struct CountModel {
  NodeHealth health;
  solvers::PhaseType repair;
  Count most_nodes_down = 0;
  Count most_bad_down = 0;
  /// Above 0 only for the long run, where fewer are down as good as never.
  Count fewest_nodes_down = 0;
  std::vector<Count> most_domains_down;
  /// Counts above this are not left again: the target of a first passage; none for the long run.
  Count absorbing_above = kNeverAbsorbed;
  bool exponential_repair = false;
};

/// What a chain of counts is made for.
struct CountLimits {
  /// The shape of the repair matters.
  bool with_phases = false;
  /// Share of time that counts beyond the largest may have.
  double tail = kCountTail;
  Count absorbing_above = kNeverAbsorbed;
  /// Starts with all up, so small counts cannot be left out.
  bool from_all_up = true;
};

bool nodes_fail(const NodeHealth& health);
/// Rate at which the nodes still up fail, all together.
double node_failure_per_s(const NodeHealth& health, Count down);
/// Nodes that broke by themselves and are not back.
Count broken_nodes(const Counts& counts);
/// The same with the nodes of failed domains.
Count nodes_down(const NodeHealth& health, const Counts& counts);

CountModel count_model(const NodeHealth& health, const CountLimits& limits);
double states_upper_bound(const CountModel& model);
/// Small enough to be solved some thirty times within a second.
bool is_solved_at_once(const CountModel& model);
/// Nodes alone, or with domains small enough to be followed through time in about a quarter of a second.
bool is_followed_in_time(const CountModel& model);
/// Throws NoAnswerError when the chain has more states than are solved in seconds.
void require_solvable(const CountModel& model);
/// State 0: as few nodes down as are kept.
solvers::StateSpace<Counts> explore_counts(const CountModel& model);

/// The chain is small enough for its repair to keep its phases where they matter.
bool holds_phases(const CountModel& model);
/// What is above a cut with this tail is entered at most 1e-13 times in the horizon, in the mean.
double transient_tail(const NodeHealth& health, double horizon_s);

}  // namespace windtunnel::modeling
