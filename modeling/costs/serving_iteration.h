// SPDX-License-Identifier: Apache-2.0
// The iteration time of a serving replica, from its operators, its device and its engine.
//
//   t = step + [ tokens(m) + decode attention(b, context) + prefill attention(attended) ] layers + head(b + prompts)
//
// m = b + prompt tokens. A pipeline of p stages works on p parts of the load at once: t is p times the time of the
// slowest stage on one part.
#pragma once

#include "modeling/cluster/machine.h"
#include "modeling/cluster/serving_engine.h"
#include "modeling/costs/iteration_time.h"
#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

/// The clock of one replica of `pool`. With `serving.service_times` those are the only times. Building it costs about
/// a millisecond, a call of iteration_s some tens of nanoseconds.
IterationTime serving_iteration_time(const Model& model, const Serving& serving, const ServingPool& pool,
                                     const Machine& machine, Frontend frontend = Frontend::kServer);

/// Seconds to hand the cache of a prompt of `prompt_tokens` from a prefill to a decode replica over scale_out, on idle
/// links.
double kv_transfer_time_s(const Model& model, const Serving& serving, double prompt_tokens, const Machine& machine);

}  // namespace windtunnel::modeling
