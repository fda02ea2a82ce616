// SPDX-License-Identifier: Apache-2.0
// The whole step played event by event, with chunks that vary, slow devices, pauses and stalls, against the step chain.
//
// Played is what the model abstracts: every pause strikes one stage of one replica at a random time of its work and
// delays what waits for it; the model takes the longest pause alone. Devices are drawn anew for each job, as the model
// mixes.
#include <algorithm>
#include <cmath>
#include <vector>

#include "modeling/chains/step/pipeline_graph.h"
#include "modeling/chains/step/step_chain.h"
#include "solvers/numerics/confidence.h"
#include "solvers/numerics/random.h"
#include "solvers/phase_type/phase_type_fit.h"
#include "solvers/precedence/gaussian_makespan.h"
#include "solvers/precedence/simulate_graph.h"
#include "test/catch.h"

using namespace windtunnel;
using namespace windtunnel::modeling;

namespace {

struct Job {
  PipelineProblem pipeline;
  Count replicas = 8;
  /// Devices of one stage; a node each.
  Count stage_devices = 8;
  double device_cv = 0.005;
  double pause_rate_per_s = 0.02;
  double pause_s = 0.035;
  double stall_rate_per_s = 1e-3;
  double stall_s = 5.0;
};

Job job(Count stages, Count micro_batches) {
  const auto chunks = static_cast<std::size_t>(stages);
  const auto chunk = [](double mean_s) { return Moments{mean_s, 1e-4 * mean_s * mean_s}; };
  return {.pipeline = {.schedule = PipelineSchedule::kOneForwardOneBackward,
                       .pipeline = stages,
                       .virtual_stages = 1,
                       .micro_batches = micro_batches,
                       .forward = std::vector<Moments>(chunks, chunk(0.05)),
                       .backward = std::vector<Moments>(chunks, chunk(0.10))}};
}

int poisson(double mean, solvers::RandomSource& random) {
  int count = 0;
  for (double left = mean - random.exponential(); left > 0.0; left -= random.exponential()) ++count;
  return count;
}

/// One replica: units in the order of their ranks, each as long as drawn, stretched by its stage's slowest device, and
/// longer by the pauses that strike it.
double play_replica(const Job& j, solvers::RandomSource& random) {
  const PipelineProblem& p = j.pipeline;
  const auto slots = static_cast<std::size_t>(p.micro_batches);
  std::vector<std::vector<double>> ends[2];
  for (auto& direction : ends) direction.assign(static_cast<std::size_t>(p.pipeline), std::vector<double>(slots, -1.0));
  std::vector<double> slow;
  std::vector<std::vector<PipelineStep>> orders;
  for (Count rank = 0; rank < p.pipeline; ++rank) {
    double slowest = -10.0;
    for (Count d = 0; d < j.stage_devices; ++d) slowest = std::max(slowest, random.normal());
    slow.push_back(1.0 + j.device_cv * slowest);
    orders.push_back(pipeline_order(p.schedule, p.pipeline, 1, p.micro_batches, rank));
  }
  std::vector<double> free_s(slow.size(), 0.0);
  std::vector<std::size_t> next(slow.size(), 0);
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t rank = 0; rank < slow.size(); ++rank) {
      while (next[rank] < orders[rank].size()) {
        const PipelineStep& s = orders[rank][next[rank]];
        const auto m = static_cast<std::size_t>(s.micro_batch);
        const bool last = rank + 1 == slow.size();
        double ready = 0.0;
        if (s.forward && rank > 0) ready = ends[1][rank - 1][m];
        if (!s.forward) ready = last ? ends[1][rank][m] : ends[0][rank + 1][m];
        if (ready < 0.0) break;
        const Moments& work = s.forward ? p.forward[rank] : p.backward[rank];
        double length = slow[rank] * (work.mean_s + std::sqrt(work.variance_s2) * random.normal());
        for (int k = poisson(j.pause_rate_per_s * length, random); k > 0; --k)
          length += j.pause_s * random.exponential();
        free_s[rank] = std::max(free_s[rank], ready) + length;
        ends[s.forward ? 1 : 0][rank][m] = free_s[rank];
        ++next[rank];
        moved = true;
      }
    }
  }
  return *std::max_element(free_s.begin(), free_s.end());
}

