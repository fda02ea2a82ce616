// SPDX-License-Identifier: Apache-2.0
// One engine seen by the chains: its mean work per request and the time of an iteration by what it holds.
#pragma once

#include <algorithm>

#include "modeling/chains/serving/requests/system.h"

namespace windtunnel::modeling {

/// Means over all classes of what one request asks of the engine.
struct RequestWork {
  /// Prompt tokens to compute (after prefix hits): mean and squared coefficient of variation.
  double prompt_tokens = 0.0;
  double prompt_scv = 0.0;
  /// Tokens that one computed prompt token attends to, on average.
  double attended_per_token = 0.0;
  /// Decode iterations after the first token: mean, and scv of this number.
  double decode_iterations = 0.0;
  double decode_scv = 0.0;
  /// E[min of two independent numbers of decode iterations] / mean: 1/2 geometric, 1 constant.
  double overlap_ratio = 0.5;
  /// Cached tokens of one sequence, averaged over its decode iterations.
  double context_tokens = 0.0;
  double output_tokens = 0.0;
  double total_tokens = 0.0;
};

/// P(a request has more decode iterations than the middle of step i), in even steps to the point that one in a million
/// passes.
struct DecodeSurvival {
  double step_iterations = 1.0;
  std::vector<double> at;
};
DecodeSurvival decode_survival(const std::vector<RequestClass>& classes, const BatchRules& rules);

RequestWork request_work(const std::vector<RequestClass>& classes, const BatchRules& rules);

class EngineModel {
 public:
  EngineModel(const EnginePool& pool, const RequestWork& work) : rules_(pool.rules), time_(pool.time), work_(work) {
    drafts_ = rules_.speculative && rules_.drafts_cost_time ? static_cast<double>(rules_.speculative->tokens) : 0.0;
  }

  const BatchRules& rules() const { return rules_; }
  const RequestWork& work() const { return work_; }
  bool is_chunked() const { return rules_.scheduler == BatchScheduler::kChunkedPrefill; }
  /// Sequences that may hold slots, KV memory included.
  double slots() const { return slots_ > 0.0 ? slots_ : static_cast<double>(rules_.max_batch); }
  void limit_slots(double slots) { slots_ = slots; }
  /// Prompts are computed elsewhere.
  bool decodes_only() const { return decodes_only_; }
  void decode_only() { decodes_only_ = true; }
  /// Points of every grid over the usual ones; > 0.
  double resolution() const { return resolution_; }
  /// Of a grid of so many points at resolution 1.
  int points(int usual) const { return std::max(2, static_cast<int>(usual * resolution_)); }
  void resolve(double resolution) { resolution_ = resolution; }
  /// Prompt tokens that fit into an iteration beside `decoding` sequences.
  double prompt_room(double decoding) const;
  /// Seconds of an iteration that decodes `decoding` sequences and computes `prompt_tokens`.
  double iteration_s(double decoding, double prompt_tokens) const;
  double request_overhead_s() const { return time_.request_overhead_s + time_.token_overhead_s; }

 private:
  BatchRules rules_;
  IterationTime time_;
  RequestWork work_;
  double drafts_ = 0.0;
  double slots_ = 0.0;
  bool decodes_only_ = false;
  double resolution_ = 1.0;
};

}  // namespace windtunnel::modeling
