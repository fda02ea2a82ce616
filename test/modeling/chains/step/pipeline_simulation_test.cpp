// SPDX-License-Identifier: Apache-2.0
// The max-plus recursion against event simulation of the same graph, and the slowest replica against simulated
// replicas.
#include <cmath>

#include "modeling/chains/step/pipeline.h"
#include "modeling/chains/step/step_chain.h"
#include "solvers/phase_type/phase_type_fit.h"
#include "solvers/precedence/precedence_graph.h"
#include "solvers/precedence/simulate_graph.h"
#include "test/catch.h"

using namespace windtunnel;
using namespace windtunnel::modeling;

namespace {

PipelineProblem jittery_problem(PipelineSchedule schedule, Count virtual_stages, double scv) {
  const Count pipeline = 4;
  const auto chunks = static_cast<std::size_t>(pipeline * virtual_stages);
  const auto chunk = [&](double mean_s) { return Moments{mean_s, scv * mean_s * mean_s}; };
  const double pieces = static_cast<double>(virtual_stages);
  return {.schedule = schedule,
          .pipeline = pipeline,
          .virtual_stages = virtual_stages,
          .micro_batches = 8,
          .forward = std::vector<Moments>(chunks, chunk(0.010 / pieces)),
          .backward = std::vector<Moments>(chunks, chunk(0.020 / pieces))};
}

/// The same precedences written down independently of the recursion: one node per (direction, chunk, micro-batch) and
/// replica.
solvers::PrecedenceGraph precedences(const PipelineProblem& p, Count replicas) {
  const Count chunks = static_cast<Count>(p.forward.size());
  const Count per_replica = 2 * chunks * p.micro_batches;
  const auto node = [&](Count replica, bool forward, Count chunk, Count micro_batch) {
    return static_cast<int>(replica * per_replica + ((forward ? 0 : chunks) + chunk) * p.micro_batches + micro_batch);
  };
  std::vector<int> duration_of_node(static_cast<std::size_t>(replicas * per_replica));
  std::vector<solvers::PrecedenceEdge> edges;
  std::vector<std::vector<int>> orders;
  for (Count replica = 0; replica < replicas; ++replica) {
    for (Count chunk = 0; chunk < chunks; ++chunk) {
      for (Count m = 0; m < p.micro_batches; ++m) {
        duration_of_node[node(replica, false, chunk, m)] = 1;
        if (chunk > 0) edges.push_back({node(replica, true, chunk - 1, m), node(replica, true, chunk, m)});
        if (chunk > 0) edges.push_back({node(replica, false, chunk, m), node(replica, false, chunk - 1, m)});
        if (chunk == chunks - 1) edges.push_back({node(replica, true, chunk, m), node(replica, false, chunk, m)});
      }
    }
    for (Count rank = 0; rank < p.pipeline; ++rank) {
      std::vector<int> order;
      for (const PipelineStep& s : pipeline_order(p.schedule, p.pipeline, p.virtual_stages, p.micro_batches, rank)) {
        order.push_back(node(replica, s.forward, s.virtual_stage * p.pipeline + rank, s.micro_batch));
      }
      orders.push_back(order);
    }
  }
  const auto fit = [](const Moments& m) {
    return solvers::fit_phase_type(m.mean_s, m.variance_s2 / (m.mean_s * m.mean_s));
  };
  return solvers::PrecedenceGraph({fit(p.forward[0]), fit(p.backward[0])}, duration_of_node, edges, orders);
}

}  // namespace

TEST_CASE("the recursion agrees with event simulation on the mean, 1 % up to chunks that vary by 2 %, and on p99",
          "[chains][simulation]") {
  const auto schedule = GENERATE(PipelineSchedule::kOneForwardOneBackward, PipelineSchedule::kInterleaved);
  const double scv = GENERATE(1e-5, 1e-4, 4e-4);
  const PipelineProblem problem = jittery_problem(schedule, schedule == PipelineSchedule::kInterleaved ? 2 : 1, scv);
  const auto samples = solvers::simulate_makespan(precedences(problem, 1), {.samples = 4000, .seed = 7});
  const PipelineTime time = pipeline_time(problem);
  CHECK(time.makespan.mean_s == Approx(samples.mean_s().value).epsilon(0.01));
  // Independence at joins over-estimates the mean: never below the simulation beyond its confidence interval.
  CHECK(time.makespan.mean_s >= samples.mean_s(0.999).low);
  const double p99 = time.makespan.mean_s + 2.3263 * std::sqrt(time.makespan.variance_s2);
  CHECK(p99 == Approx(samples.quantile_s(0.99).value).epsilon(0.05));
}

TEST_CASE("the step of eight replicas agrees with simulated replicas on mean (1 %) and p99 (5 %)",
          "[chains][simulation]") {
  const PipelineProblem problem = jittery_problem(PipelineSchedule::kOneForwardOneBackward, 1, 1e-2);
  const auto samples = solvers::simulate_makespan(precedences(problem, 8), {.samples = 2000, .seed = 11});
  const StepChain chain =
      build_step_chain({.conditions = {{.replica = pipeline_time(problem).makespan}}, .replicas = 8, .devices = 32});
  CHECK(chain.mean_s == Approx(samples.mean_s().value).epsilon(0.02));  // joins of chunks that vary by 10 %
  CHECK(chain.p99_s == Approx(samples.quantile_s(0.99).value).epsilon(0.05));
}
