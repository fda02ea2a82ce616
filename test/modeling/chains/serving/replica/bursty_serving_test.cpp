// SPDX-License-Identifier: Apache-2.0
// The serving chains under bursty arrivals: against the event simulation with the same arrivals, against an exact queue
// and against their own limits.
#include <fmt/format.h>

#include <cmath>

#include "modeling/chains/serving/fleet/serving_chain.h"
#include "modeling/chains/serving/replica/bursty_slots.h"
#include "modeling/chains/serving/replica/replica_chain.h"
#include "solvers/queues/map_ph_1.h"
#include "test/catch.h"
#include "test/modeling/chains/serving_cases.h"

using namespace windtunnel;
using namespace windtunnel::modeling;

namespace {

ServingSystem system_of(double load, BatchScheduler scheduler = BatchScheduler::kChunkedPrefill,
                        const TokenCount& output = {256, 1}) {
  ServingSystem system;
  system.classes = {{"all", 1.0, TokenLaw(TokenCount{1024, 0}), TokenLaw(output)}};
  system.pool.time = usual_clock();
  system.pool.rules.scheduler = scheduler;
  system.arrivals.rate_per_s = load * serving_capacity_per_s(system);
  return system;
}

void check_against_simulation(const ServingSystem& system) {
  const ServingAnswer chain = solve_serving(system, {});
  REQUIRE(chain.out_of_range.empty());
  const SimulationResult simulated =
      simulate_serving(system, {}, {.requests = 100'000, .seed = 17, .confidence = 0.99});
  const ClassAnswer& all = chain.classes.front();
  const ClassEstimates& seen = simulated.classes.front();
  check_close("batch_mean", chain.batch_mean, simulated.batch_mean, 0.02);
  check_close("tpot_p50_s", all.tpot.p50_s, seen.tpot.p50, 0.07);
  check_close("tpot_p99_s", all.tpot.p99_s, seen.tpot.p99, 0.12);
  check_close("ttft_mean_s", all.ttft.mean_s, seen.ttft.mean, 0.05);
  check_close("ttft_p50_s", all.ttft.p50_s, seen.ttft.p50, 0.05);
  check_close("ttft_p99_s", all.ttft.p99_s, seen.ttft.p99, 0.10);
}

}  // namespace

TEST_CASE("correlated arrivals: chains agree with the simulation", "[chains][serving][bursts]") {
  const auto scheduler = GENERATE(BatchScheduler::kChunkedPrefill, BatchScheduler::kPrefillFirst);
  const double load = GENERATE(0.3, 0.6);
  const auto [scv, dispersion] =
      GENERATE(std::pair(1.2, 3.0), std::pair(2.0, 4.0), std::pair(4.0, 16.0), std::pair(6.0, 10.0));
  INFO("load " << load << ", scv " << scv << ", dispersion " << dispersion);
  ServingSystem system = system_of(load, scheduler);
  system.arrivals.scv = scv;
  system.arrivals.bursts = solvers::switched_by_dispersion(1.0, scv, dispersion);
  check_against_simulation(system);
}

TEST_CASE("correlated arrivals: outputs of one length and heavy-tailed ones", "[chains][serving][bursts]") {
  const double output_scv = GENERATE(0.0, 4.0);
  ServingSystem system = system_of(0.5, BatchScheduler::kChunkedPrefill, {256, output_scv});
  system.arrivals.scv = 2.0;
  system.arrivals.bursts = solvers::switched_by_dispersion(1.0, 2.0, 6.0);
  check_against_simulation(system);
}

TEST_CASE("irregular arrivals without correlation: chains agree with the simulation", "[chains][serving][bursts]") {
  const double load = GENERATE(0.3, 0.7), scv = GENERATE(1.5, 2.0, 4.0);
  INFO("load " << load << ", scv " << scv);
  ServingSystem system = system_of(load);
  system.arrivals.scv = scv;
  check_against_simulation(system);
}

TEST_CASE("one slot, geometric outputs, two levels of the rate: the exact queue", "[chains][serving][bursts]") {
  // 1000 iterations of 1 ms are nearly exponential: MMPP/M/1.
  ServingSystem system;
  system.classes = {{"all", 1.0, TokenLaw(TokenCount{1, 0}), TokenLaw(TokenCount{1000, 1})}};
  system.pool.time.iteration_s = [](const IterationLoad&) { return 0.001; };
  system.pool.rules.max_batch = 1;
  const solvers::SwitchedPoisson bursts = solvers::switched_by_dispersion(0.5, 2.0, 8.0);
  const EngineModel engine = engine_of(system.pool, system.classes);
  const SlotPopulation slots =
      solve_bursty_slots(engine, system.classes, slot_rates(engine, 0.0), {.arrivals = bursts});
  const double service_s = 1.0 / slot_rates(engine, 0.0).completion_per_s.back();
  const solvers::MapPh1Queue exact =
      solvers::solve_map_ph_1(solvers::arrivals_of(bursts), solvers::exponential(1.0 / service_s));
  // The survival function of the lives is a sum of 400 steps.
  CHECK(slots.wait_probability == Approx(exact.wait_probability).epsilon(1e-4));
  CHECK(slots.law.front() == Approx(1.0 - exact.utilization_ratio).epsilon(1e-4));
  double wait_s = 0.0;
  for (const LatencyLaw::Atom& one : slots.waits) wait_s += one.weight * one.value_s;
  CHECK(slots.wait_probability * wait_s == Approx(exact.waiting_s).epsilon(1e-3));
}

TEST_CASE("phases that outlast everything: each has the chain of its own rate", "[chains][serving][bursts]") {
  // Half of the time at each: the mean batch is the mean of two Poisson loads.
  ServingSystem system = system_of(0.4);
  system.arrivals.scv = 1.5;
  system.arrivals.bursts = solvers::switched_by_dispersion(1.0, 1.5, 1e5);
  ServingSystem calm = system_of(0.4), busy = calm;
  calm.arrivals.rate_per_s *= system.arrivals.bursts->calm_per_s;
  busy.arrivals.rate_per_s *= system.arrivals.bursts->busy_per_s;
  const double mean = 0.5 * (solve_serving(calm, {}).batch_mean + solve_serving(busy, {}).batch_mean);
  CHECK(solve_serving(system, {}).batch_mean == Approx(mean).epsilon(0.02));
}

TEST_CASE("two levels that hardly differ are Poisson", "[chains][serving][bursts]") {
  ServingSystem system = system_of(0.5);
  const ClassAnswer poisson = solve_serving(system, {}).classes.front();
  system.arrivals.bursts = solvers::switched_by_variance(1.0, 1e-6, 0.01);
  const ClassAnswer almost = solve_serving(system, {}).classes.front();
  CHECK(almost.ttft.p50_s == Approx(poisson.ttft.p50_s).epsilon(0.005));
  CHECK(almost.ttft.p99_s == Approx(poisson.ttft.p99_s).epsilon(0.01));
  CHECK(almost.tpot.p50_s == Approx(poisson.tpot.p50_s).epsilon(0.01));
  CHECK(almost.tpot.p99_s == Approx(poisson.tpot.p99_s).epsilon(0.03));
}

TEST_CASE("bursts behind full slots: followed for geometric outputs, simulated for others",
          "[chains][serving][bursts]") {
  ServingSystem system = system_of(0.9);
  system.arrivals.scv = 4.0;
  system.arrivals.bursts = solvers::switched_by_dispersion(1.0, 4.0, 16.0);
  CHECK(solve_serving(system, {}).out_of_range.empty());
  system.classes.front().output = TokenLaw(TokenCount{256, 0});
  CHECK_FALSE(solve_serving(system, {}).out_of_range.empty());
}
