// SPDX-License-Identifier: Apache-2.0
// Priorities between classes: hand-made schedules, the textbook's means, and chains against the event simulation.
#include <fmt/format.h>

#include <cmath>

#include "modeling/chains/serving/engine/batching_engine.h"
#include "modeling/chains/serving/fleet/serving_chain.h"
#include "modeling/chains/serving/replica/priority_wait.h"
#include "test/catch.h"
#include "test/modeling/chains/serving_cases.h"

using namespace windtunnel::modeling;

namespace {

/// Two classes, the first served first.
ServingSystem two_classes(const TokenCount& first, const TokenCount& second, double share, Count max_batch) {
  ServingSystem system;
  system.classes = {{"first", share, TokenLaw({1, 0}), TokenLaw(first), 0},
                    {"second", 1.0 - share, TokenLaw({1, 0}), TokenLaw(second), 1}};
  system.pool.time = linear(0.001, 0.0, 0.0);
  system.pool.rules.max_batch = max_batch;
  return system;
}

/// P(all servers busy) in M/M/c with `offered` erlangs (Erlang C).
double erlang_c(int servers, double offered) {
  double blocking = 1.0;
  for (int n = 1; n <= servers; ++n) blocking = offered * blocking / (n + offered * blocking);
  return blocking / (1.0 - offered / servers * (1.0 - blocking));
}

}  // namespace

TEST_CASE("the wait of a priority has Cobham's mean", "[chains][serving][priority]") {
  // Cobham, Operations Research 2, 1954: given a wait, 1 / (mu (1 - before) (1 - up_to)).
  const PriorityLoad load = GENERATE(PriorityLoad{0.0, 0.3}, PriorityLoad{0.1, 0.9}, PriorityLoad{0.3, 0.9},
                                     PriorityLoad{0.81, 0.9}, PriorityLoad{0.5, 0.55}, PriorityLoad{0.9, 0.95});
  INFO(load.before << " " << load.up_to);
  const ExponentialMixture law = priority_wait(2.0, load);
  double weight = 0.0;
  for (const ExponentialPart& part : law) weight += part.weight;
  CHECK(weight == Approx(1.0).epsilon(1e-12));
  CHECK(mean_s(law) == Approx(0.5 / (1.0 - load.before) / (1.0 - load.up_to)).epsilon(2e-4));
  double cells = 0.0, mean = 0.0;
  for (const WaitCell& cell : wait_cells(law)) {
    cells += cell.weight;
    mean += cell.weight * cell.wait_s;
  }
  CHECK(cells == Approx(1.0).epsilon(1e-12));
  CHECK(mean == Approx(mean_s(law)).epsilon(1e-9));
}

TEST_CASE("the wait of a priority has the variance of stretched departures", "[chains][serving][priority]") {
  // What is ahead, V, is exponential of rate mu (1 - up_to); each second of it is stretched by the busy periods that
  // start in it: E[W^2] = E[V^2] / (1 - b)^2 + E[V] lambda E[B^2], with lambda = b mu and E[B^2] = 2 / mu^2 / (1 -
  // b)^3.
  const double mu = 1.0, before = 0.4, up_to = 0.7;
  const double v = 1.0 / (mu * (1.0 - up_to));
  const double expected = 2.0 * v * v / std::pow(1.0 - before, 2) + v * before * 2.0 / std::pow(1.0 - before, 3);
  double square = 0.0;
  for (const ExponentialPart& part : priority_wait(mu, {before, up_to}))
    square += 2.0 * part.weight / (part.rate_per_s * part.rate_per_s);
  CHECK(square == Approx(expected).epsilon(1e-9));
}

