// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/row_team.h"

#include "solvers/transient/poisson_series.h"
#include "test/catch.h"
#include "test/solvers/example_chains.h"

using namespace windtunnel::solvers;

namespace {

/// 640,800 transitions: enough for three threads.
Generator large_chain() {
  return tandem(462, 1.0, 1.5, 1.25);
}

}  // namespace

TEST_CASE("each row is worked on once in each call", "[solvers][row_team]") {
  const Generator q = large_chain();
  for (const int threads : {1, 2, 3}) {
    RowTeam team(q.outgoing(), threads);
    CHECK(team.threads() == threads);
    Vector visits = Vector::Zero(q.states());
    constexpr int kCalls = 700;  // two rounds and more
    for (int call = 0; call < kCalls; ++call) {
      team.run([&](Index begin, Index end) { visits.segment(begin, end - begin).array() += 1.0; });
    }
    CHECK(visits.minCoeff() == kCalls);
    CHECK(visits.maxCoeff() == kCalls);
  }
}

TEST_CASE("a small chain is left to one thread", "[solvers][row_team]") {
  CHECK(RowTeam(tandem(50, 1.0, 1.5, 1.25).outgoing(), 8).threads() == 1);
}

TEST_CASE("a uniformization is the same bit by bit whoever computes it", "[solvers][row_team]") {
  const Generator q = large_chain();
  const PartialChain chain(q);
  Vector reward = Vector::Zero(q.states());
  reward.head(100).setOnes();
  const double ticks = 400.0;
  const auto sum = [&](int threads) {
    return sum_series(chain, reward, SeriesWeights::at_time(ticks), {0}, {.threads = threads});
  };
  const SeriesSum alone = sum(1);
  const SeriesSum together = sum(3);
  CHECK(alone.iterations == together.iterations);
  CHECK((alone.lower.array() == together.lower.array()).all());
  CHECK((alone.upper.array() == together.upper.array()).all());
}
