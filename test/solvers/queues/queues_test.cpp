// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/queues.h"

#include <cmath>
#include <numbers>

#include "solvers/phase_type/phase_type.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

TEST_CASE("M/M/1: rho / (1 - rho) customers", "[solvers][queues]") {
  const double rho = GENERATE(1e-6, 0.3, 0.9, 0.999);
  const QueueAverages queue = mm1(4.0 * rho, 4.0);
  CHECK(queue.customers == Approx(rho / (1.0 - rho)).epsilon(1e-12));
  CHECK(queue.response_s == Approx(1.0 / (4.0 - 4.0 * rho)).epsilon(1e-12));
  CHECK(queue.waiting_customers == Approx(rho * rho / (1.0 - rho)).epsilon(1e-12));
  CHECK(queue.wait_probability == Approx(rho).epsilon(1e-12));
}

TEST_CASE("M/M/2: Erlang C is 2 rho^2 / (1 + rho)", "[solvers][queues]") {
  const double rho = GENERATE(0.1, 0.75, 0.99);
  CHECK(erlang_c(2.0 * rho, 2) == Approx(2.0 * rho * rho / (1.0 + rho)).epsilon(1e-13));
  // Mean response of M/M/2: 1 / (mu (1 - rho^2)).
  CHECK(mmc(2.0 * rho, 1.0, 2).response_s == Approx(1.0 / (1.0 - rho * rho)).epsilon(1e-12));
}

