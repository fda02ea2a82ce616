// SPDX-License-Identifier: Apache-2.0
// Deployments of a serving spec on its devices: one kind of replica, or prefill and decode apart.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "modeling/spec/nearest_name.h"
#include "modeling/spec/read_spec.h"
#include "modeling/studies/search_space.h"

namespace windtunnel::modeling {
namespace {

/// Concurrent sequences per replica that are tried beside the spec's own or the engine's.
constexpr std::array<Count, 4> kBatches = {32, 128, 512, 2048};

bool keeps(const SearchOptions& options, const std::string& name) {
  return std::find(options.keep.begin(), options.keep.end(), name) != options.keep.end();
}

/// Tensor degrees that the model's heads allow and that stay inside one scale-up domain.
std::vector<Count> tensor_degrees(const Spec& spec, const Machine& machine, const SearchOptions& options) {
  if (keeps(options, "tensor")) return {spec.serving->aggregated.parallelism.tensor};
  std::vector<Count> degrees;
  for (const Count tensor : divisors(spec.cluster.num_devices)) {
    const Model& model = spec.model;
    const bool whole_heads = model.num_attention_heads % tensor == 0;
    const bool whole_kv = model.has_latent_attention() || model.num_key_value_heads % tensor == 0 ||
                          tensor % std::max<Count>(1, model.num_key_value_heads) == 0;
    if (whole_heads && whole_kv && tensor <= machine.profile.scale_up_domain_devices) degrees.push_back(tensor);
  }
  return degrees;
}

std::vector<Count> pipeline_degrees(const Spec& spec, const SearchOptions& options) {
  if (keeps(options, "pipeline")) return {spec.serving->aggregated.parallelism.pipeline};
  std::vector<Count> degrees;
  for (const Count pipeline : {1, 2, 4}) {
    if (pipeline <= spec.model.num_hidden_layers) degrees.push_back(pipeline);
  }
  return degrees;
}

/// Attention replicas inside one engine pay off only where experts are spread over them.
std::vector<Count> data_degrees(const Spec& spec, const SearchOptions& options) {
  if (keeps(options, "data")) return {spec.serving->aggregated.parallelism.data};
  return spec.model.is_mixture_of_experts() ? divisors(spec.cluster.num_devices) : std::vector<Count>{1};
}

std::vector<Count> expert_degrees(const Spec& spec, Count devices) {
  if (!spec.model.is_mixture_of_experts() || devices == 1) return {1};
  const bool spreads = spec.model.num_experts % devices == 0;
  return spreads ? std::vector<Count>{1, devices} : std::vector<Count>{1};
}

std::vector<std::optional<Count>> batches(const std::optional<Count>& stated, const SearchOptions& options) {
  std::vector<std::optional<Count>> list = {stated};
  if (keeps(options, "max_batch")) return list;
  for (const Count batch : kBatches) {
    if (stated != batch) list.emplace_back(batch);
  }
  return list;
}

/// Of an engine that takes `devices` devices.
std::vector<Parallelism> engines(const Spec& spec, const Machine& machine, const SearchOptions& options) {
  std::vector<Parallelism> list;
  for (const Count tensor : tensor_degrees(spec, machine, options)) {
    for (const Count pipeline : pipeline_degrees(spec, options)) {
      for (const Count data : data_degrees(spec, options)) {
        if (tensor * pipeline * data > spec.cluster.num_devices) continue;
        for (const Count expert : expert_degrees(spec, tensor * data)) {
          Parallelism degrees = spec.serving->aggregated.parallelism;
          degrees.tensor = tensor;
          degrees.pipeline = pipeline;
          degrees.data = data;
          degrees.expert = expert;
          list.push_back(degrees);
        }
      }
    }
  }
  return list;
}

Count devices_of_one(const Parallelism& p) {
  return p.tensor * p.pipeline * p.data;
}

std::vector<std::pair<std::string, Choice>> choices_of(const Spec& spec) {
  const Serving& serving = *spec.serving;
  const bool split = serving.layout == ServingLayout::kDisaggregated;
  const ServingPool& pool = split ? serving.decode : serving.aggregated;
  const auto batch = [](const std::optional<Count>& stated) {
    return stated ? Choice{*stated} : Choice{std::string("default")};
  };
  return {{"layout", std::string(split ? "disaggregated" : "aggregated")},
          {"replicas", pool.replicas},
          {"tensor", pool.parallelism.tensor},
          {"pipeline", pool.parallelism.pipeline},
          {"data", pool.parallelism.data},
          {"expert", pool.parallelism.expert},
          {"max_batch", batch(pool.max_batch)},
          {"prefill_replicas", split ? serving.prefill.replicas : Count{0}},
          {"prefill_tensor", split ? serving.prefill.parallelism.tensor : Count{0}},
          {"prefill_pipeline", split ? serving.prefill.parallelism.pipeline : Count{0}}};
}

using Specs = std::vector<Spec>;

void add_aggregated(const Spec& base, const std::vector<Parallelism>& kinds, const SearchOptions& options, Specs& specs,
                    std::map<std::string, long long>& rejected) {
  for (const Parallelism& kind : kinds) {
    if (base.cluster.num_devices % devices_of_one(kind) != 0) {
      ++rejected["replicas do not use all devices"];
      continue;
    }
    for (const auto& batch : batches(base.serving->aggregated.max_batch, options)) {
      Spec spec = base;
      spec.serving->layout = ServingLayout::kAggregated;
      spec.serving->aggregated.parallelism = kind;
      spec.serving->aggregated.replicas = base.cluster.num_devices / devices_of_one(kind);
      spec.serving->aggregated.max_batch = batch;
      specs.push_back(std::move(spec));
    }
  }
}

/// Every split of the devices into whole prefill and decode engines of two kinds.
void add_disaggregated(const Spec& base, const std::vector<Parallelism>& kinds, Specs& specs,
                       std::map<std::string, long long>& rejected) {
  const Count devices = base.cluster.num_devices;
  for (const Parallelism& prefill : kinds) {
    for (const Parallelism& decode : kinds) {
      for (Count replicas = 1; replicas * devices_of_one(prefill) < devices; ++replicas) {
        const Count left = devices - replicas * devices_of_one(prefill);
        if (left % devices_of_one(decode) != 0) {
          ++rejected["replicas do not use all devices"];
          continue;
        }
        Spec spec = base;
        Serving& serving = *spec.serving;
        serving.layout = ServingLayout::kDisaggregated;
        if (base.serving->layout == ServingLayout::kAggregated) serving.prefill = serving.decode = serving.aggregated;
        serving.prefill.parallelism = prefill;
        serving.prefill.replicas = replicas;
        serving.decode.parallelism = decode;
        serving.decode.replicas = left / devices_of_one(decode);
        specs.push_back(std::move(spec));
      }
    }
  }
}

/// Empty when every limit of the slo holds.
std::string missed_objective(const ServiceLevelObjective& slo, const Report& report) {
  for (const auto& [name, limit_s] : slo) {
    const auto value = find_measure(report, name + "_s");
    if (!value || *value > limit_s) return "misses the slo on " + name;
  }
  return "";
}

}  // namespace

const std::vector<std::string>& serving_choices() {
  static const std::vector<std::string> kNames = {"layout", "tensor", "pipeline", "data", "max_batch"};
  return kNames;
}

SearchSpace serving_space(const YamlDocument& document, const SearchOptions& options, const Objective& objective) {
  const Spec base = read_spec(document);
  for (const std::string& name : options.keep) {
    const auto& known = serving_choices();
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw SearchError("--keep: unknown choice " + in_quotes(name) + suggestion(name, known));
  }
  if (base.serving->service_times)
    throw SearchError("with 'service_times' the layout changes nothing, expected a model");
  std::vector<std::string> ignored;
  const Machine machine = load_machine(base.cluster, Study::kServing, ignored);
  SearchSpace space{.second_aim = "tpot_p99_s"};
  const auto specs = std::make_shared<Specs>();
  const std::vector<Parallelism> kinds = engines(base, machine, options);
  const bool stated_split = base.serving->layout == ServingLayout::kDisaggregated;
  if (!keeps(options, "layout") || !stated_split) add_aggregated(base, kinds, options, *specs, space.rejected);
  if (!keeps(options, "layout") || stated_split) add_disaggregated(base, kinds, *specs, space.rejected);
  space.optimistic.assign(specs->size(), objective.larger_is_better ? INFINITY : 0.0);
  space.candidate = [specs](std::size_t i) { return Candidate{choices_of((*specs)[i]), (*specs)[i]}; };
  space.refused = [slo = base.slo](const Report& report) { return missed_objective(slo, report); };
  return space;
}

}  // namespace windtunnel::modeling
