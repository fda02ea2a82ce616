// SPDX-License-Identifier: Apache-2.0
#include "modeling/costs/serving_iteration.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "modeling/cluster/placement.h"
#include "modeling/cluster/serving_engine.h"
#include "modeling/costs/collective_cost.h"
#include "modeling/costs/engine_all_reduce.h"
#include "modeling/costs/operator_cost.h"
#include "modeling/costs/serving_attention.h"
#include "modeling/workload/serving_layer.h"

namespace windtunnel::modeling {

namespace {

double real(Count count) {
  return static_cast<double>(count);
}

/// A non-decreasing function of a count, tabulated at 1 and then eight points per octave, linear between them.
class CountTable {
 public:
  template <typename Function>
  CountTable(double largest, Function time_s) {
    double highest = 0.0;
    for (int i = 0;; ++i) {
      const double count = std::exp2(i / kPointsPerOctave);
      highest = std::max(highest, time_s(count));
      counts_.push_back(count);
      times_s_.push_back(highest);
      if (count >= largest && i > 0) break;
    }
  }

  /// Below 1 the value at 1; beyond the table its last slope goes on.
  double operator()(double count) const {
    if (count <= 1.0) return times_s_.front();
    const auto last = counts_.size() - 2;
    const auto at = std::min(static_cast<std::size_t>(std::log2(count) * kPointsPerOctave), last);
    const double share = (count - counts_[at]) / (counts_[at + 1] - counts_[at]);
    return times_s_[at] + share * (times_s_[at + 1] - times_s_[at]);
  }

 private:
  static constexpr double kPointsPerOctave = 8.0;
  std::vector<double> counts_;
  std::vector<double> times_s_;
};

/// Group of `size` neighbouring devices.
GroupPlacement neighbours(Count size, Count domain) {
  const Count local = std::min(size, domain);
  return {.size = size, .local = local, .domains = (size + local - 1) / local};
}

struct Replica {
  const Model& model;
  const Serving& serving;
  const ServingPool& pool;
  const Machine& machine;
  std::vector<CountedLayer> layers;

  double operator_s(const Operator& op) const {
    if (op.kind == OperatorKind::kCollective) return collective_s(op);
    const Operator run = as_device_runs(op);
    const double time_s = operator_cost(run, machine.profile, machine.software).mean_s;
    return op.batch > 1.0 && op.name.starts_with("experts") ? time_s / expert_speed_ratio(run.precision) : time_s;
  }

  /// Arithmetic that the device lacks is done in 16 bits, from weights expanded on the way.
  Operator as_device_runs(Operator op) const {
    const bool lacks = !machine.profile.compute.peak_flop_per_s[static_cast<std::size_t>(op.precision)].has_value();
    if (op.kind != OperatorKind::kMatrixProduct || !lacks) return op;
    op.precision = Precision::kBf16;
    op.dequantised = true;
    return op;
  }

  double expert_speed_ratio(Precision precision) const {
    const EngineCosts& engine = machine.software.engine;
    const bool four_bits = bytes_per_element(precision) < 1.0;
    return (four_bits ? engine.expert_speed_4bit_ratio : engine.expert_speed_ratio).value;
  }

  double collective_s(const Operator& op) const {
    const Parallelism& d = pool.parallelism;
    const Count size = op.group == CommGroup::kTensor ? d.tensor : d.tensor * d.data;
    if (op.collective == Collective::kAllReduce && size <= machine.profile.scale_up_domain_devices)
      return engine_all_reduce_s(real(size), op.message_bytes, machine.profile) + machine.software.launch_s.value;
    const GroupPlacement group = neighbours(size, machine.profile.scale_up_domain_devices);
    return collective_cost(op.collective, op.message_bytes, group, machine.profile, {}, op.copies).mean_s;
  }

  double segment_s(const Model& layer, Segment segment, double tokens) const {
    double sum_s = 0.0;
    for (const Operator& op : serving_operators(layer, serving, pool, segment, tokens)) sum_s += operator_s(op);
    return sum_s;
  }

  /// Operators that work on the tokens of all attention ranks together.
  double shared_segment_s(const Model& layer, Segment segment, double tokens) const {
    double sum_s = 0.0;
    for (const Operator& op : serving_operators(layer, serving, pool, segment, tokens))
      if (op.over_ranks) sum_s += operator_s(op);
    return sum_s;
  }

