// SPDX-License-Identifier: Apache-2.0
// Layouts are enumerated in groups with the same tensor, pipeline, context and expert degrees, micro-batch and
// recompute: their operators take the same time whatever the virtual stages and the sharding, so one graph serves the
// memory of all and a bound on their step times.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <set>

#include "modeling/costs/service_times.h"
#include "modeling/spec/nearest_name.h"
#include "modeling/spec/read_spec.h"
#include "modeling/studies/training/training.h"
#include "modeling/studies/what_if/parallel_for.h"
#include "modeling/studies/what_if/search_space.h"

namespace windtunnel::modeling {
namespace {

using Rejected = std::map<std::string, long long>;

constexpr std::array<Recompute, 3> kRecomputes = {Recompute::kNone, Recompute::kSelective, Recompute::kFull};

std::string word(Recompute recompute) {
  static const std::map<Recompute, std::string> kWords = {{Recompute::kNone, "none"},
                                                          {Recompute::kSelective, "selective"},
                                                          {Recompute::kFull, "full"},
                                                          {Recompute::kAuto, "auto"}};
  return kWords.at(recompute);
}

std::string word(PipelineSchedule schedule) {
  static const std::map<PipelineSchedule, std::string> kWords = {{PipelineSchedule::kGpipe, "gpipe"},
                                                                 {PipelineSchedule::kOneForwardOneBackward, "1f1b"},
                                                                 {PipelineSchedule::kInterleaved, "interleaved"},
                                                                 {PipelineSchedule::kZeroBubble, "zero_bubble"},
                                                                 {PipelineSchedule::kDualPipe, "dualpipe"}};
  return kWords.at(schedule);
}

/// What the virtual stages and the sharding may be, given the group.
struct Leaf {
  std::size_t group = 0;
  Count virtual_stages = 1;
  int zero_stage = 0;
};

/// What may vary, from the spec and `--keep`.
class Freedom {
 public:
  Freedom(const YamlDocument& document, const SearchOptions& options)
      : spec_(read_spec(document)), keep_(options.keep) {
    for (const std::string& name : keep_) {
      const auto& known = training_choices();
      if (std::find(known.begin(), known.end(), name) == known.end())
        throw SearchError("--keep: unknown choice " + in_quotes(name) + suggestion(name, known));
    }
    YamlReader training = document.root().map().map("training");
    says_sequence_parallel_ = training.has("sequence_parallel");
    // A schedule with special chunks is a wish; the usual ones follow from the virtual stages.
    const PipelineSchedule schedule = spec_.training->schedule;
    special_schedule_ = schedule == PipelineSchedule::kZeroBubble || schedule == PipelineSchedule::kDualPipe ||
                        schedule == PipelineSchedule::kGpipe || keeps("schedule");
  }

  const Spec& spec() const { return spec_; }

  /// `all`, or only what the spec says.
  template <class Value>
  std::vector<Value> of(const std::string& name, Value stated, std::vector<Value> all) const {
    return keeps(name) ? std::vector<Value>{stated} : all;
  }

  PipelineSchedule schedule(Count virtual_stages) const {
    if (special_schedule_) return spec_.training->schedule;
    return virtual_stages > 1 ? PipelineSchedule::kInterleaved : PipelineSchedule::kOneForwardOneBackward;
  }

  bool sequence_parallel(Count tensor) const {
    return says_sequence_parallel_ ? spec_.training->sequence_parallel : tensor > 1;
  }

  bool one_chunk_only() const {
    const PipelineSchedule schedule = spec_.training->schedule;
    return special_schedule_ &&
           (schedule == PipelineSchedule::kGpipe || schedule == PipelineSchedule::kOneForwardOneBackward);
  }

 private:
  bool keeps(const std::string& name) const { return std::find(keep_.begin(), keep_.end(), name) != keep_.end(); }

