// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/engine/mean_work.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

namespace {

/// Integral of the squared survival function over its own: E[min(X, Y)] / E[X].
double overlap_ratio(const DecodeSurvival& survival) {
  double first = 0.0, second = 0.0;
  for (const double one : survival.at) {
    first += one;
    second += one * one;
  }
  return first > 0.0 ? std::clamp(second / first, 0.05, 1.0) : 1.0;
}

}  // namespace

DecodeSurvival decode_survival(const std::vector<RequestClass>& classes, const BatchRules& rules) {
  constexpr int kSteps = 400;
  const double gain = tokens_per_iteration(rules);
  double longest = 1.0;
  for (const RequestClass& one : classes)
    longest = std::max(longest, static_cast<double>(one.output.quantile(0.999999)) / gain);
  DecodeSurvival survival{.step_iterations = longest / kSteps, .at = std::vector<double>(kSteps, 0.0)};
  for (int i = 0; i < kSteps; ++i) {
    const auto tokens = static_cast<Count>(std::floor((i + 0.5) * survival.step_iterations * gain));
    for (const RequestClass& one : classes) survival.at[i] += one.share * one.output.survival(1 + tokens);
  }
  return survival;
}

RequestWork request_work(const std::vector<RequestClass>& classes, const BatchRules& rules) {
  RequestWork work;
  const double gain = tokens_per_iteration(rules), computed = 1.0 - rules.prefix_cache_hit_ratio;
  double prompt2 = 0.0, attended = 0.0, decode2 = 0.0, context = 0.0, decode_tokens = 0.0;
  for (const RequestClass& one : classes) {
    const double share = one.share, p = one.prompt.mean(), o = one.output.mean();
    const double p2 = one.prompt.variance() + p * p, o2 = one.output.variance() + o * o;
    const double tokens = std::max(1.0, p * computed);
    work.prompt_tokens += share * tokens;
    prompt2 += share * std::max(tokens * tokens, p2 * computed * computed);
    // A computed token sees the hit and, on average, half of the computed part.
    attended += share * (p2 * computed * (1.0 - computed) + 0.5 * p2 * computed * computed + 0.5 * tokens);
    const double steps = (o - 1.0) / gain;
    work.decode_iterations += share * steps;
    decode2 += share * (one.output.variance() / (gain * gain) + steps * steps);
    decode_tokens += share * (o - 1.0);
    // Over the decode iterations of one output of o tokens the context grows from prompt + 1 to prompt + o - 1.
    context += share * ((o - 1.0) * p + 0.5 * (o2 - o));
    work.output_tokens += share * o;
    work.total_tokens += share * (o + p);
  }
  work.prompt_scv = std::max(0.0, prompt2 / (work.prompt_tokens * work.prompt_tokens) - 1.0);
  work.attended_per_token = attended / work.prompt_tokens;
  const double k = work.decode_iterations;
  work.decode_scv = k > 0.0 ? std::max(0.0, decode2 / (k * k) - 1.0) : 0.0;
  work.overlap_ratio = k > 0.0 ? overlap_ratio(decode_survival(classes, rules)) : 1.0;
  work.context_tokens = decode_tokens > 0.0 ? context / decode_tokens : mean_prompt_tokens(classes);
  return work;
}

double EngineModel::prompt_room(double decoding) const {
  const double budget = static_cast<double>(rules_.max_batched_tokens);
  return is_chunked() ? std::max(0.0, budget - decoding) : budget;
}

double EngineModel::iteration_s(double decoding, double prompt_tokens) const {
  IterationLoad load{.decoding_sequences = decoding, .decoding_context_tokens = decoding * work_.context_tokens};
  load.prompt_tokens = prompt_tokens;
  load.prompt_attended_tokens = prompt_tokens * work_.attended_per_token;
  load.prompts = prompt_tokens / work_.prompt_tokens;
  if (drafts_ > 0.0) {
    load.prompt_tokens += drafts_ * decoding;
    load.prompt_attended_tokens += drafts_ * load.decoding_context_tokens;
  }
  return time_.iteration_s(load);
}

}  // namespace windtunnel::modeling
