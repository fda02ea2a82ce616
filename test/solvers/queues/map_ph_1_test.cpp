// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/map_ph_1.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "solvers/numerics/confidence.h"
#include "solvers/numerics/root_finding.h"
#include "solvers/phase_type/phase_type_curve.h"
#include "solvers/phase_type/phase_type_fit.h"
#include "solvers/phase_type/phase_type_sampler.h"
#include "solvers/queues/queues.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

MarkovianArrivals bursty(double rate_per_s) {
  Matrix change(2, 2);
  change << 0.0, 0.05, 0.2, 0.0;
  const MarkovianArrivals shape = switched_poisson_arrivals(change, (Vector(2) << 1.0, 8.0).finished());
  return faster(shape, rate_per_s / shape.rate_per_s());
}

// P(W > t) estimated by batches of Lindley's recursion W' = max(0, W + S - T); shares no formula with the solver.
struct SimulatedWait {
  Estimate mean_s, beyond;
};

SimulatedWait simulate_wait(const MarkovianArrivals& arrivals, const PhaseType& service, double threshold_s) {
  RandomSource random(7);
  ArrivalSampler arrival(arrivals, random);
  PhaseTypeSampler duration(service);
  std::vector<double> means, beyond;
  double wait_s = 0.0;
  for (int batch = 0; batch < 41; ++batch) {
    double sum = 0.0, late = 0.0;
    for (int i = 0; i < 40'000; ++i) {
      wait_s = std::max(0.0, wait_s + duration(random) - arrival(random));
      sum += wait_s;
      late += wait_s > threshold_s ? 1.0 : 0.0;
    }
    if (batch == 0) continue;  // warm-up
    means.push_back(sum / 40'000);
    beyond.push_back(late / 40'000);
  }
  return {mean_estimate(means, 0.9999), mean_estimate(beyond, 0.9999)};
}

}  // namespace

TEST_CASE("MAP/PH/1 with Poisson arrivals and exponential service is M/M/1", "[solvers][map_ph_1]") {
  const double rho = GENERATE(0.1, 0.8, 0.99);
  const MapPh1Queue queue = solve_map_ph_1(poisson_arrivals(2.0 * rho), exponential(2.0));
  REQUIRE(queue.usable());
  const QueueAverages exact = mm1(2.0 * rho, 2.0);
  CHECK(queue.customers == Approx(exact.customers).epsilon(1e-12));
  CHECK(queue.waiting_s == Approx(exact.waiting_s).epsilon(1e-12));
  CHECK(queue.wait_probability == Approx(rho).epsilon(1e-13));
  // Response is exponential with rate mu (1 - rho).
  PhaseTypeCurve response(response_time(queue));
  CHECK(response.survival(3.0) == Approx(std::exp(-2.0 * (1.0 - rho) * 3.0)).epsilon(1e-11));
  CHECK(response.quantile_s(0.99) == Approx(std::log(100.0) / (2.0 * (1.0 - rho))).epsilon(1e-9));
}

TEST_CASE("M/PH/1 is Pollaczek-Khinchine, mean and variance", "[solvers][map_ph_1]") {
  const double scv = GENERATE(0.2, 0.7, 4.0);
  const PhaseType service = fit_phase_type(1.0, scv);
  const MapPh1Queue queue = solve_map_ph_1(poisson_arrivals(0.7), service);
  REQUIRE(queue.usable());
  const GeneralServiceQueue exact = mg1(0.7, service.moments());
  CHECK(queue.waiting_s == Approx(exact.averages.waiting_s).epsilon(1e-11));
  const PhaseType waiting = waiting_time(queue);
  CHECK(waiting.mean_s() == Approx(exact.averages.waiting_s).epsilon(1e-11));
  CHECK(waiting.variance_s2() == Approx(exact.waiting_variance_s2).epsilon(1e-11));
  CHECK(waiting.atom() == Approx(0.3).epsilon(1e-12));
  // The compact form has the same law.
  PhaseTypeCurve long_form(waiting), short_form(mph1_waiting_time(0.7, service));
  CHECK(short_form.duration().phases() == service.phases());
  for (const double t : {0.0, 0.5, 4.0, 30.0})
    CHECK(long_form.survival(t) == Approx(short_form.survival(t)).epsilon(1e-10));
}

TEST_CASE("PH/M/1: waiting is exponential with the root of the arrival transform", "[solvers][map_ph_1]") {
  // sigma = E[exp(-mu (1 - sigma) T)], T = Erlang(4, 2.8): Kleinrock, Queueing Systems I, chapter 6.
  const double mu = 1.0, rate = 2.8;
  const MapPh1Queue queue = solve_map_ph_1(renewal_arrivals(erlang(4, rate)), exponential(mu));
  REQUIRE(queue.usable());
  const double sigma =
      find_root([&](double s) { return std::pow(rate / (rate + mu * (1.0 - s)), 4) - s; }, 0.0, 0.95, 1e-15);
  CHECK(queue.wait_probability == Approx(sigma).epsilon(1e-12));
  CHECK(queue.waiting_s == Approx(sigma / (mu * (1.0 - sigma))).epsilon(1e-12));
  PhaseTypeCurve waiting(waiting_time(queue));
  CHECK(waiting.survival(5.0) == Approx(sigma * std::exp(-mu * (1.0 - sigma) * 5.0)).epsilon(1e-11));
}

TEST_CASE("Correlated arrivals and phase-type service against simulation", "[solvers][map_ph_1]") {
  const MarkovianArrivals arrivals = bursty(0.6);
  const PhaseType service = fit_phase_type(1.0, 0.4);
  const MapPh1Queue queue = solve_map_ph_1(arrivals, service);
  REQUIRE(queue.usable());
  const PhaseType waiting = waiting_time(queue);
  // Little's law and the law of the wait are two computations.
  CHECK(waiting.mean_s() == Approx(queue.waiting_s).epsilon(1e-10));
  CHECK(1.0 - waiting.atom() == Approx(queue.wait_probability).epsilon(1e-11));
  CHECK(response_time(queue).mean_s() == Approx(queue.response_s).epsilon(1e-10));
  PhaseTypeCurve curve(waiting);
  const double p90 = curve.quantile_s(0.9);
  const SimulatedWait simulated = simulate_wait(arrivals, service, p90);
  CHECK(simulated.mean_s.contains(queue.waiting_s));
  CHECK(simulated.beyond.contains(0.1));
  CHECK(simulated.mean_s.high - simulated.mean_s.low < 0.35 * queue.waiting_s);
  // Bursts cost: independent arrivals of the same scv wait less.
  CHECK(queue.waiting_s > 1.5 * solve_map_ph_1(renewal_arrivals(arrivals.interarrival_time()), service).waiting_s);
}

TEST_CASE("A large room is an endless one; a small one is M/M/1/K", "[solvers][map_ph_1]") {
  const FiniteMapPh1Queue small = solve_map_ph_1_k(poisson_arrivals(1.3), exponential(1.0), 5);
  const FiniteQueue exact = mmck(1.3, 1.0, 1, 5);
  REQUIRE(small.usable());
  CHECK(small.blocking_probability == Approx(exact.blocking_probability).epsilon(1e-13));
  CHECK(small.customers == Approx(exact.averages.customers).epsilon(1e-13));
  CHECK(small.throughput_per_s == Approx(exact.throughput_per_s).epsilon(1e-13));
  const PhaseType service = fit_phase_type(1.0, 2.0);
  const FiniteMapPh1Queue large = solve_map_ph_1_k(bursty(0.5), service, 2000);
  CHECK(large.customers == Approx(solve_map_ph_1(bursty(0.5), service).customers).epsilon(1e-10));
  CHECK(large.throughput_per_s == Approx(0.5).epsilon(1e-12));
  // What is not lost is served.
  const FiniteMapPh1Queue lossy = solve_map_ph_1_k(bursty(0.9), service, 3);
  CHECK(lossy.throughput_per_s == Approx(0.9 * (1.0 - lossy.blocking_probability)).epsilon(1e-12));
  CHECK(lossy.blocking_probability > lossy.levels.probability.back().sum());
}

TEST_CASE("Impossible queues are refused", "[solvers][map_ph_1]") {
  CHECK_THROWS_WITH(solve_map_ph_1(poisson_arrivals(50.0), exponential(41.0)),
                    "unstable: arrival_rate 50 /s, capacity 41 /s");
  CHECK_THROWS_WITH(solve_map_ph_1(poisson_arrivals(0.5), shifted(exponential(2.0), 0.25)),
                    "service with a floor of 0.25 s, expected phases only");
  CHECK_THROWS_WITH(solve_map_ph_1_k(poisson_arrivals(0.5), exponential(2.0), 0), "capacity 0, expected at least 1");
  CHECK_THROWS_WITH(mph1_waiting_time(-1.0, exponential(2.0)), "arrival rate -1, expected > 0");
}
