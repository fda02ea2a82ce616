// SPDX-License-Identifier: Apache-2.0
// What a spec says of failures, repairs, checkpoints and spares.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "modeling/spec/cluster_spec.h"

namespace windtunnel::modeling {

enum class SpareKind { kHot, kWarm, kCold };

struct FailureDomain {
  std::string name;
  Count nodes = 0;
  double rate_per_s = 0.0;
  Duration repair_time;
};

/// A way back to work after a stop.
struct RecoveryClass {
  std::string name;
  /// Component kinds and domain names whose failures may take this way; empty: all.
  std::vector<std::string> causes;
  /// Weight among the classes that a cause may take.
  double share = 1.0;
  /// Empty: those of the recovery block, and reliability.restart_time.
  std::optional<Duration> detect_time;
  std::optional<Duration> localize_time;
  std::optional<Duration> restart_time;
};

/// Between a stop and the first step after it.
struct Recovery {
  std::optional<Duration> detect_time;
  std::optional<Duration> localize_time;
  std::vector<RecoveryClass> classes;
  /// Failures strike during recovery too, at their mean rate, whatever the law of the times between stops.
  bool struck = true;
};

/// Copies of the state in the memory of other nodes.
struct MemoryCheckpoint {
  double interval_s = 0.0;
  double blocking_s = 0.0;
  Count copies = 2;
};

/// Nodes fail `factor` times as often when new; each outgrows that after an exponential time.
struct EarlyLife {
  double factor = 1.0;
  double duration_s = 0.0;
};

/// `share` of the nodes fail `factor` times as often as the others; the stated rates are the fleet's mean.
struct BadNodes {
  double share = 0.0;
  double factor = 1.0;
};

/// Weibull lifetime of a node, added to its other failures: hazard shape/scale (age/scale)^(shape-1).
struct WearOut {
  double shape = 1.0;
  double scale_s = 0.0;
  /// At the start of the horizon.
  double age_s = 0.0;
  /// A repair replaces what is worn; false: the node goes on as old as it was.
  bool repaired_as_new = false;
};

/// The job goes on with fewer data-parallel replicas when spares run out.
struct Elastic {
  /// Nodes of one replica; empty: by the layout (training).
  std::optional<Count> replica_nodes;
  /// Replicas that may be missing at most.
  Count most_missing = 1;
  /// To take a replica back in.
  double resize_time_s = 60.0;
};

/// Every `every_s` of running the job stands still for `duration_s`, after a checkpoint.
struct Maintenance {
  double every_s = 0.0;
  double duration_s = 0.0;
};

/// What is done about devices and links that are slow.
enum class FailSlow { kRunOn, kDrain, kIgnore };

struct Reliability {
  std::optional<double> horizon_s;
  /// Failures per second of one component, by component kind ("node", "gpu", ...). Empty: the profile's chains.
  std::map<std::string, double> failure_rates_per_s;
  /// `failure_rates: {others: none}`: what the profile says of kinds that are not named does not count.
  bool other_failures = true;
  /// The profile's kinds that are not named still fail: not beside `node`, which stands for all of a node.
  bool profile_fails() const { return other_failures && !failure_rates_per_s.contains("node"); }
  /// Of the times between stops of the job: 1 exponential, above bursty.
  double failure_scv = 1.0;
  /// Multiplies every failure rate, stated or of the profile: "what if parts failed twice as often".
  double failure_rate_factor = 1.0;
  std::optional<Duration> repair_time;
  /// Empty: unlimited.
  std::optional<Count> repair_crews;
  Count spare_nodes = 0;
  bool spares_stated = false;
  SpareKind spare_kind = SpareKind::kCold;
  /// Work between checkpoints; empty: optimal.
  std::optional<double> checkpoint_interval_s;
  std::optional<double> checkpoint_blocking_s;
  /// Of the whole job's state; empty: by the model (training).
  std::optional<double> checkpoint_size_bytes;
  /// To storage, whole job.
  std::optional<double> checkpoint_bandwidth_bytes_per_s;
  /// Asynchronous: after the blocking part, until it can be restored.
  double checkpoint_write_s = 0.0;
  std::optional<MemoryCheckpoint> checkpoint_memory;
  /// True: what is written beside the steps (write_time, memory) travels over the scale-out ports of the devices;
  /// false: over a network of its own.
  bool checkpoint_on_scale_out = false;
  std::optional<Duration> restart_time;
  Recovery recovery;
  std::vector<FailureDomain> domains;
  std::optional<EarlyLife> early_life;
  std::optional<BadNodes> bad_nodes;
  std::optional<WearOut> wear_out;
  /// Share of the failures that is foreseen in time for a checkpoint.
  double prediction_recall = 0.0;
  std::optional<Elastic> elastic;
  std::optional<Maintenance> maintenance;
  FailSlow fail_slow = FailSlow::kRunOn;
  /// Independent scale-out planes: losing one of several slows the job instead of stopping it.
  Count link_planes = 1;
  std::optional<double> deadline_s;
  /// Share of the time that a serving fleet promises enough replicas.
  double availability_target = 0.9995;
  /// In the user's currency.
  std::optional<double> price_per_device_hour;
  std::optional<double> power_per_device_w;
};

}  // namespace windtunnel::modeling
