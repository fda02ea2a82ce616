// SPDX-License-Identifier: Apache-2.0
// What stops a job and how often: from the spec's rates, or else from the health chains of the hardware profile.
#pragma once

#include <string>
#include <vector>

#include "modeling/cluster/machine.h"

namespace windtunnel::modeling {

/// What one failure takes out of the job.
enum class FailureLevel { kNode, kDomain, kJob };

struct FailureCause {
  /// Component kind ("gpu") or name of a domain ("leaf switch").
  std::string name;
  FailureLevel level = FailureLevel::kNode;
  /// Components in the job; a part of a domain counts as that part.
  double components = 0.0;
  /// Of one component; each failure stops the job.
  Figure rate_per_s;
  /// kDomain: nodes of one domain.
  Count nodes = 1;
  /// Until the nodes are back; kJob: until the software is.
  Duration repair;

  double job_rate_per_s() const { return components * rate_per_s.value; }
};

/// A state of a component in which it is slow: `count` components enter it independently.
struct SlowState {
  /// "gpu throttled".
  std::string name;
  double count = 0.0;
  /// Of one component.
  double onset_per_s = 0.0;
  double stay_s = 0.0;
  /// Of the component; what the job makes of it is the training model's to say.
  double speed_ratio = 1.0;
  /// A link or its optics, not a device.
  bool is_link = false;

  /// That at least one component is slow: 1 - (1 - p)^count, exact for independent components.
  double any_probability() const;
};

/// Nodes of the job: devices over devices per node, rounded up.
Count job_nodes(const Cluster& cluster, const HardwareProfile& profile);

/// A kind named in `failure_rates` replaces the profile's chain of that kind, `node` all of them, `others: none` drops
/// the rest; `domains` replaces the profile's domain level. A profile's component stops the job when it enters, from
/// its healthy state, a state of speed 0 in which it stays for 30 s or more in the mean; shorter outages (a flapping
/// link) are ridden out: 30 s is the time after which network faults are detected (ByteRobust, arXiv:2509.16293, table
/// 3). Early life raises the rates of nodes to their mean over the horizon, wear-out is a cause of its own, drained
/// slow devices another; with several link planes links, optics and switches slow the job instead. Throws NoAnswerError
/// for a rate of a kind that the profile does not place.
std::vector<FailureCause> failure_causes(const Spec& spec, const HardwareProfile& profile, double horizon_s);

/// Rate at which nodes fail in each of this many equal parts of the horizon, over its mean: early life and wear-out.
/// Empty where it does not change.
std::vector<double> node_rate_course(const Spec& spec, const HardwareProfile& profile, double horizon_s, int parts);

/// States of speed between 0 and 1 that the profile's components enter from their healthy state, and lost link planes;
/// none where the spec states the rates, or drains or ignores what is slow.
std::vector<SlowState> slow_states(const Spec& spec, const HardwareProfile& profile);

/// Failures of the whole job per second, by all causes or by those of one level.
double job_failure_per_s(const std::vector<FailureCause>& causes);
double job_failure_per_s(const std::vector<FailureCause>& causes, FailureLevel level);

/// Mean and scv of the repair of a node that failed by any of the causes of node level.
Duration mixed_node_repair(const std::vector<FailureCause>& causes);

}  // namespace windtunnel::modeling
