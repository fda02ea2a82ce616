// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "modeling/spec/check_layout.h"
#include "modeling/spec/read_blocks.h"

namespace windtunnel::modeling {
namespace {

const Choices<Precision> kPrecisionChoices = {{"bf16", Precision::kBf16},
                                              {"fp16", Precision::kFp16},
                                              {"fp8", Precision::kFp8},
                                              {"mxfp8", Precision::kMxfp8},
                                              {"nvfp4", Precision::kNvfp4}};
const Choices<Recompute> kRecomputeChoices = {{"none", Recompute::kNone},
                                              {"selective", Recompute::kSelective},
                                              {"full", Recompute::kFull},
                                              {"auto", Recompute::kAuto}};
const Choices<PipelineSchedule> kScheduleChoices = {{"1f1b", PipelineSchedule::kOneForwardOneBackward},
                                                    {"interleaved", PipelineSchedule::kInterleaved},
                                                    {"zero_bubble", PipelineSchedule::kZeroBubble},
                                                    {"dualpipe", PipelineSchedule::kDualPipe},
                                                    {"gpipe", PipelineSchedule::kGpipe}};

const Choices<ContextExchange> kContextExchangeChoices = {{"ring", ContextExchange::kRing},
                                                          {"all_gather", ContextExchange::kAllGather},
                                                          {"all_to_all", ContextExchange::kAllToAll}};

const Choices<bool> kDispatchChoices = {{"deduplicated", true}, {"all_to_all", false}};

/// `auto`: what the other degrees leave of the devices (rounded down; then the product is refused).
Count read_data_degree(YamlReader& block, const Parallelism& others, const Cluster& cluster) {
  const auto data = block.find("data");
  if (!data || !data->is_scalar() || data->text() != "auto") return block.count("data", 1, kMostDevices, 1);
  const double taken =
      static_cast<double>(others.tensor) * static_cast<double>(others.pipeline) * static_cast<double>(others.context);
  return std::max<Count>(1, static_cast<Count>(static_cast<double>(cluster.num_devices) / taken));
}

Parallelism read_parallelism(YamlReader& training, const Cluster& cluster) {
  const auto value = training.find("parallelism");
  if (!value) return {};
  YamlReader block = value->map();
  Parallelism degrees;
  degrees.tensor = block.count("tensor", 1, kMostDevices, 1);
  degrees.pipeline = block.count("pipeline", 1, kMostDevices, 1);
  degrees.context = block.count("context", 1, kMostDevices, 1);
  degrees.data = read_data_degree(block, degrees, cluster);
  degrees.expert = block.count("expert", 1, kMostDevices, 1);
  degrees.expert_tensor = block.count("expert_tensor", 1, kMostDevices, 0);
  degrees.virtual_stages = block.count("virtual_stages", 1, kMostDevices, 1);
  block.finish();
  return degrees;
}

Overlap read_overlap(YamlReader& training) {
  const auto value = training.find("overlap");
  if (!value) return {};
  YamlReader block = value->map();
  Overlap overlap;
  overlap.tensor = block.optional_boolean("tensor");
  overlap.pipeline = block.optional_boolean("pipeline");
  overlap.data = block.optional_boolean("data");
  overlap.expert = block.optional_boolean("expert");
  overlap.context = block.optional_boolean("context");
  block.finish();
  return overlap;
}

Offload read_offload(YamlReader& training) {
  const auto value = training.find("offload");
  if (!value) return {};
  YamlReader block = value->map();
  Offload offload;
  offload.optimizer_share = block.number("optimizer", 0.0, 1.0, 0.0);
  offload.activations_share = block.number("activations", 0.0, 1.0, 0.0);
  block.finish();
  return offload;
}

TrainingServiceTimes read_stage_times(YamlReader block) {
  TrainingServiceTimes times;
  times.forward_s = block.quantity("forward", Dimension::kTime);
  times.backward_s = block.quantity("backward", Dimension::kTime);
  times.scv = block.number("scv", 0.0, kMostSpread, 0.0);
  times.pipeline_transfer_s = block.quantity("pipeline_transfer", Dimension::kTime, 0.0);
  times.data_parallel_s = block.quantity("data_parallel", Dimension::kTime, 0.0);
  block.finish();
  return times;
}

PipelineSchedule read_schedule(YamlReader& block, const Parallelism& degrees) {
  const PipelineSchedule otherwise =
      degrees.virtual_stages > 1 ? PipelineSchedule::kInterleaved : PipelineSchedule::kOneForwardOneBackward;
  return read_choice(block, "schedule", kScheduleChoices, otherwise);
}

void read_sizes(YamlReader& block, Training& training) {
  training.sequence_length = training.service_times ? block.count("sequence_length", 1, kMostTokens, 0)
                                                    : block.count("sequence_length", 1, kMostTokens);
  training.global_batch = block.count("global_batch", 1, kMostTokens);
  training.micro_batch = block.count("micro_batch", 1, kMostTokens, 0);
  if (training.service_times && training.micro_batch == 0) training.micro_batch = 1;
  training.tokens = block.optional_number("tokens", 1.0, kMostTrainingTokens);
}

void read_methods(YamlReader& block, Training& training) {
  training.precision = read_choice(block, "precision", kPrecisionChoices, Precision::kBf16);
  training.recompute = read_choice(block, "recompute", kRecomputeChoices, Recompute::kAuto);
  training.schedule = read_schedule(block, training.parallelism);
  training.sequence_parallel_given = block.has("sequence_parallel");
  training.sequence_parallel = block.boolean("sequence_parallel", training.parallelism.tensor > 1);
  training.zero_stage = static_cast<int>(block.count("zero_stage", 0, 3, 1));
  training.expert_imbalance = block.number("expert_imbalance", 1.0, kLargestFactor, 0.0);
}

}  // namespace

Training read_training(YamlReader block, const Model& model, const Cluster& cluster) {
  Training training;
  if (const auto times = block.find("service_times")) training.service_times = read_stage_times(times->map());
  training.parallelism = read_parallelism(block, cluster);
  training.overlap = read_overlap(block);
  training.context_exchange = read_choice(block, "context_exchange", kContextExchangeChoices, ContextExchange::kRing);
  training.offload = read_offload(block);
  if (const auto dispatch = block.find("expert_dispatch"))
    training.deduplicated_dispatch = read_choice(*dispatch, kDispatchChoices);
  read_sizes(block, training);
  read_methods(block, training);
  block.finish();
  check_training_layout(training, model, cluster, block);
  return training;
}

}  // namespace windtunnel::modeling
