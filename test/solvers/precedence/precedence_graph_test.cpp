// SPDX-License-Identifier: Apache-2.0
#include "solvers/precedence/precedence_graph.h"

#include <cmath>
#include <vector>

#include "solvers/phase_type/order_statistics.h"
#include "solvers/phase_type/phase_type_curve.h"
#include "solvers/phase_type/phase_type_fit.h"
#include "solvers/precedence/gaussian_makespan.h"
#include "solvers/precedence/simulate_graph.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

// 99.99 % intervals with fixed seeds.
constexpr double kConfidence = 0.9999;

// Micro-batch m on stage s is node m * stages + s; forward only, so a stage waits for the stage before and for its own
// last batch.
PrecedenceGraph pipeline(int batches, int stages, const PhaseType& duration) {
  std::vector<PrecedenceEdge> edges;
  std::vector<std::vector<int>> served(stages);
  for (int m = 0; m < batches; ++m)
    for (int s = 0; s < stages; ++s) {
      served[s].push_back(m * stages + s);
      if (s > 0) edges.push_back({m * stages + s - 1, m * stages + s});
    }
  return PrecedenceGraph({duration}, std::vector<int>(batches * stages, 0), edges, served);
}

PrecedenceGraph parallel(int members, const PhaseType& duration) {
  return PrecedenceGraph({duration}, std::vector<int>(members, 0), {});
}

}  // namespace

TEST_CASE("A pipeline of constants takes batches + stages - 1 slots", "[solvers][precedence_graph]") {
  const PrecedenceGraph graph = pipeline(7, 4, constant(0.25));
  CHECK(simulate_makespan(graph, {.samples = 2}).makespan_s.front() == Approx(10 * 0.25).epsilon(1e-14));
  const GaussianMakespan gaussian = gaussian_makespan(graph);
  CHECK(gaussian.makespan.mean_s == Approx(2.5).epsilon(1e-14));
  CHECK(gaussian.makespan.variance_s2 == 0.0);
}

TEST_CASE("A chain in simulation follows the exact convolution", "[solvers][precedence_graph]") {
  const PhaseType step = fit_phase_type(2.0, 0.4);
  const PrecedenceGraph chain({step}, {0, 0, 0}, {{0, 1}, {1, 2}});
  const MakespanSamples samples = simulate_makespan(chain, {.samples = 20'000, .seed = 9});
  PhaseTypeCurve exact(convolution(std::vector<PhaseType>(3, step)));
  CHECK(samples.mean_s(kConfidence).contains(exact.duration().mean_s()));
  CHECK(samples.variance_s2(kConfidence).contains(exact.duration().variance_s2()));
  for (const double p : {0.1, 0.5, 0.9, 0.99}) CHECK(samples.quantile_s(p, kConfidence).contains(exact.quantile_s(p)));
  const MeanVariance gaussian = gaussian_makespan(chain).makespan;
  CHECK(gaussian.mean_s == Approx(6.0).epsilon(1e-13));
  CHECK(gaussian.variance_s2 == Approx(3 * 1.6).epsilon(1e-13));
}

TEST_CASE("A join in simulation follows F^n", "[solvers][precedence_graph]") {
  const double scv = GENERATE(0.0025, 0.3, 4.0);
  const PhaseType step = fit_phase_type(1.0, scv);
  const MakespanSamples samples = simulate_makespan(parallel(64, step), {.samples = 8'000, .seed = 4});
  const Distribution exact = maximum(distribution_of(step), 64);
  const MeanVariance moments = mean_and_variance(exact);
  CHECK(samples.mean_s(kConfidence).contains(moments.mean_s));
  CHECK(samples.variance_s2(kConfidence).contains(moments.variance_s2));
  for (const double p : {0.1, 0.5, 0.9, 0.99}) CHECK(samples.quantile_s(p, kConfidence).contains(quantile_s(exact, p)));
}

TEST_CASE("The Gaussian recursion against simulation of a pipeline", "[solvers][precedence_graph]") {
  struct Case {
    double scv, error_of_mean, relative_error_of_deviation;
  };
  // Measured 0.0025 and 0.017, 0.0064 and 0.073, 0.018 and 0.19; room for the samples' own error, 0.7 % of the
  // deviation.
  const Case expected = GENERATE(Case{0.01, 0.003, 0.03}, Case{0.1, 0.008, 0.09}, Case{1.0, 0.025, 0.21});
  const PrecedenceGraph graph = pipeline(16, 4, fit_phase_type(1.0, expected.scv));
  const MakespanSamples samples = simulate_makespan(graph, {.samples = 10'000, .seed = 21});
  const MeanVariance gaussian = gaussian_makespan(graph).makespan;
  const Estimate mean = samples.mean_s(), variance = samples.variance_s2();
  INFO("simulated mean " << mean.value << " deviation " << std::sqrt(variance.value));
  INFO("recursion mean " << gaussian.mean_s << " deviation " << std::sqrt(gaussian.variance_s2));
  CHECK(std::abs(gaussian.mean_s / mean.value - 1.0) < expected.error_of_mean);
  CHECK(std::abs(std::sqrt(gaussian.variance_s2 / variance.value) - 1.0) < expected.relative_error_of_deviation);
}

TEST_CASE("A common past is not counted as independent", "[solvers][precedence_graph]") {
  // One long random node, then two constants in parallel: the makespan varies exactly as the long node does.
  const PrecedenceGraph fork({exponential(1.0), constant(0.5)}, {0, 1, 1}, {{0, 1}, {0, 2}});
  const MeanVariance result = gaussian_makespan(fork).makespan;
  CHECK(result.mean_s == Approx(1.5).epsilon(1e-13));
  CHECK(result.variance_s2 == Approx(1.0).epsilon(1e-13));
}

TEST_CASE("Simulation repeats with its seed", "[solvers][precedence_graph]") {
  const PrecedenceGraph graph = pipeline(3, 2, exponential(1.0));
  CHECK(simulate_makespan(graph, {.samples = 50}).makespan_s == simulate_makespan(graph, {.samples = 50}).makespan_s);
  CHECK(simulate_makespan(graph, {.samples = 50}).makespan_s !=
        simulate_makespan(graph, {.samples = 50, .seed = 2}).makespan_s);
}

TEST_CASE("Impossible graphs are refused", "[solvers][precedence_graph]") {
  const std::vector<PhaseType> durations = {exponential(1.0)};
  CHECK_THROWS_WITH(PrecedenceGraph(durations, {0, 0}, {{0, 1}, {1, 0}}), "node 0 waits for itself along a circle");
  CHECK_THROWS_WITH(PrecedenceGraph(durations, {0, 0}, {{1, 0}}, {{0, 1}}), "node 0 waits for itself along a circle");
  CHECK_THROWS_WITH(PrecedenceGraph(durations, {0, 0}, {{0, 2}}), "an edge names node 2, expected 0 to 1");
  CHECK_THROWS_WITH(PrecedenceGraph(durations, {0, 1}, {}), "node 1 has duration 1, expected 0 to 0");
  CHECK_THROWS_WITH(simulate_makespan(parallel(2, durations[0]), {.samples = 1}),
                    "1 samples of a makespan, expected at least 2");
}