TEST_CASE("several slots at a fixed pace and two priorities: Cobham's means", "[chains][serving][priority]") {
  // M/M/4, mean service 1 s: W_k = C / (c mu (1 - sigma_{k-1}) (1 - sigma_k)).
  const double share = GENERATE(0.25, 0.6), load = 0.8;
  ServingSystem system = two_classes({1000, 1}, {1000, 1}, share, 4);
  system.arrivals.rate_per_s = load * 4.0;
  const ServingAnswer answer = solve_serving(system, {});
  const double wait = erlang_c(4, load * 4.0) / 4.0, first = share * load;
  CHECK(answer.classes[1].ttft.mean_s == Approx(wait / (1.0 - first)).epsilon(0.02));
  CHECK(answer.classes[2].ttft.mean_s == Approx(wait / (1.0 - first) / (1.0 - load)).epsilon(0.02));
}

TEST_CASE("simulated priorities on four slots have Cobham's means", "[chains][serving][priority][simulation]") {
  ServingSystem system = two_classes({100, 1}, {100, 1}, 0.5, 4);
  system.pool.time = linear(0.010, 0.0, 0.0);
  system.arrivals.rate_per_s = 0.8 * 4.0;
  const SimulationResult result = simulate_serving(system, {}, {.requests = 200'000, .seed = 3, .confidence = 0.999});
  // Half an iteration to the next boundary, and one for the prompt; a slot is freed at boundaries already.
  const double wait = erlang_c(4, 3.2) / 4.0;
  check_close("first", wait / 0.6 + 0.015, result.classes[1].ttft.mean, 0.01);
  check_close("second", wait / 0.6 / 0.2 + 0.015, result.classes[2].ttft.mean, 0.01);
}

TEST_CASE("a smaller priority takes the slot that is freed, no slot is taken away", "[chains][serving][priority]") {
  // One slot. "long" holds it for 20 + 9 x 11 = 119 ms. The second "long" comes at 1 ms, "short" at 2 ms; served first
  // it has its token at 139 ms, two tokens at 150 ms; the second "long" at 170 ms.
  ServingSystem system;
  system.classes = {{"long", 0.5, TokenLaw({100, 0}), TokenLaw({10, 0}), 5},
                    {"short", 0.5, TokenLaw({100, 0}), TokenLaw({2, 0}), -1}};
  BatchRules rules{.max_batch = 1};
  const IterationTime time = linear(0.010, 0.001, 0.0001);
  windtunnel::solvers::RandomSource random(1);
  ServingEngine engine(rules, time, random);
  const auto request = [](int priority, Count output) {
    return LiveRequest{.priority = priority, .prompt_tokens = 100, .output_tokens = output, .to_prefill = 100};
  };
  engine.submit(request(5, 10), 0.0);
  engine.submit(request(5, 10), 0.001);
  engine.submit(request(-1, 2), 0.002);
  std::vector<double> first_token_s;
  while (engine.is_busy())
    engine.advance([&](const LiveRequest& done, double) { first_token_s.push_back(done.first_token_s); });
  REQUIRE(first_token_s.size() == 3);
  CHECK(first_token_s[0] == Approx(0.020));
  CHECK(first_token_s[1] == Approx(0.139));
  CHECK(first_token_s[2] == Approx(0.170));
}

TEST_CASE("a full cache takes the pages of the largest priority first", "[chains][serving][priority]") {
  // Three sequences of 100 prompt tokens and room for 320: the first to lose its pages is the one of priority 2, though
  // that of priority 1 is younger; it ends last.
  BatchRules rules{.kv_capacity_tokens = 320.0};
  const IterationTime time = linear(0.010, 0.0, 0.0);
  windtunnel::solvers::RandomSource random(1);
  ServingEngine engine(rules, time, random);
  for (const int priority : {1, 2, 1})
    engine.submit(
        {.request_class = priority, .priority = priority, .prompt_tokens = 100, .output_tokens = 50, .to_prefill = 100},
        0.0);
  std::vector<int> order;
  while (engine.is_busy()) engine.advance([&](const LiveRequest& done, double) { order.push_back(done.priority); });
  CHECK(order == std::vector<int>{1, 1, 2});
  CHECK(engine.preemptions() > 0);
}

TEST_CASE("priorities: chains agree with the simulation", "[chains][serving][priority]") {
  // Short questions before long generations, slots waited for by up to half of the requests.
  const Count max_batch = GENERATE(8, 32, 256);
  const double load = GENERATE(0.5, 0.8);
  INFO("max_batch " << max_batch << ", load " << load);
  ServingSystem system = two_classes({128, 1}, {256, 1}, 0.6, max_batch);
  system.classes[0].prompt = system.classes[1].prompt = TokenLaw({512, 0});
  system.pool.time = usual_clock();
  system.pool.rules.scheduler = GENERATE(BatchScheduler::kChunkedPrefill, BatchScheduler::kPrefillFirst);
  system.arrivals.rate_per_s = load * serving_capacity_per_s(system);
  const ServingAnswer chain = solve_serving(system, {});
  REQUIRE(chain.out_of_range.empty());
  const SimulationResult simulated = simulate_serving(system, {}, {.requests = 200'000, .seed = 4, .confidence = 0.99});
  for (std::size_t i = 1; i < 3; ++i) {
    INFO(chain.classes[i].name);
    check_close("ttft_p50_s", chain.classes[i].ttft.p50_s, simulated.classes[i].ttft.p50, 0.05);
    check_close("ttft_p99_s", chain.classes[i].ttft.p99_s, simulated.classes[i].ttft.p99, 0.10);
    check_close("tpot_p99_s", chain.classes[i].tpot.p99_s, simulated.classes[i].tpot.p99, 0.03);
  }
}

TEST_CASE("three priorities: chains agree with the simulation", "[chains][serving][priority]") {
  ServingSystem system;
  system.classes = {{"a", 0.5, TokenLaw({256, 0}), TokenLaw({100, 1}), 0},
                    {"b", 0.3, TokenLaw({256, 0}), TokenLaw({200, 1}), 1},
                    {"c", 0.2, TokenLaw({256, 0}), TokenLaw({300, 1}), 2}};
  system.pool.time = usual_clock();
  system.pool.rules.max_batch = 16;
  system.arrivals.rate_per_s = 0.85 * serving_capacity_per_s(system);
  const ServingAnswer chain = solve_serving(system, {});
  REQUIRE(chain.out_of_range.empty());
  const SimulationResult simulated = simulate_serving(system, {}, {.requests = 300'000, .seed = 6, .confidence = 0.99});
  for (std::size_t i = 1; i < 4; ++i) {
    INFO(chain.classes[i].name);
    check_close("ttft_mean_s", chain.classes[i].ttft.mean_s, simulated.classes[i].ttft.mean, 0.20);
    check_close("ttft_p99_s", chain.classes[i].ttft.p99_s, simulated.classes[i].ttft.p99, 0.10);
  }
}

TEST_CASE("priorities that the queue for a slot does not tell are out of range", "[chains][serving][priority]") {
  const auto reason = [](const TokenCount& first, const TokenCount& second, double load) {
    ServingSystem system = two_classes(first, second, 0.5, 8);
    system.arrivals.rate_per_s = load * serving_capacity_per_s(system);
    return solve_serving(system, {}).out_of_range;
  };
  CHECK(reason({500, 1}, {500, 1}, 0.8).empty());
  CHECK(reason({800, 1}, {400, 1}, 0.8).find("longer outputs first") != std::string::npos);
  CHECK(reason({500, 0}, {500, 0}, 0.8).find("outputs of scv") != std::string::npos);
  // Nobody waits: nothing is rearranged.
  CHECK(reason({800, 1}, {400, 1}, 0.05).empty());
}

TEST_CASE("priorities in closed loops and separate pools are left to the simulation", "[chains][serving][priority]") {
  ServingSystem system = two_classes({100, 1}, {100, 1}, 0.5, 8);
  system.arrivals = {.kind = ArrivalLaw::Kind::kClosed, .concurrency = 8};
  CHECK(solve_serving(system, {}).out_of_range.empty());
  system.arrivals.concurrency = 12;
  CHECK(solve_serving(system, {}).out_of_range.find("priorities") == 0);
  system.arrivals = {.rate_per_s = 1.0};
  system.prefill = system.pool;
  CHECK(not_covered_by_chains(system) == "priorities over prefill and decode replicas");
}