  Spec spec_;
  std::vector<std::string> keep_;
  bool says_sequence_parallel_ = false;
  bool special_schedule_ = false;
};

/// Empty when the degrees go with the model's shape; else why not.
std::string impossible(const Parallelism& p, const Model& model, Count sequence_length) {
  if (model.num_attention_heads % p.tensor != 0) return "attention heads not divisible by tensor";
  if (model.num_key_value_heads % p.tensor != 0 && p.tensor % model.num_key_value_heads != 0)
    return "key-value heads not divisible by tensor";
  if (p.pipeline > model.num_hidden_layers + 2) return "more pipeline stages than layers";
  if (sequence_length % p.context != 0) return "sequence not divisible by context";
  return "";
}

std::vector<Count> expert_degrees(const Freedom& freedom, const Parallelism& p) {
  const Model& model = freedom.spec().model;
  std::vector<Count> all = {1};
  if (model.is_mixture_of_experts()) {
    all = divisors(model.num_experts);
    const Count group = p.data * p.context * p.tensor;
    std::erase_if(all, [&](Count expert) {
      return group % expert != 0 || (p.expert_tensor > 0 && group % (expert * p.expert_tensor) != 0);
    });
  }
  return freedom.of("expert", freedom.spec().training->parallelism.expert, all);
}

/// The specs of all groups; what is impossible by arithmetic is counted once per tensor x pipeline x context (x
/// micro-batch).
std::vector<Spec> enumerate_groups(const Freedom& freedom, Rejected& rejected) {
  const Spec& base = freedom.spec();
  const Training& stated = *base.training;
  std::vector<Spec> groups;
  const auto add = [&](const Parallelism& degrees) {
    const Count smallest = std::max<Count>(1, stated.micro_batch);
    std::vector<Count> micro_batches = {smallest};
    if (stated.global_batch % degrees.data == 0)
      micro_batches = freedom.of("micro_batch", smallest, divisors(stated.global_batch / degrees.data));
    for (const Count micro_batch : micro_batches) {
      if (stated.global_batch % (degrees.data * micro_batch) != 0) {
        ++rejected["global_batch not divisible by data x micro_batch"];
        continue;
      }
      for (const Recompute recompute :
           freedom.of("recompute", stated.recompute, {kRecomputes.begin(), kRecomputes.end()})) {
        Spec group = base;
        group.training->parallelism = degrees;
        group.training->micro_batch = micro_batch;
        group.training->recompute = recompute;
        group.training->sequence_parallel = freedom.sequence_parallel(degrees.tensor);
        groups.push_back(std::move(group));
      }
    }
  };
  const Count devices = base.cluster.num_devices;
  for (const Count tensor : freedom.of("tensor", stated.parallelism.tensor, divisors(devices))) {
    if (devices % tensor != 0) continue;
    for (const Count pipeline : freedom.of("pipeline", stated.parallelism.pipeline, divisors(devices / tensor))) {
      if (devices / tensor % pipeline != 0) continue;
      for (const Count context :
           freedom.of("context", stated.parallelism.context, divisors(devices / tensor / pipeline))) {
        if (devices / tensor / pipeline % context != 0) continue;
        Parallelism degrees = stated.parallelism;
        degrees.tensor = tensor;
        degrees.pipeline = pipeline;
        degrees.context = context;
        degrees.data = devices / tensor / pipeline / context;
        degrees.virtual_stages = 1;
        const std::vector<Count> data = freedom.of("data", stated.parallelism.data, {degrees.data});
        if (data.front() != degrees.data) continue;
        if (const std::string why = impossible(degrees, base.model, stated.sequence_length); !why.empty()) {
          ++rejected[why];
          continue;
        }
        for (const Count expert : expert_degrees(freedom, degrees)) {
          degrees.expert = expert;
          add(degrees);
        }
      }
    }
  }
  return groups;
}

std::vector<Count> virtual_stages_of(const Freedom& freedom, const Spec& group) {
  const Count pipeline = group.training->parallelism.pipeline;
  std::vector<Count> all = {1};
  if (pipeline > 1 && !freedom.one_chunk_only()) {
    for (Count v = 2; v * pipeline <= group.model.num_hidden_layers + 2; ++v) all.push_back(v);
  }
  const Count stated = freedom.spec().training->parallelism.virtual_stages;
  const std::vector<Count> wanted = freedom.of("virtual_stages", stated, all);
  // Interleaving needs a pipeline.
  return pipeline == 1 ? std::vector<Count>{1} : wanted;
}

/// Sharding over one device is no sharding: one candidate stands for all stages.
std::vector<int> zero_stages_of(const Freedom& freedom, const Spec& group) {
  const Parallelism& p = group.training->parallelism;
  const std::vector<int> all = p.data * p.context == 1 ? std::vector<int>{0} : std::vector<int>{0, 1, 2, 3};
  return freedom.of("zero_stage", freedom.spec().training->zero_stage, all);
}

Spec spec_of(const Spec& group, const Leaf& leaf, const Freedom& freedom) {
  Spec spec = group;
  spec.training->parallelism.virtual_stages = leaf.virtual_stages;
  spec.training->schedule = freedom.schedule(leaf.virtual_stages);
  spec.training->zero_stage = leaf.zero_stage;
  return spec;
}

/// Times of the chunks of one layout on an idle network.
struct ChunkTimes {
  std::vector<double> forward_s;
  std::vector<double> backward_s;
};

ChunkTimes chunk_times(const TemplateTimes& templates, const Placement& placement) {
  ChunkTimes times;
  for (const ModelChunk& chunk : placement.chunks) {
    double forward = 0.0;
    double backward = 0.0;
    for (const Segment segment : kAllSegments) {
      const double copies = instances(chunk, segment);
      const auto& passes = templates[static_cast<int>(segment)];
      forward += copies * passes[static_cast<int>(Pass::kForward)].duration.mean_s;
      backward += copies * (passes[static_cast<int>(Pass::kRecompute)].duration.mean_s +
                            passes[static_cast<int>(Pass::kBackward)].duration.mean_s);
    }
    times.forward_s.push_back(forward);
    times.backward_s.push_back(backward);
  }
  return times;
}

/// A step of this layout takes at least this long. Rank r works through all its micro-batches; before its first forward
/// the chunks of the ranks before it run once forward, after its last backward they run once backward (zero-bubble
/// schedules put other work there: for them the work alone counts).
double shortest_step_s(const ChunkTimes& times, const Placement& placement, PipelineSchedule schedule) {
  const bool fills_bubbles = schedule == PipelineSchedule::kZeroBubble || schedule == PipelineSchedule::kDualPipe;
  const auto pipeline = static_cast<std::size_t>(placement.pipeline);
  const auto micro_batches = static_cast<double>(placement.micro_batches);
  double longest = 0.0;
  double around = 0.0;
  for (std::size_t rank = 0; rank < pipeline; ++rank) {
    double work = 0.0;
    for (std::size_t chunk = rank; chunk < times.forward_s.size(); chunk += pipeline)
      work += times.forward_s[chunk] + times.backward_s[chunk];
    longest = std::max(longest, micro_batches * work + (fills_bubbles ? 0.0 : around));
    around += times.forward_s[rank] + times.backward_s[rank];
  }
  return longest;
}

/// In units of the objective; the good infinity where the step time says nothing about it.
double optimistic_value(const Objective& objective, const Spec& spec, double step_s, double memory_bytes) {
  const Training& training = *spec.training;
  const double tokens = static_cast<double>(training.global_batch) * static_cast<double>(training.sequence_length);
  const double rate = tokens / (step_s * static_cast<double>(spec.cluster.num_devices));
  if (objective.name == "tokens_per_s_per_device" || objective.name == "goodput_tokens_per_s_per_device") return rate;
  if (objective.name == "step_time_mean_s") return step_s;
  if (objective.name == "cost_per_token") return objective.price_per_device_hour / 3600.0 / rate;
  if (objective.name == "memory_per_device_bytes") return memory_bytes;
  return objective.larger_is_better ? INFINITY : 0.0;
}

/// Finds the leaves of one group that fit.
class GroupSurvey {
 public:
  GroupSurvey(const Spec& group, std::size_t number, const Freedom& freedom, const Machine& machine,
              const Objective& objective)
      : group_(group), number_(number), freedom_(freedom), machine_(machine), objective_(objective) {}

