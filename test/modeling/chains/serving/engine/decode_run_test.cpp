// SPDX-License-Identifier: Apache-2.0
// Leaps over decode iterations against the same iterations one by one.
#include "modeling/chains/serving/engine/decode_run.h"

#include <algorithm>
#include <cmath>

#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

/// A clock whose attention first rises steeply and then linearly, as the kernels' do, with a corner.
IterationTime curved() {
  return {.iteration_s = [](const IterationLoad& load) {
    const double x = 1e-7 * load.decoding_context_tokens;
    return 0.004 + 1e-5 * load.decoding_sequences + 0.003 * x / (x + 0.01) + std::max(x, 1.2 * x - 0.002);
  }};
}

}  // namespace

TEST_CASE("a run of decode iterations lasts as long as its iterations one by one", "[chains][serving]") {
  const IterationTime time = curved();
  const double context = GENERATE(64.0, 8192.0, 200'000.0);
  const double growth = GENERATE(1.0, 64.0);
  const long long iterations = GENERATE(1, 2, 7, 5000);
  const IterationLoad first{.decoding_sequences = growth, .decoding_context_tokens = context};
  DecodeRun run;
  run.start(time, first, growth, 0.0, iterations);
  double sum_s = 0.0, cached = 0.0;
  for (long long i = 0; i < iterations; ++i) {
    IterationLoad load = first;
    load.decoding_context_tokens += growth * static_cast<double>(i);
    sum_s += time.iteration_s(load);
    cached += time.iteration_s(load) * load.decoding_context_tokens;
  }
  CAPTURE(context, growth, iterations);
  CHECK(run.elapsed_s(iterations) == Approx(sum_s).epsilon(1e-4));
  CHECK(run.context_integral(iterations) == Approx(cached).epsilon(2e-4));
}

TEST_CASE("a corner between two points of a run costs no more than 1e-4", "[chains][serving]") {
  const double growth = 64.0;
  const IterationLoad first{.decoding_sequences = growth, .decoding_context_tokens = 64.0 * 1024.0};
  const IterationTime bent{.iteration_s = [](const IterationLoad& l) {
    return 0.005 + std::max(0.002, 2e-9 * l.decoding_context_tokens) + 1e-6 * std::sqrt(l.decoding_context_tokens);
  }};
  const long long iterations = GENERATE(10, 1000, 30'000);
  DecodeRun run;
  run.start(bent, first, growth, 0.0, iterations);
  double sum_s = 0.0;
  IterationLoad load = first;
  for (long long i = 0; i < iterations; ++i, load.decoding_context_tokens += growth) sum_s += bent.iteration_s(load);
  CHECK(run.elapsed_s(iterations) == Approx(sum_s).epsilon(1e-4));
}

TEST_CASE("the boundary at or after a moment is found in a run", "[chains][serving]") {
  DecodeRun run;
  run.start(curved(), {.decoding_sequences = 8, .decoding_context_tokens = 4096}, 8.0, 0.0, 3000);
  for (const long long count : {1, 2, 100, 2999, 3000}) {
    CHECK(run.iterations_within(run.elapsed_s(count)) == count);
    CHECK(run.iterations_within(run.elapsed_s(count) - 1e-6) == count);
  }
  CHECK(run.iterations_within(0.0) == 1);
  CHECK(run.iterations_within(1e9) == 3000);
}
