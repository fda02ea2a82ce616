// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/decode_run.h"

#include <algorithm>
#include <cmath>

#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

/// What the run stands for: iterations one by one.
struct OneByOne {
  double elapsed_s = 0.0;
  double context_integral = 0.0;
};

OneByOne one_by_one(const IterationTime& time, IterationLoad load, double growth, long long count) {
  OneByOne sum;
  for (long long k = 0; k < count; ++k) {
    const double lasted_s = time.iteration_s(load);
    sum.elapsed_s += lasted_s;
    sum.context_integral += lasted_s * load.decoding_context_tokens;
    load.decoding_context_tokens += growth;
  }
  return sum;
}

}  // namespace

TEST_CASE("a run of decode iterations lasts as long as they do one by one", "[chains][serving][simulation]") {
  const double growth = 64.0;
  const IterationLoad first{.decoding_sequences = growth, .decoding_context_tokens = 64.0 * 1024.0};
  DecodeRun run;
  SECTION("to rounding where the time is linear in the context") {
    const IterationTime linear{
        .iteration_s = [](const IterationLoad& l) { return 0.01 + 1e-9 * l.decoding_context_tokens; }};
    for (const long long count : {1, 2, 100, 5000}) {
      run.start(linear, first, growth, 0.0, count);
      const OneByOne exact = one_by_one(linear, first, growth, count);
      CHECK(run.elapsed_s(count) == Approx(exact.elapsed_s).epsilon(1e-12));
      CHECK(run.context_integral(count) == Approx(exact.context_integral).epsilon(count == 1 ? 1e-12 : 2e-3));
    }
  }
  SECTION("within 1e-4 where it bends and has a corner") {
    const IterationTime bent{.iteration_s = [](const IterationLoad& l) {
      return 0.005 + std::max(0.002, 2e-9 * l.decoding_context_tokens) + 1e-6 * std::sqrt(l.decoding_context_tokens);
    }};
    for (const long long count : {10, 1000, 30000}) {
      run.start(bent, first, growth, 0.0, count);
      CHECK(run.elapsed_s(count) == Approx(one_by_one(bent, first, growth, count).elapsed_s).epsilon(1e-4));
      CHECK(run.elapsed_s(count / 2) == Approx(one_by_one(bent, first, growth, count / 2).elapsed_s).epsilon(5e-4));
    }
  }
}

TEST_CASE("a run stops at the first boundary after a moment", "[chains][serving][simulation]") {
  const IterationTime steady{.iteration_s = [](const IterationLoad&) { return 0.01; }};
  DecodeRun run;
  run.start(steady, {.decoding_sequences = 8.0, .decoding_context_tokens = 8000.0}, 8.0, 0.0, 100);
  CHECK(run.iterations() == 100);
  CHECK(run.iterations_within(0.0) == 1);
  CHECK(run.iterations_within(0.035) == 4);
  CHECK(run.iterations_within(0.5) == 50);
  CHECK(run.iterations_within(100.0) == 100);
}
