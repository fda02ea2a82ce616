// SPDX-License-Identifier: Apache-2.0
// How long one iteration of a serving engine takes, from what it holds.
//
// The batching semantics (which sequences and prompts an iteration holds) belong to the serving chain; here is only
// the time of a given load. Both the operator graph and the user's own `service_times` become an IterationTime, so the
// chain never knows which of them it runs on.
#pragma once

#include <functional>

namespace windtunnel::modeling {

/// What one iteration of one replica works on. Real numbers: the chain passes conditional means.
struct IterationLoad {
  /// Sequences that get one token each.
  double decoding_sequences = 0.0;
  /// Sum over them of prompt tokens plus tokens generated so far: the cached tokens their attention reads.
  double decoding_context_tokens = 0.0;
  /// Prompt tokens processed in this iteration, over all prompts in it.
  double prompt_tokens = 0.0;
  /// Sum over these prompt tokens of the tokens each attends to (a whole prompt of n tokens: n (n + 1) / 2).
  double prompt_attended_tokens = 0.0;
  /// Prompts (whole or chunks) in this iteration.
  double prompts = 0.0;
};

/// The clock of one replica.
struct IterationTime {
  /// Seconds of an iteration with this load; at least one of its counts is positive. Non-decreasing in each.
  std::function<double(const IterationLoad&)> iteration_s;
  /// Seconds a request spends outside the iterations before its first token (receiving, tokenising); not engine time.
  double request_overhead_s = 0.0;
  /// Seconds between an iteration's end and its token at the client; shifts every token alike.
  double token_overhead_s = 0.0;
};

}  // namespace windtunnel::modeling
