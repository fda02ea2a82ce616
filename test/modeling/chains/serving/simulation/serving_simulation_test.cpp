// SPDX-License-Identifier: Apache-2.0
// The event simulation against closed forms and hand-made schedules.
#include "modeling/chains/serving/simulation/simulation.h"

#include <cmath>

#include "test/catch.h"
#include "test/modeling/chains/serving_cases.h"

using namespace windtunnel::modeling;

namespace {

ServingSystem one_class(const TokenCount& prompt, const TokenCount& output, const IterationTime& time) {
  ServingSystem system;
  system.classes = {{"all", 1.0, TokenLaw(prompt), TokenLaw(output)}};
  system.pool.time = time;
  return system;
}

}  // namespace

TEST_CASE("one request alone is prefilled once and decoded token by token", "[chains][serving][simulation]") {
  // TTFT = base + 100 prompt tokens, TPOT = base + one sequence; e2e = TTFT + 9 TPOT.
  ServingSystem system = one_class({100, 0}, {10, 0}, linear(0.010, 0.001, 0.0001));
  system.arrivals = {.kind = ArrivalLaw::Kind::kClosed, .concurrency = 1};
  system.pool.rules.scheduler = GENERATE(BatchScheduler::kChunkedPrefill, BatchScheduler::kPrefillFirst);
  const SimulationResult result = simulate_serving(system, {}, {.requests = 200});
  const ClassEstimates& all = result.classes.front();
  CHECK(all.ttft.mean.value == Approx(0.020).epsilon(1e-9));
  CHECK(all.tpot.p99.value == Approx(0.011).epsilon(1e-9));
  CHECK(all.e2e.mean.value == Approx(0.020 + 9 * 0.011).epsilon(1e-9));
  CHECK(result.requests_per_s.value == Approx(1.0 / (0.020 + 9 * 0.011)).epsilon(1e-9));
  // Decoding 9 of 10 iterations' time share.
  CHECK(result.batch_mean.value == Approx(9 * 0.011 / (0.020 + 9 * 0.011)).epsilon(1e-9));
}

TEST_CASE("an arrival looks in at the next boundary of a run of decodes", "[chains][serving][simulation]") {
  // The first decodes at 31, 42, 53 ms; the second, come at 50 ms, shares the iteration that starts at 53 ms and takes
  // 10 + 1 + 10 ms: its first token is out at 74 ms.
  ServingSystem system = one_class({100, 0}, {100, 0}, linear(0.010, 0.001, 0.0001));
  system.arrivals.kind = ArrivalLaw::Kind::kTrace;
  system.arrivals.trace =
      std::make_shared<const std::vector<TracedRequest>>(std::vector<TracedRequest>{{0.0, 100, 100}, {0.050, 100, 2}});
  const SimulationResult result = simulate_serving(system, {}, {.requests = 40});
  CHECK(result.classes.front().ttft.mean.value == Approx(0.5 * (0.020 + 0.024)).epsilon(1e-9));
}

TEST_CASE("unlimited prompts of a run that ends are all there at its start", "[chains][serving][simulation]") {
  // One slot: three requests of 119 ms one after the other.
  ServingSystem system = one_class({100, 0}, {10, 0}, linear(0.010, 0.001, 0.0001));
  system.arrivals = {.kind = ArrivalLaw::Kind::kUnlimited};
  system.pool.rules.max_batch = 1;
  system.requests = 3;
  const SimulationResult result = simulate_serving(system, {}, {.requests = 40});
  CHECK(result.classes.front().ttft.mean.value == Approx(0.020 + 0.119).epsilon(1e-9));
}

TEST_CASE("a prompt longer than the budget takes ceil(prompt / budget) chunks", "[chains][serving][simulation]") {
  ServingSystem system = one_class({1000, 0}, {1, 0}, linear(0.010, 0.0, 0.0));
  system.arrivals = {.kind = ArrivalLaw::Kind::kClosed, .concurrency = 1};
  system.pool.rules.max_batched_tokens = 300;
  const SimulationResult result = simulate_serving(system, {}, {.requests = 100});
  CHECK(result.classes.front().ttft.mean.value == Approx(0.040).epsilon(1e-9));
  // One output token: no time between tokens.
  CHECK(std::isnan(result.classes.front().tpot.mean.value));
}

