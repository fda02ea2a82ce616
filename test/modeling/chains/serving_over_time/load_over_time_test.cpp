// SPDX-License-Identifier: Apache-2.0
// A changing load: the chain against the event simulation of the same episode, and at rest against the long run.
#include "modeling/chains/serving_over_time/latencies.h"

#include <fmt/format.h>

#include <cmath>

#include "modeling/chains/serving/fleet/serving_chain.h"
#include "modeling/chains/serving/replica/departure_wait.h"
#include "modeling/chains/serving_over_time/autoscaler.h"
#include "modeling/chains/serving_over_time/simulation.h"
#include "test/catch.h"
#include "test/modeling/chains/serving_cases.h"

using namespace windtunnel::modeling;

namespace {

ServingSystem replicas_at(double load, Count replicas, LoadBalancer balancer) {
  ServingSystem system;
  system.classes = {{"all", 1.0, TokenLaw({1024, 0}), TokenLaw({256, 1})}};
  system.pool.replicas = replicas;
  system.pool.time = usual_clock();
  system.balancer = balancer;
  system.arrivals.rate_per_s = load * serving_capacity_per_s(system);
  return system;
}

/// Means over stretches of ten windows; `value` of one point.
template <typename Value>
std::vector<double> stretches(const LoadAnswer& answer, const Value& value) {
  constexpr int kStretch = 10;
  std::vector<double> means(kLoadWindows / kStretch, 0.0);
  for (std::size_t i = 0; i < answer.points.size(); ++i) means[i / kStretch] += value(answer.points[i]) / kStretch;
  return means;
}

template <typename Value>
void check_stretches(const std::string& name, const LoadAnswer& chain, const LoadAnswer& simulated, double tolerance,
                     double margin, const Value& value) {
  const std::vector<double> ours = stretches(chain, value), theirs = stretches(simulated, value);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    INFO(fmt::format("{} in stretch {}: chain {}, simulation {}", name, i, ours[i], theirs[i]));
    CHECK(std::abs(ours[i] - theirs[i]) <= tolerance * theirs[i] + margin);
  }
}

template <typename Value>
double largest(const LoadAnswer& answer, const Value& value) {
  double most = 0.0;
  for (const LoadPoint& point : answer.points) most = std::max(most, value(point));
  return most;
}

struct Tolerance {
  double present = 0.1;
  /// Of the largest TTFT p99, on top of 15 %.
  double peak_s = 0.3;
  Count requests = 200'000;
};

/// The ranges of docs/serving_over_time.md.
void check_against_simulation(const ServingSystem& system, const LoadEpisode& episode, const Tolerance& tolerance) {
  const RequestLimits limits{.ttft_s = 1.0};
  REQUIRE(not_covered_over_time(system, episode).empty());
  const LoadAnswer chain = follow_load(system, episode, limits);
  const LoadAnswer simulated = simulate_load(system, episode, limits, {.requests = tolerance.requests, .seed = 7});
  const auto ttft_p50_s = [](const LoadPoint& one) { return one.classes.front().ttft.p50_s; };
  const auto ttft_p99_s = [](const LoadPoint& one) { return one.classes.front().ttft.p99_s; };
  check_stretches("present", chain, simulated, tolerance.present, 2.0,
                  [](const LoadPoint& one) { return one.present; });
  check_stretches("replicas", chain, simulated, 0.06, 0.35, [](const LoadPoint& one) { return one.replicas; });
  // While a queue is worked off, a small error of its length is a shift in time.
  check_stretches("ttft_p50", chain, simulated, 0.15, 0.05 + 0.15 * largest(simulated, ttft_p50_s), ttft_p50_s);
  check_stretches("tpot_mean", chain, simulated, 0.16, 0.0,
                  [](const LoadPoint& one) { return one.classes.front().tpot.mean_s; });
  check_stretches("met", chain, simulated, 0.0, 0.3,
                  [](const LoadPoint& one) { return one.classes.front().met_ratio; });
  CHECK(largest(chain, ttft_p99_s) == Approx(largest(simulated, ttft_p99_s)).epsilon(0.15).margin(tolerance.peak_s));
}

Transient within(double horizon_s) {
  return {.horizon_s = horizon_s};
}

}  // namespace

