// SPDX-License-Identifier: Apache-2.0
// The health chain against a simulation of single nodes that knows nothing of counts.
#include <cmath>
#include <queue>
#include <random>
#include <vector>

#include "modeling/chains/health_chain.h"
#include "test/catch.h"

using namespace windtunnel::modeling;
namespace solvers = windtunnel::solvers;

namespace {

/// True when more than `spares` nodes are ever down at once within the horizon: failures are Poisson while the job has
/// its nodes, each repair is drawn from the phases at the failure.
bool exhausted(const NodeHealth& health, double horizon, std::mt19937_64& random) {
  const solvers::PhaseType repair = repair_phases(health.repair);
  std::exponential_distribution<double> unit(1.0);
  std::priority_queue<double, std::vector<double>, std::greater<>> back;
  const auto draw_repair = [&] {
    // Hyperexponential: one phase, drawn by its initial probability.
    const int phase = std::uniform_real_distribution<double>()(random) < repair.initial()(0) ? 0 : 1;
    return unit(random) / repair.exit_per_s()(phase);
  };
  const double rate = health.failure_per_s * static_cast<double>(health.nodes);
  for (double now = unit(random) / rate; now < horizon; now += unit(random) / rate) {
    while (!back.empty() && back.top() <= now) back.pop();
    back.push(now + draw_repair());
    if (static_cast<Count>(back.size()) > health.spares) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("exhaustion with repairs of scv 4 agrees with the simulation of nodes", "[chains][health][simulation]") {
  const NodeHealth health{.nodes = 50, .spares = 4, .failure_per_s = 0.01, .repair = {2, 4}};
  const double horizon = 40;
  constexpr int kRuns = 40'000;
  std::mt19937_64 random(20240611);
  int hits = 0;
  for (int run = 0; run < kRuns; ++run) hits += exhausted(health, horizon, random) ? 1 : 0;
  const double simulated = static_cast<double>(hits) / kRuns;
  const double answer = solve_exhaustion(health, horizon).probability;
  // Four standard errors: 1 in 16,000 seeds would fail.
  CHECK(std::abs(simulated - answer) < 4 * std::sqrt(answer * (1 - answer) / kRuns));
  // The shape matters to a transient, so the agreement says something.
  NodeHealth memoryless = health;
  memoryless.repair.scv = 1;
  CHECK(std::abs(solve_exhaustion(memoryless, horizon).probability - answer) >
        8 * std::sqrt(answer * (1 - answer) / kRuns));
}