  double expert_layers() const {
    double sum = 0.0;
    for (const auto& [view, count] : layers)
      if (view.layer.feed_forward == FeedForward::kExperts) sum += real(count);
    return sum;
  }

  /// The experts of all layers with their exchange, for `tokens` on every attention rank. They are alike in all layers.
  double shared_s(double tokens) const {
    for (const auto& [view, count] : layers)
      if (view.layer.feed_forward == FeedForward::kExperts)
        return expert_layers() * shared_segment_s(view, Segment::kExpertLayer, tokens);
    return 0.0;
  }

  /// All layers and the embedding, attention core left out; with several attention ranks also without shared_s.
  double tokens_s(double tokens) const {
    double sum_s = segment_s(model, Segment::kEmbedding, tokens);
    if (pool.parallelism.data > 1) sum_s -= shared_s(tokens);
    for (const auto& [view, count] : layers) {
      const Segment segment = segment_of(view);
      if (segment == Segment::kDenseLayer) {
        sum_s += real(count) * segment_s(view, segment, tokens);
      } else {
        sum_s += real(count) * (machine.software.engine.expert_floor_s.value + segment_s(view, segment, tokens));
      }
    }
    return sum_s;
  }
};

/// What the fullest of `parts` holds when `count` indivisible things are dealt out evenly: one part holds each of the
/// first, then every part an equal share plus half a round, (parts - 1) / (2 parts), the mean of the last round begun.
double fullest_share(double count, double parts) {
  if (count <= 1.0 || parts <= 1.0) return count / std::min(parts, 1.0);
  return std::max(1.0, count / parts + 0.5 * (parts - 1.0) / parts);
}

/// Everything iteration_s needs, built once.
struct Clock {
  CountTable tokens_s;
  /// Of the experts and their exchange, which all attention ranks share; part of tokens_s where there is one rank.
  CountTable shared_s;
  CountTable head_s;
  AttentionClocks attention;
  double step_s = 0.0;
  double per_sequence_s = 0.0;
  double per_prompt_s = 0.0;
  /// Shortest iteration with prompts.
  double prompt_floor_s = 0.0;
  /// What prompts add to an iteration, however few their tokens.
  double prompt_expert_s = 0.0;
  /// Attention ranks of a mixture of experts, which keep step, and pipeline stages.
  double ranks = 1.0;
  double pipeline = 1.0;
  double verified_tokens = 1.0;
  /// Prompt tokens that one part takes at most in an iteration.
  double part_budget_tokens = 0.0;
  /// A longer prompt is one iteration all the same (prefill_first).
  bool whole_prompts = false;

  /// No part takes more of one prompt than its own budget, so the iteration holds at least so many chunks.
  double chunks(const IterationLoad& load) const {
    if (whole_prompts) return load.prompts;
    return std::max(load.prompts, load.prompt_tokens / part_budget_tokens);
  }

