// SPDX-License-Identifier: Apache-2.0
// A made-up device with round numbers, so that expected times can be computed by hand.
#pragma once

#include "modeling/cluster/machine.h"

namespace windtunnel::modeling {

inline Figure figure(double value) {
  return {.value = value, .evidence = Evidence::kAssumed, .source = "test"};
}

/// 100 TFLOP/s, 1 TB/s, 10 multiprocessors with 100 x 100 tiles, no fixed costs; scale-up 100 GB/s among 8, scale-out
/// 10 GB/s.
inline Machine small_machine() {
  Machine machine;
  HardwareProfile& p = machine.profile;
  p.name = "round-numbers";
  p.compute.peak_flop_per_s[static_cast<int>(Precision::kBf16)] = figure(100e12);
  p.compute.sustained_ratio = figure(1);
  p.compute.multiprocessors = figure(10);
  p.compute.tile_rows = figure(100);
  p.compute.tile_columns = figure(100);
  p.compute.gemm[static_cast<int>(Precision::kBf16)] = GemmEfficiency{
      .compute_ratio = figure(1), .memory_ratio = figure(1), .floor_s = figure(0), .half_depth = figure(0)};
  p.compute.attention = {
      .forward_compute_ratio = figure(0.5), .backward_compute_ratio = figure(0.5), .half_length = figure(0)};
  p.memory = {.capacity_bytes = figure(100e9),
              .bandwidth_bytes_per_s = figure(1e12),
              .stream_ratio = figure(1),
              .reserved_bytes = figure(0)};
  p.devices_per_node = 8;
  p.scale_up_domain_devices = 8;
  const NetworkTier tier{.bandwidth_bytes_per_s = figure(100e9),
                         .latency_s = figure(0),
                         .efficiency_ratio = figure(1),
                         .half_message_bytes = figure(0),
                         .in_network_reduction = figure(0)};
  p.scale_up = tier;
  p.scale_out = tier;
  p.scale_out.bandwidth_bytes_per_s = figure(10e9);
  p.fabric = {.topology = "fat_tree", .oversubscription = figure(1), .rails = figure(1), .leaf_devices = figure(1000)};
  p.jitter = {.operator_cv = figure(0),
              .device_cv = figure(0),
              .stall_rate_per_s = figure(0),
              .stall_time_s = figure(0),
              .stall_scv = figure(1)};
  machine.software.name = "plain";
  machine.software.family = "plain";
  machine.software.attention_speed_ratio = figure(1);
  return machine;
}

/// GPT-like: 4 layers of hidden 1024, 16 heads, plain MLP of 4096, vocabulary 32,000.
inline Model small_gpt() {
  return {.name = "small-gpt",
          .num_hidden_layers = 4,
          .hidden_size = 1024,
          .num_attention_heads = 16,
          .num_key_value_heads = 16,
          .head_dim = 64,
          .intermediate_size = 4096,
          .vocab_size = 32000,
          .gated_mlp = false};
}

inline Training small_training() {
  return {.sequence_length = 2048,
          .global_batch = 16,
          .micro_batch = 2,
          .recompute = Recompute::kNone,
          .parallelism = {.expert_tensor = 1},
          .sequence_parallel = false,
          .zero_stage = 1};
}

}  // namespace windtunnel::modeling
