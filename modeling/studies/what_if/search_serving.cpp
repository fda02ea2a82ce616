// SPDX-License-Identifier: Apache-2.0
// Deployments of a serving spec on its devices: one kind of replica, or prefill and decode apart.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "modeling/chains/serving/fleet/serving_chain.h"
#include "modeling/cluster/serving_engine.h"
#include "modeling/spec/nearest_name.h"
#include "modeling/spec/read_spec.h"
#include "modeling/spec/spec_error.h"
#include "modeling/studies/serving/serving.h"
#include "modeling/studies/what_if/search_space.h"

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

/// One way to use all devices; engines by their position in the list of kinds.
struct Deployment {
  ServingLayout layout = ServingLayout::kAggregated;
  /// Of the only pool, or of decode.
  std::size_t kind = 0;
  Count replicas = 1;
  std::optional<Count> batch;
  std::size_t prefill_kind = 0;
  Count prefill_replicas = 0;
};

/// What is tried: a spec, the kinds of engines, and the ways to use them.
struct Deployments {
  Spec base;
  std::vector<Parallelism> kinds;
  std::vector<Deployment> list;

  Spec spec(const Deployment& one) const {
    Spec spec = base;
    Serving& serving = *spec.serving;
    serving.layout = one.layout;
    if (one.layout == ServingLayout::kAggregated) {
      serving.aggregated.parallelism = kinds[one.kind];
      serving.aggregated.replicas = one.replicas;
      serving.aggregated.max_batch = one.batch;
      return spec;
    }
    if (base.serving->layout == ServingLayout::kAggregated) serving.prefill = serving.decode = serving.aggregated;
    serving.prefill.parallelism = kinds[one.prefill_kind];
    serving.prefill.replicas = one.prefill_replicas;
    serving.decode.parallelism = kinds[one.kind];
    serving.decode.replicas = one.replicas;
    return spec;
  }
};

using Rejected = std::map<std::string, long long>;

void add_aggregated(const SearchOptions& options, Deployments& all, Rejected& rejected) {
  const Count devices = all.base.cluster.num_devices;
  for (std::size_t kind = 0; kind < all.kinds.size(); ++kind) {
    const Count each = devices_of_one(all.kinds[kind]);
    if (devices % each != 0) {
      ++rejected["replicas do not use all devices"];
      continue;
    }
    for (const auto& batch : batches(all.base.serving->aggregated.max_batch, options))
      all.list.push_back({.kind = kind, .replicas = devices / each, .batch = batch});
  }
}

/// Every split of the devices into whole prefill and decode engines of two kinds.
void add_disaggregated(Deployments& all, Rejected& rejected) {
  const Count devices = all.base.cluster.num_devices;
  for (std::size_t prefill = 0; prefill < all.kinds.size(); ++prefill) {
    for (std::size_t decode = 0; decode < all.kinds.size(); ++decode) {
      const Count each = devices_of_one(all.kinds[prefill]);
      for (Count replicas = 1; replicas * each < devices; ++replicas) {
        const Count left = devices - replicas * each;
        if (left % devices_of_one(all.kinds[decode]) != 0) {
          ++rejected["replicas do not use all devices"];
          continue;
        }
        all.list.push_back({.layout = ServingLayout::kDisaggregated,
                            .kind = decode,
                            .replicas = left / devices_of_one(all.kinds[decode]),
                            .prefill_kind = prefill,
                            .prefill_replicas = replicas});
      }
    }
  }
}

/// What a deployment can carry at most, whatever its latencies: its capacity. Of a split deployment the smaller of two
/// that depend on one pool each, so that every kind of engine is asked once; 0 where it does not fit.
class Capacities {
 public:
  Capacities(const Deployments& all, const Machine& machine) : all_(all), machine_(machine) {}

  double of(const Deployment& one) {
    if (one.layout == ServingLayout::kAggregated) return asked(one);
    // The other pool has the same kind of engine, which fits as well as this one, and so many that it never limits.
    constexpr Count kEndless = 1'000'000;
    Deployment only = one;
    only.prefill_kind = one.kind;
    only.replicas = 1;
    only.prefill_replicas = kEndless;
    const double decode = known(decode_, one.kind, only);
    only.kind = only.prefill_kind = one.prefill_kind;
    only.replicas = kEndless;
    only.prefill_replicas = 1;
    const double prefill = known(prefill_, one.prefill_kind, only);
    return std::min(decode * static_cast<double>(one.replicas), prefill * static_cast<double>(one.prefill_replicas));
  }

 private:
  double known(std::map<std::size_t, double>& pool, std::size_t kind, const Deployment& one) {
    const auto [entry, is_new] = pool.try_emplace(kind, 0.0);
    if (is_new) entry->second = asked(one);
    return entry->second;
  }

  double asked(const Deployment& one) const {
    std::vector<std::string> ignored;
    try {
      return serving_capacity_per_s(place_serving(all_.spec(one), machine_).system);
    } catch (const NoAnswerError&) {
      return 0.0;
    }
  }

  const Deployments& all_;
  const Machine& machine_;
  std::map<std::size_t, double> prefill_;
  std::map<std::size_t, double> decode_;
};

/// Bounds of the objective; only the largest arrival rate has one.
std::vector<double> optimistic(const Deployments& all, const Machine& machine, const Objective& objective) {
  std::vector<double> bounds(all.list.size(), objective.larger_is_better ? INFINITY : 0.0);
  if (objective.name != "max_arrival_rate_per_s") return bounds;
  Capacities capacities(all, machine);
  // Rounding must not leave out what reaches its capacity.
  for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = capacities.of(all.list[i]) * (1.0 + 1e-9);
  return bounds;
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
  const Machine machine = load_serving_machine(base, ignored);
  SearchSpace space{.second_aim = "tpot_p99_s"};
  const auto all = std::make_shared<Deployments>(Deployments{base, engines(base, machine, options), {}});
  const bool stated_split = base.serving->layout == ServingLayout::kDisaggregated;
  if (!keeps(options, "layout") || !stated_split) add_aggregated(options, *all, space.rejected);
  if (!keeps(options, "layout") || stated_split) add_disaggregated(*all, space.rejected);
  space.optimistic = optimistic(*all, machine, objective);
  space.candidate = [all](std::size_t i) {
    Spec spec = all->spec(all->list[i]);
    auto choices = choices_of(spec);
    return Candidate{std::move(choices), std::move(spec)};
  };
  space.refused = [slo = base.slo](const Report& report) { return missed_objective(slo, report); };
  return space;
}

}  // namespace windtunnel::modeling
