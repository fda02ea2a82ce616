// SPDX-License-Identifier: Apache-2.0
// What the tests of the serving chains share: a clock by hand, and a value beside its simulation.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "modeling/costs/iteration_time.h"
#include "solvers/numerics/confidence.h"
#include "test/catch.h"

/// base + per_sequence x decoding sequences + per_prompt_token x prompt tokens.
inline windtunnel::modeling::IterationTime linear(double base_s, double per_sequence_s, double per_prompt_token_s) {
  windtunnel::modeling::IterationTime time;
  time.iteration_s = [=](const windtunnel::modeling::IterationLoad& load) {
    return base_s + per_sequence_s * load.decoding_sequences + per_prompt_token_s * load.prompt_tokens;
  };
  return time;
}

/// The clock on which docs/serving.md states its ranges.
inline windtunnel::modeling::IterationTime usual_clock() {
  return linear(0.020, 100e-6, 20e-6);
}

/// Within `tolerance` of the simulation, its own uncertainty on top.
inline void check_close(const std::string& name, double value, const windtunnel::solvers::Estimate& simulated,
                        double tolerance) {
  const double half = 0.5 * (simulated.high - simulated.low);
  INFO(fmt::format("{}: chain {}, simulation {} +- {}", name, value, simulated.value, half));
  CHECK(std::abs(value - simulated.value) <= tolerance * simulated.value + half);
}
