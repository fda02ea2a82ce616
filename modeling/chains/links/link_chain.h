// SPDX-License-Identifier: Apache-2.0
// The link chain: which traffic classes share a device's port of one network tier, and how healthy the link is.
//
// State = (blocking class on the wire or none) x (set of hidden classes on the wire) x (health of the link). A device
// runs its blocking collectives one after another, so at most one of them is on; hidden ones (gradients beside the
// backward pass, ...) come and go beside it. Active classes share the port equally (processor sharing) at the speed of
// the health state; a class that crosses uplinks gets no more than the fabric gives the set A of active classes.
//   class c goes on   with rate transfers_c / (step - time on)
//           goes off  with rate share / (busy time of one transfer),  share = min(speed / |A|, 1 / S_A)
// The answer: slowdown of class c = 1 / E[its share of the rate | c is on, link not down].
// Approximation: exponential on and off times, phases of classes independent apart from blocking. Exact for one class.
// S_A (fabric_congestion.h) takes all devices of a class as sending at the same time, as they run the same program.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "modeling/chains/links/fabric_congestion.h"
#include "modeling/chains/step/training_step.h"
#include "solvers/chain/generator.h"
#include "solvers/long_run/stationary.h"

namespace windtunnel::modeling {

struct LinkClass {
  /// Empty: traffic beside the steps (checkpoints on their way), which slows the others and whose own pace nobody
  /// awaits.
  std::optional<CommGroup> group;
  /// Hidden beside compute (true) or holding the device (false).
  bool hidden = false;
  double transfers_per_step = 0.0;
  /// Port time of all its transfers of one step, alone on a healthy link.
  double busy_s = 0.0;
};

struct LinkProblem {
  std::string name;
  std::vector<LinkClass> classes;
  double step_s = 0.0;
  /// Health chain of the link; empty: always healthy.
  const Component* health = nullptr;
  /// Switches above the port and the level of their congestion; null: the port is all there is.
  const FabricCongestion* fabric = nullptr;
  int level = 0;
};

/// One tier of uplinks as the traffic of one device meets it.
struct UplinkUse {
  /// Mean over the time a class that crosses the tier is on: load over capacity where above 1, else 1.
  double congestion_slowdown_ratio = 1.0;
  /// Share of that time in which the tier, not the port, sets the pace.
  double congestion_probability = 0.0;
};

struct LinkSolution {
  /// Per communication group, >= 1; 1 for groups without traffic.
  std::array<double, kCommGroups> slowdown;
  /// Share of the link's capacity in use.
  double utilization_ratio = 0.0;
  /// Busy-time average of (nominal rate / received rate) over all classes, >= 1.
  double congestion_slowdown_ratio = 1.0;
  /// Probability that a class on the wire gets less than the full rate, given that one is on.
  double congestion_probability = 0.0;
  /// In the order of the fabric's tiers.
  std::vector<UplinkUse> uplinks;
  solvers::StationarySolution solution;
  long long states = 0;
  long long transitions = 0;
};

/// Solves the chain; a link without traffic has the trivial solution. Throws NoAnswerError when the chain cannot be
/// solved.
LinkSolution solve_link(const LinkProblem& problem);

/// The chain itself, to be shown: what is on the wire in each state ("idle", "tensor", "tensor + data") and the health
/// where it is not the first of the link's own states; rates between them.
struct NamedLinkChain {
  std::vector<std::string> states;
  solvers::Generator generator;
};
/// `problem` has at least one class.
NamedLinkChain named_link_chain(const LinkProblem& problem);

/// Classes of one tier from the step's traffic.
std::vector<LinkClass> link_classes(const std::array<TrafficLoad, kCommGroups>& traffic, bool scale_up);

}  // namespace windtunnel::modeling