  void run() {
    // Sharded weights add traffic: without it the times are a bound for every stage.
    Spec lightest = group_;
    lightest.training->zero_stage = 0;
    const PlacedTraining placed = place_training(lightest, machine_);
    const ServiceTimes times = service_times(placed.graph, placed.placement, machine_, LinkSlowdowns{});
    // Virtual stages change a template only where they decide what is hidden.
    std::map<std::array<bool, kCommGroups>, TemplateTimes> templates;
    for (const Count virtual_stages : virtual_stages_of(freedom_, group_)) {
      Training training = placed.training;
      training.parallelism.virtual_stages = virtual_stages;
      training.schedule = freedom_.schedule(virtual_stages);
      const Placement placement = place(placed.model, training, machine_.profile.scale_up_domain_devices);
      const OverlapPolicy policy = overlap_policy(machine_.software, training);
      if (!templates.contains(policy.hidden))
        templates[policy.hidden] = play_all_templates(placed.graph, times, placement, policy);
      const double step_s =
          shortest_step_s(chunk_times(templates[policy.hidden], placement), placement, training.schedule);
      for (const int zero_stage : zero_stages_of(freedom_, group_)) {
        training.zero_stage = zero_stage;
        survey(placed, training, placement, step_s);
      }
    }
  }

  std::vector<Leaf> leaves;
  std::vector<double> optimistic;
  Rejected rejected;

