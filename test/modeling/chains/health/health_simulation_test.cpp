// SPDX-License-Identifier: Apache-2.0
// The health chain against a simulation of single nodes that knows nothing of counts.
#include <cmath>
#include <queue>
#include <random>
#include <vector>

#include "modeling/chains/health/health_chain.h"
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

/// A fleet in which every node has its own rate: bad or not, and `early` times as much until it has outgrown that.
struct SingleNodes {
  Count nodes, spares, bad;
  double failure_per_s, bad_factor, early_factor, early_s, repair_s;

  double rate(std::size_t node, double now, const std::vector<double>& outgrown) const {
    const double own = node < static_cast<std::size_t>(bad) ? bad_factor : 1.0;
    return failure_per_s * own * (now < outgrown[node] ? early_factor : 1.0);
  }
  /// Cold spares; every node up is as likely as any other to be active.
  bool exhausted(double horizon, std::mt19937_64& random) const {
    std::exponential_distribution<double> unit(1.0);
    std::uniform_real_distribution<double> uniform;
    const auto all = static_cast<std::size_t>(nodes + spares);
    std::vector<double> outgrown(all), back(all, 0.0);
    for (double& time : outgrown) time = unit(random) * early_s;
    double now = 0;
    while (true) {
      // Thinning: the rate is largest where everything is new, bad and up.
      const double most = failure_per_s * bad_factor * early_factor * static_cast<double>(nodes);
      now += unit(random) / most;
      if (now >= horizon) return false;
      std::vector<std::size_t> up;
      for (std::size_t node = 0; node < all; ++node)
        if (back[node] <= now) up.push_back(node);
      const double active =
          std::min(1.0, static_cast<double>(nodes) / static_cast<double>(up.size())) * static_cast<double>(up.size());
      const std::size_t struck = up[static_cast<std::size_t>(uniform(random) * static_cast<double>(up.size()))];
      if (uniform(random) * most > active * rate(struck, now, outgrown)) continue;
      back[struck] = now + unit(random) * repair_s;
      if (all - up.size() + 1 > static_cast<std::size_t>(spares)) return true;
    }
  }
};

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

TEST_CASE("bad nodes and early life agree with the simulation of single nodes", "[chains][health][simulation]") {
  const SingleNodes fleet{.nodes = 50,
                          .spares = 6,
                          .bad = 6,
                          .failure_per_s = 0.006,
                          .bad_factor = 8,
                          .early_factor = 3,
                          .early_s = 10,
                          .repair_s = 2};
  const double horizon = 40;
  constexpr int kRuns = 20'000;
  std::mt19937_64 random(20251125);
  int hits = 0;
  for (int run = 0; run < kRuns; ++run) hits += fleet.exhausted(horizon, random) ? 1 : 0;
  const double simulated = static_cast<double>(hits) / kRuns;
  // 1 + (f - 1) exp(-t / d), averaged over each part.
  std::vector<double> course;
  double mean = 0;
  for (int part = 0; part < 12; ++part) {
    const double from = horizon * part / 12, to = horizon * (part + 1) / 12;
    course.push_back(1 + 2 * 10 * (std::exp(-from / 10) - std::exp(-to / 10)) / (to - from));
    mean += course.back() / 12;
  }
  for (double& factor : course) factor /= mean;
  const double mix = (50 + 6 * 8.0) / 56;
  NodeHealth health{.nodes = 50,
                    .spares = 6,
                    .failure_per_s = 0.006 * mix * mean,
                    .rate_course = course,
                    .bad = {.share = 6.0 / 56, .factor = 8},
                    .repair = {2, 1}};
  const double answer = solve_exhaustion(health, horizon).probability;
  const double error = std::sqrt(answer * (1 - answer) / kRuns);
  INFO(answer << " against " << simulated << " +- " << error);
  // Four standard errors, and 2 % for twelve parts and for nodes that share one course.
  CHECK(std::abs(simulated - answer) < 4 * error + 0.02 * answer);
  // Both matter, so the agreement says something.
  NodeHealth steady = health;
  steady.rate_course.clear();
  CHECK(std::abs(solve_exhaustion(steady, horizon).probability - answer) > 8 * error);
  NodeHealth even = health;
  even.bad = {};
  CHECK(solve_exhaustion(even, horizon).probability > answer + 4 * error);
}
