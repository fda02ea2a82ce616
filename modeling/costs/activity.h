// SPDX-License-Identifier: Apache-2.0
// What a device is doing at one moment of a training step: the states of the device chain.
#pragma once

#include <array>
#include <string_view>

#include "modeling/workload/operator_graph.h"

namespace windtunnel::modeling {

enum class Activity {
  kCompute,
  kMemory,
  kTensorComm,
  kExpertComm,
  kContextComm,
  kPipelineWait,
  kDataComm,
  kOptimizer,
  kStragglerWait,
  kCheckpoint,
  kRestart,
  kFailed,
  kHostWait,
  kOffloadWait,
};
inline constexpr int kActivities = 14;

/// JSON names, in enumerator order.
inline constexpr std::array<std::string_view, kActivities> kActivityNames = {
    "compute",   "memory",         "tensor_comm", "expert_comm", "context_comm", "pipeline_wait", "data_comm",
    "optimizer", "straggler_wait", "checkpoint",  "restart",     "failed",       "host_wait",     "offload_wait"};

/// The activity of waiting for a collective of this group.
constexpr Activity waiting_for(CommGroup group) {
  switch (group) {
    case CommGroup::kTensor:
      return Activity::kTensorComm;
    case CommGroup::kContext:
      return Activity::kContextComm;
    case CommGroup::kExpert:
      return Activity::kExpertComm;
    case CommGroup::kPipeline:
      return Activity::kPipelineWait;
    case CommGroup::kData:
    case CommGroup::kExpertData:
      return Activity::kDataComm;
  }
  return Activity::kPipelineWait;
}

}  // namespace windtunnel::modeling
