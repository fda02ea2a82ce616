// SPDX-License-Identifier: Apache-2.0
// Checkpoints against Daly's closed forms and against each other.
#include "modeling/chains/health/checkpointing.h"

#include <cmath>
#include <limits>

#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

struct Row {
  double mttf_s, blocking_s, restart_s, optimum_s, at_optimum, at_one_hour;
};

}  // namespace

TEST_CASE("optimum and productive share have the digits of Daly's formulas", "[chains][checkpointing]") {
  // t* = (1 + W0(-exp(-1 - L C))) / L; t / [exp(L R) (exp(L (t + C)) - 1) / L] at t* and at one hour.
  const Row row = GENERATE(Row{11135.16, 60, 600, 1116.30034, 0.852551415, 0.787214564},
                           Row{11135.16, 10, 300, 465.271411, 0.932744715, 0.821855826},
                           Row{6490.44, 300, 300, 1778.66538, 0.693164774, 0.64293887},
                           Row{811.44, 10, 120, 120.814703, 0.734108623, 0.0452692612},
                           Row{86400, 30, 600, 2256.88399, 0.96713904, 0.964328052});
  const CheckpointedJob job{
      .failure_per_s = 1.0 / row.mttf_s, .blocking_s = row.blocking_s, .restart = {row.restart_s}};
  const double interval_s = optimal_checkpoint_interval_s(job.failure_per_s, job.blocking_s);
  CHECK(interval_s == Approx(row.optimum_s).epsilon(1e-6));  // M is printed to 7 digits
  CHECK(checkpoint_shares(job, interval_s).productive_ratio == Approx(row.at_optimum).epsilon(1e-6));
  CHECK(checkpoint_shares(job, 3600).productive_ratio == Approx(row.at_one_hour).epsilon(1e-5));
}

TEST_CASE("the optimum solves its equation over 24 decades of cost", "[chains][checkpointing]") {
  // (1 - u) exp(u) = exp(-x); for small x u = sqrt(2 x) - 2 x / 3 + O(x^1.5), for large x u = 1 - exp(-1 - x).
  for (const double cost : {1e-20, 1e-12, 1e-8})
    CHECK(optimal_checkpoint_interval_s(1.0, cost) ==
          Approx(std::sqrt(2 * cost) - 2 * cost / 3).epsilon(std::max(1e-14, cost)));
  for (const double cost : {1e-4, 0.01, 0.3, 1.0, 5.0}) {
    const double u = optimal_checkpoint_interval_s(1.0, cost);
    CHECK((1 - u) * std::exp(u) == Approx(std::exp(-cost)).epsilon(1e-12));
  }
  CHECK(optimal_checkpoint_interval_s(1.0, 1e4) == 1.0);
}

TEST_CASE("no interval is better than the optimal one", "[chains][checkpointing]") {
  const CheckpointedJob job{.failure_per_s = 1e-4, .blocking_s = 20, .restart = {300, 2.0}};
  const double optimum_s = optimal_checkpoint_interval_s(job.failure_per_s, job.blocking_s);
  const double best = checkpoint_shares(job, optimum_s).productive_ratio;
  for (const double factor : {0.5, 0.9, 1.1, 2.0})
    CHECK(checkpoint_shares(job, factor * optimum_s).productive_ratio < best);
}

TEST_CASE("shares of time sum to 1 and have their limits", "[chains][checkpointing]") {
  const CheckpointedJob job{.failure_per_s = 1e-3, .blocking_s = 5, .restart = {100, 1.0}};
  for (const double interval_s : {0.0, 1.0, 100.0, 1e7, std::numeric_limits<double>::infinity()}) {
    const CheckpointShares s = checkpoint_shares(job, interval_s);
    CHECK(s.productive_ratio + s.checkpoint_ratio + s.rework_ratio + s.restart_ratio == Approx(1).epsilon(1e-14));
  }
  // An exponential restart of 100 s at L = 1e-3: E[exp(-L R)] = 1 / 1.1.
  CHECK(1.0 - checkpoint_shares(job, 60).restart_ratio == Approx(1 / 1.1).epsilon(1e-14));
  CHECK(checkpoint_shares(job, 0.0).productive_ratio == 0.0);
  CHECK(checkpoint_shares(job, std::numeric_limits<double>::infinity()).productive_ratio == 0.0);
  CHECK(checkpoint_shares({.failure_per_s = 1e-3, .restart = {100}}, 0.0).productive_ratio == Approx(std::exp(-0.1)));
}

TEST_CASE("a job that never fails loses only its checkpoints", "[chains][checkpointing]") {
  CHECK(std::isinf(optimal_checkpoint_interval_s(0.0, 10)));
  CHECK(checkpoint_shares({.blocking_s = 10}, 90).productive_ratio == 0.9);
  CHECK(checkpoint_shares({.blocking_s = 10}, 90).checkpoint_ratio == Approx(0.1));
}
