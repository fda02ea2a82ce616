// SPDX-License-Identifier: Apache-2.0
#include "modeling/costs/serving_attention.h"

#include <algorithm>

#include "modeling/costs/operator_cost.h"

namespace windtunnel::modeling {

AttentionClock::AttentionClock(const AttentionShape& shape, double layers, const Machine& machine)
    : layer_(shape.layer), layers_(layers) {
  const HardwareProfile& profile = machine.profile;
  const ServingKernels& kernels = profile.serving;
  const AttentionEfficiency& prefill = profile.compute.attention;
  const double peak = precision_roof(profile.compute, Precision::kBf16).peak_flop_per_s;
  decode_floor_s_ = kernels.decode_floor_s.value;
  decode_ramp_s_ = kernels.decode_ramp_s.value;
  decode_read_s_ = shape.cached_bytes_per_token() / profile.memory.bandwidth_bytes_per_s.value;
  decode_memory_ratio_ = kernels.decode_memory_ratio.value;
  decode_compute_s_ = shape.query_heads * shape.decode_flop / (peak * kernels.latent_compute_ratio.value);
  prefill_floor_s_ = kernels.decode_floor_s.value;
  prefill_attended_s_ = shape.query_heads * shape.prefill_flop /
                        (peak * profile.compute.sustained_ratio.value * prefill.forward_compute_ratio.value *
                         machine.software.attention_speed_ratio.value);
  prefill_token_s_ = prefill_attended_s_ * prefill.half_length.value / 2.0;
  const double prefill_rate = peak * profile.compute.sustained_ratio.value * prefill.forward_compute_ratio.value *
                              machine.software.attention_speed_ratio.value;
  if (shape.layer.index_topk > 0) {
    const double entries = shape.layer.compress_ratio > 0 ? 1.0 / static_cast<double>(shape.layer.compress_ratio) : 1.0;
    index_read_s_ = entries * shape.index_bytes / (profile.memory.bandwidth_bytes_per_s.value * decode_memory_ratio_);
    index_compute_s_ = entries * shape.index_flop / (peak * kernels.latent_compute_ratio.value);
    index_prefill_s_ = entries * shape.index_flop / prefill_rate;
  }
  if (shape.layer.mixer == TokenMixer::kAttention) return;
  prefill_attended_s_ = 0.0;
  prefill_token_s_ = shape.token_flop / prefill_rate;
  state_s_ = 2.0 * shape.state_bytes / (profile.memory.bandwidth_bytes_per_s.value * decode_memory_ratio_);
}

/// Of tokens that would attend to `all_attended` in sum: positions evenly between m - p / 2 and m + p / 2, with m their
/// mean position and p the tokens of one prompt.
double AttentionClock::attended(double tokens, double all_attended, double prompts) const {
  const bool limited = layer_.window > 0 || layer_.chunk > 0 || layer_.index_topk > 0 || layer_.compress_ratio > 0;
  if (!limited) return all_attended;
  const double mean = all_attended / tokens;
  const double piece = std::min(std::max(1.0, tokens / std::max(1.0, prompts)), 2.0 * mean);
  return tokens * (attended_sum(layer_, mean + piece / 2.0) - attended_sum(layer_, mean - piece / 2.0)) / piece;
}

double AttentionClock::decode_s(double sequences, double context_tokens) const {
  if (sequences <= 0.0 || layer_.mixer == TokenMixer::kNone) return 0.0;
  if (layer_.mixer != TokenMixer::kAttention) return layers_ * (decode_floor_s_ + state_s_ * sequences);
  const bool limited = layer_.window > 0 || layer_.chunk > 0 || layer_.index_topk > 0 || layer_.compress_ratio > 0;
  const double read_tokens = limited ? sequences * attended_at(layer_, context_tokens / sequences) : context_tokens;
  const double read_s = decode_read_s_ * read_tokens;
  const double ramp_s = decode_ramp_s_ > 0.0 ? decode_ramp_s_ * read_s / (read_s + decode_ramp_s_) : 0.0;
  const double index_s = std::max(index_read_s_, index_compute_s_) * context_tokens;
  return layers_ * (decode_floor_s_ + ramp_s +
                    std::max(read_s / decode_memory_ratio_, decode_compute_s_ * read_tokens) + index_s);
}

double AttentionClock::prefill_s(double tokens, double attended_tokens, double prompts) const {
  if (tokens <= 0.0 || layer_.mixer == TokenMixer::kNone) return 0.0;
  return layers_ * (prefill_floor_s_ + prefill_attended_s_ * attended(tokens, attended_tokens, prompts) +
                    prefill_token_s_ * tokens + index_prefill_s_ * attended_tokens);
}

AttentionClocks::AttentionClocks(const Model& model, const Serving& serving, const ServingPool& pool,
                                 const Machine& machine) {
  // Layers that differ in their feed-forward alone have one core.
  if (model.layer_kinds.empty()) {
    clocks_.emplace_back(attention_shape(model, serving, pool), static_cast<double>(model.num_hidden_layers), machine);
    return;
  }
  for (const auto& [view, layers] : layer_views(model))
    clocks_.emplace_back(attention_shape(view, serving, pool), static_cast<double>(layers), machine);
}

double AttentionClocks::decode_s(double sequences, double context_tokens) const {
  double sum_s = 0.0;
  for (const AttentionClock& clock : clocks_) sum_s += clock.decode_s(sequences, context_tokens);
  return sum_s;
}

double AttentionClocks::prefill_s(double tokens, double attended_tokens, double prompts) const {
  double sum_s = 0.0;
  for (const AttentionClock& clock : clocks_) sum_s += clock.prefill_s(tokens, attended_tokens, prompts);
  return sum_s;
}

}  // namespace windtunnel::modeling