TEST_CASE("a load curve has straight lines and repeats, a burst multiplies it", "[chains][load]") {
  Transient transient = within(100.0);
  transient.load_curve = LoadCurve{100.0, {{20.0, 1.0}, {60.0, 3.0}}};
  CHECK(arrival_factor(transient, 20.0) == Approx(1.0));
  CHECK(arrival_factor(transient, 50.0) == Approx(2.5));
  // From 60 over the end of the period to 120: 3 down to 1.
  CHECK(arrival_factor(transient, 90.0) == Approx(2.0));
  CHECK(arrival_factor(transient, 0.0) == Approx(1.0 + 2.0 / 3.0));
  CHECK(arrival_factor(transient, -80.0) == Approx(1.0));
  transient.burst = Burst{50.0, 10.0, 4.0};
  CHECK(arrival_factor(transient, 50.0) == Approx(10.0));
  CHECK(arrival_factor(transient, 60.0) == Approx(3.0));
  // The burst happens once, not before the episode.
  CHECK(arrival_factor(transient, -50.0) == Approx(2.5));
  CHECK(jump_times_s(transient) == std::vector<double>{50.0, 60.0});
}

TEST_CASE("an undisturbed load stays as the long run is", "[chains][load]") {
  const LoadBalancer balancer = LoadBalancer::kRandom;
  const double load = GENERATE(0.3, 0.7);
  const ServingSystem system = replicas_at(load, 3, balancer);
  const ClassAnswer at_rest = solve_serving(system, {}).classes.front();
  const LoadAnswer answer = follow_load(system, {.transient = within(60.0)}, {});
  for (const std::size_t i : {0, 60, 119}) {
    const ClassAnswer& then = answer.points[i].classes.front();
    CHECK(then.ttft.p50_s == Approx(at_rest.ttft.p50_s).epsilon(0.02));
    CHECK(then.ttft.p99_s == Approx(at_rest.ttft.p99_s).epsilon(0.05));
    CHECK(then.tpot.mean_s == Approx(at_rest.tpot.mean_s).epsilon(0.02));
    CHECK(then.tpot.p99_s == Approx(at_rest.tpot.p99_s).epsilon(0.05));
    CHECK(then.e2e.p50_s == Approx(at_rest.e2e.p50_s).epsilon(0.03));
  }
}

TEST_CASE("a burst: the chain agrees with the simulation", "[chains][load]") {
  const auto balancer = GENERATE(LoadBalancer::kRandom, LoadBalancer::kShortestQueue);
  LoadEpisode episode{.transient = within(240.0)};
  episode.transient.burst = Burst{30.0, 30.0, 2.5};
  check_against_simulation(replicas_at(0.6, 2, balancer), episode, {});
}

TEST_CASE("lost replicas: the chain agrees with the simulation", "[chains][load]") {
  const auto balancer = GENERATE(LoadBalancer::kRandom, LoadBalancer::kShortestQueue);
  const double load = GENERATE(0.6, 0.85);
  INFO("load " << load);
  LoadEpisode episode{.transient = within(240.0)};
  episode.transient.replica_failure = ReplicaFailure{30.0, 60.0, 1};
  // What is prefilled anew keeps those waiting who come just then.
  check_against_simulation(replicas_at(load, 4, balancer), episode, {.present = 0.12, .peak_s = 1.0});
}

TEST_CASE("with no replica left everybody waits for their return", "[chains][load]") {
  LoadEpisode episode{.transient = within(120.0)};
  episode.transient.replica_failure = ReplicaFailure{30.0, 20.0, 2};
  const ServingSystem system = replicas_at(0.3, 2, LoadBalancer::kShortestQueue);
  const LoadAnswer answer = follow_load(system, episode, {});
  // In the middle of the outage: ten seconds to go, and then those ahead.
  const LoadPoint& point = answer.points[40];
  CHECK(point.replicas == 0.0);
  CHECK(point.classes.front().ttft.p50_s > 9.0);
  CHECK(point.waiting == Approx(point.present));
}

