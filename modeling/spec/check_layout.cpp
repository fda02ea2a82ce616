// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/check_layout.h"

#include <fmt/format.h>

#include <algorithm>

namespace windtunnel::modeling {
namespace {

double real(Count count) {
  return static_cast<double>(count);
}

SourceLocation degree_location(const YamlReader& block, std::string_view degree) {
  YamlReader reader = block;
  const auto degrees = reader.find("parallelism");
  return degrees ? degrees->map().location_of(degree) : block.location();
}

void check_degrees(const Training& training, const Cluster& cluster, const YamlReader& block) {
  const Parallelism& d = training.parallelism;
  const double product = real(d.tensor) * real(d.pipeline) * real(d.data) * real(d.context);
  if (product == real(cluster.num_devices)) return;
  throw SpecError(block.location_of("parallelism"),
                  fmt::format("tensor {} x pipeline {} x data {} x context {} = {:.0f}, but num_devices is {}",
                              d.tensor, d.pipeline, d.data, d.context, product, cluster.num_devices));
}

void check_heads(const Parallelism& degrees, const Model& model, const YamlReader& block) {
  const auto fail = [&](const char* kind, Count heads) {
    throw SpecError(degree_location(block, "tensor"),
                    fmt::format("{} {} is not divisible by tensor {}", kind, heads, degrees.tensor));
  };
  if (model.num_attention_heads % degrees.tensor != 0) fail("num_attention_heads", model.num_attention_heads);
  const bool divides = model.num_key_value_heads % degrees.tensor == 0;
  const bool replicates = degrees.tensor % model.num_key_value_heads == 0;
  if (!divides && !replicates) fail("num_key_value_heads", model.num_key_value_heads);
}

/// Ulysses gives every context rank whole heads.
void check_context_exchange(const Training& training, const Model& model, const YamlReader& block) {
  const Parallelism& degrees = training.parallelism;
  if (training.context_exchange != ContextExchange::kAllToAll) return;
  if (model.num_attention_heads % (degrees.tensor * degrees.context) == 0) return;
  throw SpecError(
      block.location_of("context_exchange"),
      fmt::format("num_attention_heads {} is not divisible by tensor {} x context {}, which all_to_all needs",
                  model.num_attention_heads, degrees.tensor, degrees.context));
}

// The embedding and the output head may each have a stage of their own.
void check_stages(const Parallelism& degrees, const Model& model, const YamlReader& block) {
  if (degrees.pipeline <= model.num_hidden_layers + 2) return;
  throw SpecError(degree_location(block, "pipeline"),
                  fmt::format("pipeline {} leaves stages empty, num_hidden_layers is {}", degrees.pipeline,
                              model.num_hidden_layers));
}

void check_experts_exist(const Parallelism& degrees, const Model& model, const YamlReader& block) {
  if (degrees.expert == 1 || model.is_mixture_of_experts()) return;
  throw SpecError(degree_location(block, "expert"),
                  fmt::format("expert is {}, but the model has no experts", degrees.expert));
}

void check_training_experts(const Parallelism& degrees, const Model& model, const YamlReader& block) {
  check_experts_exist(degrees, model, block);
  if (model.num_experts % degrees.expert != 0) {
    throw SpecError(degree_location(block, "expert"),
                    fmt::format("num_experts {} is not divisible by expert {}", model.num_experts, degrees.expert));
  }
  const Count group = degrees.data * degrees.context * degrees.tensor;
  if (group % degrees.expert != 0) {
    throw SpecError(degree_location(block, "expert"),
                    fmt::format("data x context x tensor = {} is not divisible by expert {}", group, degrees.expert));
  }
  if (degrees.expert_tensor > 0 && group % (degrees.expert * degrees.expert_tensor) != 0) {
    throw SpecError(degree_location(block, "expert_tensor"),
                    fmt::format("data x context x tensor = {} is not divisible by expert {} x expert_tensor {}", group,
                                degrees.expert, degrees.expert_tensor));
  }
}

void check_batch(const Training& training, const YamlReader& block) {
  const Count data = training.parallelism.data;
  const Count micro_batch = std::max<Count>(1, training.micro_batch);
  const double step = real(data) * real(micro_batch);
  if (real(training.global_batch) >= step && training.global_batch % (data * micro_batch) == 0) return;
  throw SpecError(block.location_of("global_batch"),
                  fmt::format("global_batch {} is not divisible by data {} x micro_batch {} = {:.0f}",
                              training.global_batch, data, micro_batch, step));
}

void check_schedule(const Training& training, const YamlReader& block) {
  const Parallelism& degrees = training.parallelism;
  if (degrees.virtual_stages == 1) return;
  if (degrees.pipeline == 1) {
    throw SpecError(degree_location(block, "virtual_stages"),
                    fmt::format("virtual_stages is {}, but pipeline is 1", degrees.virtual_stages));
  }
  const bool one_chunk =
      training.schedule == PipelineSchedule::kGpipe || training.schedule == PipelineSchedule::kOneForwardOneBackward;
  if (one_chunk) {
    throw SpecError(block.location_of("schedule"),
                    fmt::format("schedule has one stage per device, but virtual_stages is {}, expected interleaved",
                                degrees.virtual_stages));
  }
}

}  // namespace

void check_training_layout(const Training& training, const Model& model, const Cluster& cluster,
                           const YamlReader& block) {
  check_degrees(training, cluster, block);
  check_batch(training, block);
  check_schedule(training, block);
  if (model.num_hidden_layers == 0) return;
  check_heads(training.parallelism, model, block);
  check_context_exchange(training, model, block);
  check_stages(training.parallelism, model, block);
  check_training_experts(training.parallelism, model, block);
}

double devices_of(const ServingPool& pool) {
  const Parallelism& d = pool.parallelism;
  return real(pool.replicas) * real(d.tensor) * real(d.pipeline) * real(d.data);
}

void check_serving_pool(const ServingPool& pool, const Model& model, const YamlReader& block) {
  if (model.num_hidden_layers == 0) return;
  const Parallelism& degrees = pool.parallelism;
  if (!model.has_latent_attention()) check_heads(degrees, model, block);
  check_stages(degrees, model, block);
  check_experts_exist(degrees, model, block);
  if (real(degrees.expert) <= real(degrees.tensor) * real(degrees.data)) return;
  throw SpecError(degree_location(block, "expert"),
                  fmt::format("expert {} exceeds tensor {} x data {}", degrees.expert, degrees.tensor, degrees.data));
}

void check_serving_devices(const Serving& serving, const Cluster& cluster, const YamlReader& block) {
  const bool split = serving.layout == ServingLayout::kDisaggregated;
  const double devices =
      split ? devices_of(serving.prefill) + devices_of(serving.decode) : devices_of(serving.aggregated);
  if (devices == real(cluster.num_devices)) return;
  const char* sum =
      split ? "prefill and decode replicas x tensor x pipeline x data" : "replicas x tensor x pipeline x data";
  throw SpecError(block.location_of("parallelism"),
                  fmt::format("{} = {:.0f}, but num_devices is {}", sum, devices, cluster.num_devices));
}

}  // namespace windtunnel::modeling
