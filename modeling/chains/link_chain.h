// SPDX-License-Identifier: Apache-2.0
// The link chain: which traffic classes share a device's port of one network tier, and how healthy the link is.
//
// State = (blocking class on the wire or none) x (set of hidden classes on the wire) x (health of the link). A device
// runs its blocking collectives one after another, so at most one of them is on; hidden ones (gradients beside the
// backward pass, ...) come and go beside it. Active classes share the link equally (processor sharing) at the speed of
// the health state.
//   class c goes on   with rate transfers_c / (step - time on),  off with rate speed / (active classes) / (busy time of
//   one transfer)
// The answer: slowdown of class c = 1 / E[its share of the rate | c is on, link not down].
// Approximation: exponential on and off times, phases of classes independent apart from blocking. Exact for one class.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "modeling/chains/training_step.h"
#include "solvers/generator.h"
#include "solvers/stationary.h"

namespace windtunnel::modeling {

struct LinkClass {
  CommGroup group = CommGroup::kTensor;
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
  solvers::StationarySolution solution;
  long long states = 0;
  long long transitions = 0;
};

/// Solves the chain; a link without traffic has the trivial solution. Throws NoAnswerError when the chain cannot be
/// solved.
LinkSolution solve_link(const LinkProblem& problem);

/// Classes of one tier from the step's traffic.
std::vector<LinkClass> link_classes(const std::array<TrafficLoad, kCommGroups>& traffic, bool scale_up);

}  // namespace windtunnel::modeling