TEST_CASE("Erlang B is the sum formula, and the last state of the loss system", "[solvers][queues]") {
  // a^c / c! over sum a^k / k!.
  const double load = GENERATE(0.5, 8.0, 40.0);
  const int servers = 12;
  double term = 1.0, total = 1.0;
  for (int k = 1; k <= servers; ++k) term *= load / k, total += term;
  CHECK(erlang_b(load, servers) == Approx(term / total).epsilon(1e-13));
  CHECK(mmck(load, 1.0, servers, servers).blocking_probability == Approx(term / total).epsilon(1e-12));
  // Large systems neither overflow nor underflow: at a load of n on n servers, sqrt(2 / (pi n)) to order 1 / n.
  CHECK(erlang_b(1e5, 100'000) == Approx(std::sqrt(2.0 / (std::numbers::pi * 1e5))).epsilon(5e-3));
}

TEST_CASE("M/M/1/K is a truncated geometric distribution", "[solvers][queues]") {
  const double rho = GENERATE(0.1, 0.99, 1.5);
  const int capacity = 20;
  const FiniteQueue queue = mmck(rho, 1.0, 1, capacity);
  for (int n = 0; n <= capacity; ++n) {
    const double expected = std::pow(rho, n) * (1.0 - rho) / (1.0 - std::pow(rho, capacity + 1));
    CHECK(queue.probability(n) == Approx(expected).epsilon(1e-12));
  }
  // What enters is served: the server is busy for throughput / service rate of the time.
  CHECK(queue.throughput_per_s == Approx(1.0 - queue.probability(0)).epsilon(1e-12));
  CHECK(queue.averages.customers ==
        Approx(queue.probability.dot(Vector::LinSpaced(capacity + 1, 0, capacity))).epsilon(1e-12));
}

TEST_CASE("A large capacity turns M/M/c/K into M/M/c", "[solvers][queues]") {
  const FiniteQueue finite = mmck(2.4, 1.0, 3, 400);
  const QueueAverages infinite = mmc(2.4, 1.0, 3);
  CHECK(finite.averages.waiting_s == Approx(infinite.waiting_s).epsilon(1e-12));
  CHECK(finite.averages.wait_probability == Approx(infinite.wait_probability).epsilon(1e-12));
  CHECK(finite.blocking_probability < 1e-30);
}

TEST_CASE("Pollaczek-Khinchine: exponential service is M/M/1, constant service waits half", "[solvers][queues]") {
  const double arrival = 0.8;
  const GeneralServiceQueue exponential_service = mg1(arrival, exponential(1.0).moments());
  const QueueAverages reference = mm1(arrival, 1.0);
  CHECK(exponential_service.averages.waiting_s == Approx(reference.waiting_s).epsilon(1e-13));
  // Waiting in M/M/1 is 0 with 1 - rho, else exponential(mu - lambda): variance rho (2 - rho) / (mu - lambda)^2.
  CHECK(exponential_service.waiting_variance_s2 == Approx(arrival * (2.0 - arrival) / 0.04).epsilon(1e-12));
  CHECK(mg1(arrival, constant(1.0).moments()).averages.waiting_s == Approx(0.5 * reference.waiting_s).epsilon(1e-13));
}

TEST_CASE("Machine repair: ten machines, two crews", "[solvers][queues]") {
  // p_{j+1} / p_j = (n - j) l / (min(j + 1, c) m); n = 10, c = 2, l = 0.1, m = 1, summed with exact fractions: p0 =
  // 0.367954594, mean down 1.038637819.
  const MachineRepair repair = machine_repair(10, 2, 0.1, 1.0);
  CHECK(repair.probability(0) == Approx(0.367954594).margin(5e-10));
  CHECK(repair.machines_down == Approx(1.038637819).margin(5e-10));
  // Failures equal repairs.
  CHECK(repair.throughput_per_s == Approx(0.1 * (10.0 - repair.machines_down)).epsilon(1e-12));
  CHECK(repair.at_most(10) == Approx(1.0).epsilon(1e-14));
  CHECK(repair.machines_waiting == Approx(repair.machines_down - repair.crews_busy).epsilon(1e-12));
}

TEST_CASE("With a crew for each machine the count down is binomial", "[solvers][queues]") {
  const int machines = 72;
  const double down = 0.001 / (0.001 + 0.5);
  const MachineRepair repair = machine_repair(machines, machines, 0.001, 0.5);
  CHECK(repair.probability(0) == Approx(std::pow(1.0 - down, machines)).epsilon(1e-12));
  CHECK(repair.at_most(1) ==
        Approx(std::pow(1.0 - down, machines) + machines * down * std::pow(1.0 - down, machines - 1)).epsilon(1e-12));
  CHECK(repair.machines_down == Approx(machines * down).epsilon(1e-12));
}

TEST_CASE("A birth-death chain of 100,000 states keeps its tails", "[solvers][queues]") {
  const Index top = 100'000;
  const Vector probability = birth_death_distribution(Vector::Constant(top, 0.999), Vector::Ones(top));
  CHECK(probability(0) == Approx(0.001 / -std::expm1((top + 1) * std::log(0.999))).epsilon(1e-10));
  CHECK(probability(5000) == Approx(probability(0) * std::pow(0.999, 5000)).epsilon(1e-10));
  const Vector flat = birth_death_distribution(Vector::Ones(top), Vector::Ones(top));
  CHECK(flat.maxCoeff() == Approx(1.0 / (top + 1)).epsilon(1e-10));
}

TEST_CASE("Queues refuse impossible input and unstable load", "[solvers][queues]") {
  CHECK_THROWS_WITH(mm1(50.0, 41.0), "unstable: arrival_rate 50 /s, capacity 41 /s");
  CHECK_THROWS_WITH(erlang_c(3.0, 2), "unstable: offered load 3, 2 servers");
  CHECK_THROWS_WITH(mmc(1.0, 1.0, 0), "servers 0, expected at least 1");
  CHECK_THROWS_WITH(mmck(1.0, 1.0, 3, 2), "capacity 2, expected at least 3");
  CHECK_THROWS_WITH(mm1(-1.0, 1.0), "arrival rate -1 is not a finite number > 0");
  CHECK_THROWS_WITH(machine_repair(0, 1, 1.0, 1.0), "machines 0, expected at least 1");
}

TEST_CASE("G/M/1: M/M/1, regular arrivals, Erlang arrivals", "[solvers][queues]") {
  const double rho = GENERATE(0.05, 0.5, 0.9, 0.999);
  const GeneralArrivalQueue poisson = gm1([&](double s) { return rho / (rho + s); }, 1.0 / rho, 1.0);
  CHECK(poisson.busy_at_arrival == Approx(rho).epsilon(1e-10));
  CHECK(poisson.averages.customers == Approx(mm1(rho, 1.0).customers).epsilon(1e-9));
  // Erlang of two phases: sigma (2 rho + 1 - sigma)^2 = 4 rho^2, divided by 1 - sigma a quadratic.
  const double b = 1.0 + 4.0 * rho;
  const double sigma = 8.0 * rho * rho / (b + std::sqrt(b * b - 16.0 * rho * rho));
  const GeneralArrivalQueue erlang =
      gm1([&](double s) { return std::pow(2.0 * rho / (2.0 * rho + s), 2); }, 1.0 / rho, 1.0);
  CHECK(erlang.busy_at_arrival == Approx(sigma).epsilon(1e-10));
  CHECK(erlang.averages.waiting_s == Approx(sigma / (1.0 - sigma)).epsilon(1e-9));
}

TEST_CASE("D/M/1 waits less than M/M/1, and solves its equation", "[solvers][queues]") {
  // sigma = exp(-(1 - sigma) / rho), by its own fixed point from below.
  const double rho = GENERATE(0.3, 0.5, 0.8);
  double sigma = 0.0;
  for (int k = 0; k < 2000; ++k) sigma = std::exp(-(1.0 - sigma) / rho);
  const GeneralArrivalQueue regular = gm1([&](double s) { return std::exp(-s / rho); }, 1.0 / rho, 1.0);
  CHECK(regular.busy_at_arrival == Approx(sigma).epsilon(1e-12));
  CHECK(regular.averages.waiting_s < mm1(rho, 1.0).waiting_s);
  CHECK_THROWS_WITH(gm1([](double s) { return std::exp(-s); }, 1.0, 1.0), "unstable: arrival_rate 1 /s, capacity 1 /s");
  CHECK_THROWS_WITH(gm1([](double) { return 1.0; }, 2.0, 1.0),
                    "the transform is none of an interarrival time with this mean");
}