TEST_CASE("one slot with geometric outputs is the queue M/M/1", "[chains][serving][simulation]") {
  // Service: a geometric number of iterations of 10 ms, mean 1 s; wait rho s / (1 - rho) (1 + scv) / 2, scv = 0.99.
  ServingSystem system = one_class({1, 0}, {100, 1}, linear(0.010, 0.0, 0.0));
  system.arrivals = {.rate_per_s = 0.5};
  system.pool.rules.max_batch = 1;
  const SimulationResult result = simulate_serving(system, {}, {.requests = 40'000, .seed = 2, .confidence = 0.999});
  const double wait_s = 0.5 / 0.5 * (1.0 + 0.99) / 2.0;
  CHECK(result.classes.front().ttft.mean.contains(wait_s + 0.010));
  CHECK(result.utilization_ratio.contains(0.5));
}

TEST_CASE("reserve never preempts, preempt holds the cache fuller", "[chains][serving][simulation]") {
  ServingSystem system = one_class({100, 0}, {100, 1}, linear(0.010, 0.0, 0.00001));
  system.arrivals = {.kind = ArrivalLaw::Kind::kUnlimited};
  system.pool.rules.max_batch = 64;
  system.pool.rules.kv_capacity_tokens = 600;
  const SimulationResult preempt = simulate_serving(system, {}, {.requests = 4000});
  system.pool.rules.kv_policy = KvPolicy::kReserve;
  const SimulationResult reserve = simulate_serving(system, {}, {.requests = 4000});
  CHECK(reserve.preemptions_per_request == 0.0);
  CHECK(preempt.preemptions_per_request > 0.0);
  CHECK(reserve.cached_tokens_mean.value < preempt.cached_tokens_mean.value);
  CHECK(preempt.cached_tokens_mean.value <= 600.0 * 1.01);
  // A request that can never fit is refused.
  CHECK(preempt.blocking_probability > 0.0);
}

TEST_CASE("drafts that are always accepted divide the iterations", "[chains][serving][simulation]") {
  ServingSystem system = one_class({10, 0}, {13, 0}, linear(0.010, 0.0, 0.0));
  system.arrivals = {.kind = ArrivalLaw::Kind::kClosed, .concurrency = 1};
  system.pool.rules.speculative = Speculative{.tokens = 3, .acceptance_ratio = 1.0};
  const SimulationResult result = simulate_serving(system, {}, {.requests = 100});
  // 12 tokens in 3 iterations of 4.
  CHECK(result.classes.front().tpot.mean.value == Approx(0.030 / 12).epsilon(1e-9));
  CHECK(tokens_per_iteration(system.pool.rules) == Approx(4.0));
}

TEST_CASE("the shortest queue waits less than a random one", "[chains][serving][simulation]") {
  ServingSystem system = one_class({1, 0}, {50, 1}, linear(0.010, 0.0, 0.0));
  system.arrivals = {.rate_per_s = 6.0};
  system.pool.rules.max_batch = 1;
  system.pool.replicas = 4;
  const SimulationResult random = simulate_serving(system, {}, {.requests = 20'000});
  system.balancer = LoadBalancer::kShortestQueue;
  const SimulationResult shortest = simulate_serving(system, {}, {.requests = 20'000});
  CHECK(shortest.classes.front().ttft.mean.value < 0.6 * random.classes.front().ttft.mean.value);
}

TEST_CASE("token laws keep their mean and scv", "[chains][serving]") {
  CHECK(TokenLaw({921.6, 0}).mean() == 922);
  CHECK(TokenLaw({100, 1}).scv() == Approx(1 - 1.0 / 100));
  const double scv = GENERATE(0.25, 4.0);
  const TokenLaw law({200, scv});
  CHECK(law.mean() == Approx(200).epsilon(0.01));
  CHECK(law.scv() == Approx(scv).epsilon(0.02));
  windtunnel::solvers::RandomSource random(7);
  double sum = 0.0;
  for (int i = 0; i < 100'000; ++i) sum += static_cast<double>(law.sample(random));
  // Four standard errors.
  CHECK(std::abs(sum / 100'000 - law.mean()) < 4 * std::sqrt(law.variance() / 100'000));
  CHECK(law.quantile(0.5) >= 1);
  CHECK(1.0 - law.survival(law.quantile(0.99)) >= 0.99);
}