double play_step(const Job& j, solvers::RandomSource& random) {
  double step = 0.0;
  for (Count replica = 0; replica < j.replicas; ++replica) step = std::max(step, play_replica(j, random));
  const int stalls = poisson(j.stall_rate_per_s * step, random);
  for (int k = 0; k < stalls; ++k) step += j.stall_s * random.exponential();
  return step;
}

StepChain modelled(const Job& j) {
  const PipelineTime time = pipeline_time(j.pipeline);
  double wait = 0.0;
  for (double rank_wait_s : time.wait_s) wait += rank_wait_s;
  const double ranks = static_cast<double>(j.pipeline.pipeline);
  return build_step_chain(
      {.conditions = {{.replica = time.makespan, .steady_share = 1.0 - wait / (ranks * time.makespan.mean_s)}},
       .replicas = j.replicas,
       .stages = j.pipeline.pipeline,
       .group_devices = j.stage_devices,
       .devices = j.replicas * j.pipeline.pipeline * j.stage_devices,
       .nodes = j.replicas * j.pipeline.pipeline,
       .device_cv = j.device_cv,
       .pause_rate_per_s = j.pause_rate_per_s,
       .pause_mean_s = j.pause_s,
       .stall_rate_per_s = j.stall_rate_per_s,
       .stall_mean_s = j.stall_s});
}

}  // namespace

TEST_CASE("the step played event by event: mean within 1 %, p99 within 5 %", "[chains][step][simulation]") {
  const Job j = GENERATE(job(1, 16), job(4, 12));
  CAPTURE(j.pipeline.pipeline);
  solvers::RandomSource random(23);
  std::vector<double> steps;
  for (int sample = 0; sample < 6000; ++sample) steps.push_back(play_step(j, random));
  std::sort(steps.begin(), steps.end());
  const StepChain chain = modelled(j);
  const solvers::Estimate mean = solvers::mean_estimate(steps, 0.99);
  const solvers::Estimate p50 = solvers::quantile_estimate(steps, 0.50, 0.99);
  const solvers::Estimate p99 = solvers::quantile_estimate(steps, 0.99, 0.99);
  CAPTURE(chain.mean_s, mean.value, mean.low, mean.high, chain.p50_s, p50.value, chain.p99_s, p99.value, p99.low,
          p99.high);
  CHECK(mean.high - mean.low < 0.01 * mean.value);
  CHECK(chain.mean_s == Approx(mean.value).epsilon(0.01));
  CHECK(chain.p50_s == Approx(p50.value).epsilon(0.015));
  CHECK(chain.p99_s == Approx(p99.value).epsilon(0.05));
}

TEST_CASE("covariances of ends bring the pipeline's mean within 1 % where chunks vary by 10 %",
          "[chains][simulation]") {
  Job j = job(4, 8);
  for (auto* times : {&j.pipeline.forward, &j.pipeline.backward}) {
    for (Moments& m : *times) m.variance_s2 *= 100.0;
  }
  const solvers::PrecedenceGraph graph = pipeline_graph(j.pipeline);
  const auto samples = solvers::simulate_makespan(graph, {.samples = 4000, .seed = 5});
  const double joined = solvers::gaussian_makespan(graph).makespan.mean_s;
  CHECK(joined == Approx(samples.mean_s().value).epsilon(0.01));
  // Jensen below, association above.
  PipelineProblem constant = j.pipeline;
  for (auto* times : {&constant.forward, &constant.backward}) {
    for (Moments& m : *times) m.variance_s2 = 0.0;
  }
  CHECK(pipeline_time(constant).makespan.mean_s <= samples.mean_s(0.999).high);
  CHECK(pipeline_time(j.pipeline).makespan.mean_s >= samples.mean_s(0.999).low);
}

TEST_CASE("hand-overs are nodes of the graph", "[chains][pipeline]") {
  Job j = job(3, 4);
  j.pipeline.transfer = {0.01, 0.0};
  for (auto* times : {&j.pipeline.forward, &j.pipeline.backward}) {
    for (Moments& m : *times) m.variance_s2 = 0.0;
  }
  CHECK(solvers::gaussian_makespan(pipeline_graph(j.pipeline)).makespan.mean_s ==
        Approx(pipeline_time(j.pipeline).makespan.mean_s));
}