 private:
  void survey(const PlacedTraining& placed, const Training& training, const Placement& placement, double step_s) {
    const double capacity = machine_.profile.memory.capacity_bytes.value;
    const MemoryUse use = memory_per_device(placed.graph, placed.model, training, placement, machine_);
    if (use.state_bytes() + use.reserved_bytes > capacity) {
      ++rejected["does not fit: weights, gradients and optimizer"];
    } else if (use.total_bytes() > capacity) {
      ++rejected["does not fit: activations"];
    } else {
      leaves.push_back({number_, training.parallelism.virtual_stages, training.zero_stage});
      optimistic.push_back(optimistic_value(objective_, group_, step_s, use.total_bytes()));
    }
  }

  const Spec& group_;
  std::size_t number_;
  const Freedom& freedom_;
  const Machine& machine_;
  const Objective& objective_;
};

/// Means are enough for most objectives; with failures what is searched for (spares, crews) is no objective.
Detail needed_to_rank(const Objective& objective, const Spec& spec) {
  static const std::set<std::string> kMeans = {
      "tokens_per_s_per_device", "step_time_mean_s",        "model_flop_per_s_per_device", "mfu_ratio",
      "cost_per_token",          "memory_per_device_bytes", "time_to_train_mean_s"};
  if (spec.reliability) return Detail::kDirect;
  return kMeans.contains(objective.name) ? Detail::kMeans : Detail::kMeasures;
}

std::vector<std::pair<std::string, Choice>> layout_choices_of(const Spec& spec) {
  const Training& training = *spec.training;
  const Parallelism& p = training.parallelism;
  return {{"tensor", p.tensor},
          {"pipeline", p.pipeline},
          {"data", p.data},
          {"context", p.context},
          {"expert", p.expert},
          {"virtual_stages", p.virtual_stages},
          {"micro_batch", training.micro_batch},
          {"recompute", word(training.recompute)},
          {"zero_stage", Count{training.zero_stage}},
          {"schedule", word(training.schedule)}};
}

}  // namespace

const std::vector<std::string>& training_choices() {
  static const std::vector<std::string> kNames = {"tensor",     "pipeline",       "data",        "context",
                                                  "expert",     "virtual_stages", "micro_batch", "recompute",
                                                  "zero_stage", "schedule"};
  return kNames;
}

SearchSpace training_space(const YamlDocument& document, const SearchOptions& options, const Objective& objective) {
  const auto freedom = std::make_shared<const Freedom>(document, options);
  if (freedom->spec().training->service_times)
    throw SearchError("with 'service_times' the layout changes nothing but the pipeline, expected a model");
  SearchSpace space{.ranking = needed_to_rank(objective, freedom->spec()), .second_aim = "memory_per_device_bytes"};
  const auto groups = std::make_shared<const std::vector<Spec>>(enumerate_groups(*freedom, space.rejected));
  std::vector<std::string> ignored;
  const Machine machine = load_machine(freedom->spec().cluster, Study::kTraining, ignored);
  const auto leaves = std::make_shared<std::vector<Leaf>>();
  std::vector<GroupSurvey> surveys;
  for (std::size_t i = 0; i < groups->size(); ++i) surveys.emplace_back((*groups)[i], i, *freedom, machine, objective);
  parallel_for(surveys.size(), options.jobs, [&](std::size_t i) { surveys[i].run(); });
  for (const GroupSurvey& survey : surveys) {
    leaves->insert(leaves->end(), survey.leaves.begin(), survey.leaves.end());
    space.optimistic.insert(space.optimistic.end(), survey.optimistic.begin(), survey.optimistic.end());
    for (const auto& [reason, count] : survey.rejected) space.rejected[reason] += count;
  }
  space.candidate = [freedom, groups, leaves](std::size_t i) {
    const Leaf& leaf = (*leaves)[i];
    Candidate candidate{.spec = spec_of((*groups)[leaf.group], leaf, *freedom)};
    candidate.choices = layout_choices_of(candidate.spec);
    return candidate;
  };
  return space;
}

}  // namespace windtunnel::modeling
