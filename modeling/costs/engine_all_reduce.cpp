// SPDX-License-Identifier: Apache-2.0
#include "modeling/costs/engine_all_reduce.h"

#include <algorithm>

namespace windtunnel::modeling {

double engine_all_reduce_s(double devices, double message_bytes, const HardwareProfile& profile) {
  if (devices <= 1.0) return 0.0;
  const ServingKernels& kernels = profile.serving;
  const double link_s = message_bytes / profile.scale_up.bandwidth_bytes_per_s.value;
  const double one_shot_s = kernels.one_shot_latency_s.value + (devices - 1.0) * link_s / kernels.one_shot_ratio.value;
  const double two_shot_s =
      kernels.two_shot_latency_s.value + 2.0 * (devices - 1.0) / devices * link_s / kernels.two_shot_ratio.value;
  return std::min(one_shot_s, two_shot_s);
}

}  // namespace windtunnel::modeling