TEST_CASE("an autoscaler that follows a load that rises and falls: the chain agrees with the simulation",
          "[chains][load]") {
  const ServingSystem system = replicas_at(0.5, 4, LoadBalancer::kShortestQueue);
  LoadEpisode episode{.scaling = Autoscaling{.min_replicas = 1,
                                             .requests_per_replica = 125.0,
                                             .interval_s = 15.0,
                                             .start_time = {60.0, 0.0},
                                             .stop_delay_s = 120.0}};
  episode.transient = within(7200.0);
  episode.transient.load_curve = LoadCurve{7200.0, {{0.0, 0.2}, {3600.0, 1.3}}};
  check_against_simulation(system, episode, {.present = 0.15, .requests = 800'000});
}

TEST_CASE("the schedule starts after the start time and stops after the stop delay", "[chains][load]") {
  const Autoscaling scaling{.min_replicas = 1,
                            .requests_per_replica = 10.0,
                            .interval_s = 5.0,
                            .start_time = {30.0, 0.0},
                            .stop_delay_s = 60.0};
  ScalingSchedule schedule(scaling, 4, 0.0, 1e6);
  const auto run_until = [&](double time_s, double present) {
    while (schedule.next_event_s() <= time_s) schedule.pass_event(present, 0.0);
  };
  // First look at 2.5 s: 35 requests want 4 replicas, three more, 30 s later.
  run_until(32.0, 35.0);
  CHECK(schedule.serving() == 1);
  run_until(32.5, 35.0);
  CHECK(schedule.serving() == 4);
  // Wanted last at 97.5 s.
  run_until(100.0, 35.0);
  run_until(157.5, 12.0);
  CHECK(schedule.serving() == 4);
  run_until(163.0, 12.0);
  CHECK(schedule.serving() == 2);
}

TEST_CASE("what the chain of a changing load does not cover has a name", "[chains][load]") {
  LoadEpisode episode{.transient = within(60.0)};
  ServingSystem system = replicas_at(0.5, 2, LoadBalancer::kRoundRobin);
  CHECK_THAT(not_covered_over_time(system, episode), ContainsSubstring("taking turns"));
  system.balancer = LoadBalancer::kRandom;
  CHECK(not_covered_over_time(system, episode).empty());
  episode.scaling = Autoscaling{.requests_per_replica = 10.0};
  CHECK_THAT(not_covered_over_time(system, episode), ContainsSubstring("autoscaler behind random placement"));
  system.balancer = LoadBalancer::kShortestQueue;
  CHECK(not_covered_over_time(system, episode).empty());
  episode.transient.burst = Burst{10.0, 10.0, 2.0};
  CHECK_THAT(not_covered_over_time(system, episode), ContainsSubstring("burst beside an autoscaler"));
  system.classes.push_back(system.classes.front());
  system.classes.back().priority = 1;
  CHECK_THAT(not_covered_over_time(system, episode), ContainsSubstring("priorities"));
  system.classes.pop_back();
  system.arrivals.scv = 2.0;
  CHECK_THROWS_AS(simulate_load(system, episode, {}), std::invalid_argument);
}

TEST_CASE("replicas that take turns get every second request each", "[chains][load]") {
  // Two replicas of one slot and constant outputs: in turns half of M/M/1's randomness is gone, at random none of it.
  const auto mean_waiting = [](LoadBalancer balancer) {
    ServingSystem system = replicas_at(0.5, 2, balancer);
    system.classes = {{"all", 1.0, TokenLaw({1, 0}), TokenLaw({100, 0})}};
    system.pool.rules.max_batch = 1;
    system.arrivals.rate_per_s = 0.8 * serving_capacity_per_s(system);
    const LoadAnswer answer =
        simulate_load(system, {.transient = within(400.0), .scaling = {}}, {}, {.requests = 50'000});
    double sum = 0.0;
    for (const LoadPoint& one : answer.points) sum += one.waiting;
    return sum;
  };
  const double random = mean_waiting(LoadBalancer::kRandom), turns = mean_waiting(LoadBalancer::kRoundRobin);
  CHECK(turns < 0.8 * random);
  // Constant services: whose turn it is holds the fewest, nearly always.
  CHECK(mean_waiting(LoadBalancer::kShortestQueue) == Approx(turns).epsilon(0.15));
}

TEST_CASE("departures of a Poisson process take a gamma time", "[chains][load]") {
  const double departures = GENERATE(1.0, 4.0, 200.0);
  double weight = 0.0, mean = 0.0, square = 0.0;
  for (const LatencyLaw::Atom& atom : departure_wait(departures)) {
    weight += atom.weight;
    mean += atom.weight * atom.value_s;
    square += atom.weight * atom.value_s * atom.value_s;
  }
  CHECK(weight == Approx(1.0));
  CHECK(mean == Approx(departures));
  CHECK(square - mean * mean == Approx(departures).epsilon(0.02));
}
