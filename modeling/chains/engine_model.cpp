// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/engine_model.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

namespace {

/// P(decode iterations of a request > n), all classes.
double decode_survival(const std::vector<RequestClass>& classes, double gain, double n) {
  double sum = 0.0;
  for (const RequestClass& one : classes)
    sum += one.share * one.output.survival(1 + static_cast<Count>(std::floor(n * gain)));
  return sum;
}

/// Integral of the squared survival function over its own: E[min(X, Y)] / E[X]. Trapezoids in 400 even steps to the
/// point that one in a million passes.
double overlap_ratio(const std::vector<RequestClass>& classes, double gain, double mean) {
  double longest = 1.0;
  for (const RequestClass& one : classes)
    longest = std::max(longest, static_cast<double>(one.output.quantile(0.999999)) / gain);
  constexpr int kSteps = 400;
  const double step = longest / kSteps;
  double first = 0.0, second = 0.0;
  for (int i = 0; i < kSteps; ++i) {
    const double survival = decode_survival(classes, gain, (i + 0.5) * step);
    first += survival * step;
    second += survival * survival * step;
  }
  return mean > 0.0 && first > 0.0 ? std::clamp(second / first, 0.05, 1.0) : 1.0;
}

}  // namespace

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
  work.overlap_ratio = overlap_ratio(classes, gain, k);
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
