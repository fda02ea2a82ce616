// SPDX-License-Identifier: Apache-2.0
// What an event simulation records of each request, and the estimates made of it.
#pragma once

#include <span>
#include <vector>

#include "modeling/chains/serving/requests/answer.h"
#include "modeling/chains/serving/simulation/simulation.h"

namespace windtunnel::modeling {

struct Sample {
  int request_class = 0;
  double ttft_s = 0.0;
  /// Negative: one output token, no time between tokens.
  double tpot_s = -1.0;
  double e2e_s = 0.0;
  double tokens = 0.0;
  double output_tokens = 0.0;
};

/// What the integrals of all engines said at some moment.
struct Meter {
  double now_s = 0.0;
  double busy_s = 0.0;
  double decoding_s = 0.0;
  double cached_s = 0.0;
};

using Samples = std::vector<Sample>;

/// Consecutive samples and the meters at both ends.
struct Stretch {
  const Samples* samples = nullptr;
  std::size_t from = 0, to = 0;
  Meter start, end;
};

/// Of the samples of one class (negative: of all): latencies, and the share that meets the limits. NaN without samples.
ClassAnswer answer_of(std::span<const Sample> samples, int request_class, const RequestLimits& limits);

/// The numbers of `whole`, with intervals from the spread of `batches`.
SimulationResult estimate(const Stretch& whole, const std::vector<Stretch>& batches, const ServingSystem& system,
                          const RequestLimits& limits, double confidence);

}  // namespace windtunnel::modeling