  // A sequence lives on one attention rank, and a prompt's chunk travels through the stages in one part of the cycle:
  // ranks keep step and stages hand over, so the fullest part sets the pace. All layers of that part are counted, since
  // a cycle is as many stage times as there are parts under way.
  double operator()(const IterationLoad& load) const {
    const double parts = ranks * pipeline;
    const double sequences = fullest_share(load.decoding_sequences, parts);
    const double all_chunks = chunks(load);
    const double prompts = fullest_share(all_chunks, parts);
    const double sequence_share = load.decoding_sequences > 0.0 ? sequences / load.decoding_sequences : 0.0;
    const double prompt_share = all_chunks > 0.0 ? prompts / all_chunks : 1.0;
    const double decoded = sequences * verified_tokens;
    const double largest = whole_prompts ? load.prompt_tokens / std::max(1.0, load.prompts) : 0.0;
    const double prompt_tokens = std::max(
        load.prompt_tokens / parts, std::min(load.prompt_tokens * prompt_share, std::max(part_budget_tokens, largest)));
    const double all_tokens = load.decoding_sequences * verified_tokens + load.prompt_tokens;
    // Experts work on what all ranks send in one part of the cycle.
    const double sent = std::max(all_tokens / parts, (decoded + prompt_tokens) / ranks);
    const double part_s =
        tokens_s(decoded + prompt_tokens) + (ranks > 1.0 ? shared_s(sent) : 0.0) +
        attention.decode_s(sequences, load.decoding_context_tokens * sequence_share) +
        attention.prefill_s(prompt_tokens,
                            load.prompt_attended_tokens * prompt_tokens / std::max(1.0, load.prompt_tokens), prompts) +
        head_s(decoded + prompts);
    const double device_s = load.prompt_tokens > 0.0 ? std::max(part_s, prompt_floor_s) + prompt_expert_s : part_s;
    return pipeline * step_s + device_s + per_sequence_s * fullest_share(load.decoding_sequences, ranks) +
           per_prompt_s * fullest_share(load.prompts, ranks);
  }
};

IterationTime user_times(const ServingServiceTimes& times, BatchScheduler scheduler) {
  const bool prefill_alone = scheduler == BatchScheduler::kPrefillFirst;
  return {.iteration_s = [times, prefill_alone](const IterationLoad& load) {
    const double prompts_s = times.base_s + times.per_prompt_token_s * load.prompt_tokens;
    if (prefill_alone && load.prompt_tokens > 0.0) return prompts_s;
    return prompts_s + times.per_sequence_s * load.decoding_sequences +
           times.per_context_token_s * load.decoding_context_tokens;
  }};
}

}  // namespace

IterationTime serving_iteration_time(const Model& model, const Serving& serving, const ServingPool& pool,
                                     const Machine& machine, Frontend frontend) {
  if (serving.service_times)
    return user_times(*serving.service_times, serving.scheduler.value_or(BatchScheduler::kChunkedPrefill));
  const Replica replica{model, serving, pool, machine, layer_views(model)};
  const EngineCosts& engine = machine.software.engine;
  const bool streams = frontend == Frontend::kServer;
  constexpr double kLargestIteration = 65536.0;
  constexpr double kLargestHead = 4096.0;
  const EngineLimits limits = engine_limits(serving, pool, machine, frontend);
  const bool several_ranks = pool.parallelism.data > 1;
  auto clock = std::make_shared<const Clock>(Clock{
      .tokens_s = CountTable(kLargestIteration, [&](double tokens) { return replica.tokens_s(tokens); }),
      .shared_s =
          CountTable(kLargestIteration, [&](double tokens) { return several_ranks ? replica.shared_s(tokens) : 0.0; }),
      .head_s = CountTable(kLargestHead, [&](double rows) { return replica.segment_s(model, Segment::kHead, rows); }),
      .attention = AttentionClocks(model, serving, pool, machine),
      .step_s = machine.software.step_overhead_s.value,
      .per_sequence_s = engine.per_sequence_s.value + (streams ? engine.per_stream_s.value : 0.0),
      .per_prompt_s = engine.per_prompt_s.value,
      .prompt_floor_s = real(model.num_hidden_layers) * engine.prompt_layer_s.value,
      .prompt_expert_s = replica.expert_layers() * engine.prompt_expert_layer_s.value,
      .ranks = real(pool.parallelism.data),
      .pipeline = real(pool.parallelism.pipeline),
      .verified_tokens = 1.0 + (serving.speculative ? real(serving.speculative->tokens) : 0.0),
      .part_budget_tokens = real(limits.max_batched_tokens) / real(pool.parallelism.data * pool.parallelism.pipeline),
      .whole_prompts = limits.scheduler == BatchScheduler::kPrefillFirst});
  return {.iteration_s = [clock](const IterationLoad& load) { return (*clock)(load); },
          .request_overhead_s = streams ? engine.request_overhead_s.value : 0.0,
          .token_overhead_s = streams ? engine.token_overhead_s.value : 0.0};
}

double kv_transfer_time_s(const Model& model, const Serving& serving, double prompt_tokens, const Machine& machine) {
  const NetworkTier& tier = machine.profile.scale_out;
  const double devices = real(serving.prefill.parallelism.tensor * serving.prefill.parallelism.pipeline);
  const double bytes = cached_sequence_bytes(model, serving, serving.prefill, prompt_tokens) *
                       real(serving.prefill.parallelism.pipeline * serving.prefill.parallelism.tensor);
  return tier.latency_s.value + bytes / (devices * tier.bandwidth_bytes_per_s.value * tier.efficiency_ratio.value);
}

}  // namespace windtunnel::modeling
