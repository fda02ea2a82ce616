// SPDX-License-Identifier: Apache-2.0
// One template of the operator graph played on one device: a compute resource and one communication resource per group.
//
// Operators run in program order. A kernel waits for its producers and for the compute resource; a collective waits
// for its producers and for its group's port. A collective that the software does not hide holds the compute
// resource too. Streamed dependencies split the collective into as many pieces as the group has ranks: the consumer
// starts after the first piece and ends one piece after the producer (ring-exchange overlap, as in Transformer Engine).
// A hidden exchange of tokens with the experts runs beside the compute of another micro-batch: nothing in the template
// waits for it, and the template takes at least as long as its exchanges. [A] Forward and backward passes are paired so
// that each covers its own exchange; pairs that share the slack of both would be shorter, by at most what is exposed.
// While communication runs beside compute, compute is slower by the software's overlap_compute_slowdown.
// Copies to and from the host's memory run beside everything; a template takes at least as long as its own.
// The host issues kernels one by one: a template takes at least (kernels) x (time to issue one); the rest is host_wait.
#pragma once

#include <array>
#include <initializer_list>
#include <vector>

#include "modeling/chains/step/moments.h"
#include "modeling/cluster/machine.h"
#include "modeling/costs/service_times.h"

namespace windtunnel::modeling {

/// What a software generation hides beside compute, after the spec's `overlap` overrides. DualPipe pairs passes of two
/// micro-batches by design, so it hides the exchange with the experts whatever the software's habit.
struct OverlapPolicy {
  std::array<bool, kCommGroups> hidden{};
  /// Rate loss of compute beside communication, 0..1.
  double compute_slowdown = 0.0;
  /// Time the host takes to issue one kernel.
  double host_issue_s = 0.0;
  /// Host time of one pass of one micro-batch through one chunk beside its kernels.
  double host_pass_s = 0.0;
};
OverlapPolicy overlap_policy(const SoftwareGeneration& software, const Training& training);

/// A stretch of time the device spends in one activity.
struct ActivitySpan {
  Activity activity;
  double duration_s;
};

/// Communication of one group inside one template.
struct TemplateTraffic {
  double total_s = 0.0;
  double exposed_s = 0.0;
  double scale_up_busy_s = 0.0;
  double scale_out_busy_s = 0.0;
  int transfers = 0;
};

struct TemplateTime {
  Moments duration;
  /// Time of kernels that may be deferred (gradients of weights).
  double deferrable_s = 0.0;
  /// Time the host takes to issue its kernels.
  double host_s = 0.0;
  /// The device's timeline; durations add up to duration.mean_s.
  std::vector<ActivitySpan> spans;
  std::array<TemplateTraffic, kCommGroups> traffic{};
};

/// Plays one (segment, pass). An empty template takes no time.
TemplateTime play_template(const OperatorGraph& graph, Segment segment, Pass pass, const ServiceTimes& times,
                           const Placement& placement, const OverlapPolicy& policy);

/// All templates, indexed [segment][pass].
using TemplateTimes = std::array<std::array<TemplateTime, kPasses>, kSegments>;
TemplateTimes play_all_templates(const OperatorGraph& graph, const ServiceTimes& times, const Placement& placement,
                                 const OverlapPolicy& policy);

/// What a micro-batch waits for the host in a chunk beyond the waiting inside its templates: the host issues the
/// kernels of all of them and does its own work of the pass (schedule, sends, receives) beside the device.
double chunk_host_wait_s(const TemplateTimes& templates, const ModelChunk& chunk, std::initializer_list<Pass> passes,
                         double host_pass_s);

}  // namespace windtunnel::modeling
