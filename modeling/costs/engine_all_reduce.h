// SPDX-License-Identifier: Apache-2.0
// All-reduce of a serving engine inside one scale-up domain: kernels of its own, made for messages of one token.
//
//   t = min( l1 + (n - 1) V / (bandwidth e1),  l2 + 2 (n - 1) / n V / (bandwidth e2) )
//
// One shot: every rank reads the whole message V of all n - 1 others. Two shots: reduce-scatter, then all-gather.
// l1, e1, l2, e2: ServingKernels of the device.
#pragma once

#include "modeling/cluster/hardware_profile.h"

namespace windtunnel::modeling {

/// Seconds; `devices` within one scale-up domain, 0 for a single one.
double engine_all_reduce_s(double devices, double message_bytes, const HardwareProfile& profile);

}  // namespace windtunnel::modeling
