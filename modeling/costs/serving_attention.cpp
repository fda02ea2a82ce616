// SPDX-License-Identifier: Apache-2.0
#include "modeling/costs/serving_attention.h"

#include <algorithm>

#include "modeling/costs/operator_cost.h"

namespace windtunnel::modeling {

AttentionClock::AttentionClock(const AttentionShape& shape, double layers, const Machine& machine) : layers_(layers) {
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
}

double AttentionClock::decode_s(double sequences, double context_tokens) const {
  if (sequences <= 0.0) return 0.0;
  const double read_s = decode_read_s_ * context_tokens;
  const double ramp_s = decode_ramp_s_ > 0.0 ? decode_ramp_s_ * read_s / (read_s + decode_ramp_s_) : 0.0;
  return layers_ *
         (decode_floor_s_ + ramp_s + std::max(read_s / decode_memory_ratio_, decode_compute_s_ * context_tokens));
}

double AttentionClock::prefill_s(double tokens, double attended_tokens) const {
  if (tokens <= 0.0) return 0.0;
  return layers_ * (prefill_floor_s_ + prefill_attended_s_ * attended_tokens + prefill_token_s_ * tokens);
}

}  // namespace windtunnel::modeling
