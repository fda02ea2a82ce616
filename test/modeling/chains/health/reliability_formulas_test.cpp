// SPDX-License-Identifier: Apache-2.0
// The closed forms of reliability, each to the digits it is printed with. (E[max] of normal times: solvers/
// order_statistics_test.cpp; Erlang B and C, M/M/c/K: solvers/queues_test.cpp; spares, missions, machine repairman,
// binomial: health_chain_test.cpp; checkpoints at t* and at one hour: checkpointing_test.cpp.)
#include <cmath>

#include "modeling/chains/health/checkpoint_plan.h"
#include "modeling/chains/health/checkpointing.h"
#include "modeling/chains/health/count_chain.h"
#include "modeling/chains/health/health_chain.h"
#include "modeling/chains/health/recovery.h"
#include "solvers/chain/initial_distribution.h"
#include "solvers/phase_type/order_statistics.h"
#include "solvers/phase_type/phase_type.h"
#include "solvers/phase_type/phase_type_curve.h"
#include "solvers/phase_type/phase_type_fit.h"
#include "solvers/transient/transient.h"
#include "test/catch.h"

using namespace windtunnel::modeling;
namespace solvers = windtunnel::solvers;

namespace {

constexpr double kDay_s = 86400;

double productive(const StopLaw& law, const CheckpointPlan& plan) {
  return up_shares(law, plan).productive_ratio;
}

/// Mean number of nodes down at time t, from all up.
double mean_down_at(const NodeHealth& health, double time_s) {
  const auto space = explore_counts(count_model(health, {.with_phases = true}));
  const auto at = solvers::solve_transient(space.generator, solvers::point_mass(space.generator.states(), 0), {time_s});
  double mean = 0;
  for (std::size_t k = 0; k < space.states.size(); ++k)
    mean += static_cast<double>(nodes_down(health, space.states[k])) * at.probability[0](static_cast<Eigen::Index>(k));
  return mean;
}

}  // namespace

TEST_CASE("optimum, Young and Daly have their printed digits", "[chains][reliability]") {
  struct Row {
    double mttf_s, blocking_s, optimum_s, young_s, daly_s;
  };
  const Row row = GENERATE(Row{11135.16, 60, 1116.30, 1155.95, 1116.30}, Row{11135.16, 10, 465.27, 471.91, 465.27},
                           Row{6490.44, 300, 1778.67, 1973.39, 1778.46}, Row{811.44, 10, 120.81, 127.39, 120.81},
                           Row{86400, 30, 2256.88, 2276.84, 2256.88});
  CHECK(optimal_checkpoint_interval_s(1 / row.mttf_s, row.blocking_s) == Approx(row.optimum_s).margin(0.005));
  CHECK(young_interval_s(1 / row.mttf_s, row.blocking_s) == Approx(row.young_s).margin(0.005));
  CHECK(daly_interval_s(1 / row.mttf_s, row.blocking_s) == Approx(row.daly_s).margin(0.005));
  CHECK(daly_interval_s(1, 3) == 1.0);  // C >= 2 M
  CHECK(optimal_interval_s({.failure_per_s = 1 / row.mttf_s}, {.blocking_s = row.blocking_s}) ==
        Approx(row.optimum_s).margin(0.005));
}

TEST_CASE("renewal reward with exponential failures is Daly's segment", "[chains][reliability]") {
  // t sum_{i>=1} exp(-L i s) / (1/L) = L t / (exp(L s) - 1). A hyperexponential law of two equal rates is exponential.
  const CheckpointPlan plan{.interval_s = 600, .blocking_s = 20};
  const double rate = 1e-4;
  const double exact = rate * 600 / std::expm1(rate * 620);
  CHECK(productive({.failure_per_s = rate}, plan) == Approx(exact).epsilon(1e-13));
  CHECK(productive({.failure_per_s = rate, .scv = 1 + 1e-9}, plan) == Approx(exact).epsilon(1e-6));
  CHECK(productive({.failure_per_s = rate, .scv = 1 - 1e-9}, plan) == Approx(exact).epsilon(1e-6));
}

TEST_CASE("renewal reward under other laws is the sum over the law's own survival", "[chains][reliability]") {
  const double scv = GENERATE(0.3, 0.5, 0.9, 4.8);  // 4.8: c.v. 2.2, Titan before its repair
  const double rate = 1e-4;
  const CheckpointPlan plan{.interval_s = 600, .blocking_s = 20, .write_s = 90};
  solvers::PhaseTypeCurve law(solvers::fit_phase_type(1 / rate, scv));
  double sum = 0;
  for (int i = 1; i < 4000; ++i) sum += law.survival(i * 620.0 + 90);
  CHECK(productive({.failure_per_s = rate, .scv = scv}, plan) == Approx(600 * sum * rate).epsilon(1e-9));
  const double best_s = optimal_interval_s({.failure_per_s = rate, .scv = scv}, plan);
  for (const double factor : {0.8, 1.25}) {
    CheckpointPlan other = plan;
    CheckpointPlan best = plan;
    best.interval_s = best_s;
    other.interval_s = factor * best_s;
    CHECK(productive({.failure_per_s = rate, .scv = scv}, other) <
          productive({.failure_per_s = rate, .scv = scv}, best));
  }
}

TEST_CASE("an asynchronous checkpoint delays what can be restored", "[chains][reliability]") {
  // Every segment must survive W longer: exp(-L W) of the blocking form, whatever W is against the interval.
  const double write_s = GENERATE(30.0, 2000.0);
  const double rate = 1e-4;
  const CheckpointPlan plan{.interval_s = 600, .blocking_s = 0.5};
  CheckpointPlan asynchronous = plan;
  asynchronous.write_s = write_s;
  CHECK(productive({.failure_per_s = rate}, asynchronous) ==
        Approx(std::exp(-rate * write_s) * productive({.failure_per_s = rate}, plan)).epsilon(1e-13));
}

TEST_CASE("two checkpoint levels have the one-level forms at their ends", "[chains][reliability]") {
  const double rate = 1e-4;
  const CheckpointPlan storage{.interval_s = 6000, .blocking_s = 60};
  CheckpointPlan both = storage;
  both.memory = MemoryCheckpoints{.interval_s = 60, .blocking_s = 0, .recovered_ratio = 0};
  CHECK(productive({.failure_per_s = rate}, both) ==
        Approx(productive({.failure_per_s = rate}, storage)).epsilon(1e-12));
  both.memory->recovered_ratio = 1;
  both.blocking_s = 0;
  const CheckpointPlan memory{.interval_s = 60, .blocking_s = 0};
  CHECK(productive({.failure_per_s = rate}, both) ==
        Approx(productive({.failure_per_s = rate}, memory)).epsilon(1e-12));
  // In between it lies in between, and the best storage interval is rarer than without memory.
  both.blocking_s = 60;
  both.memory->recovered_ratio = 0.9;
  CHECK(productive({.failure_per_s = rate}, both) > productive({.failure_per_s = rate}, storage));
  CHECK(optimal_interval_s({.failure_per_s = rate}, both) > optimal_interval_s({.failure_per_s = rate}, storage));
}

TEST_CASE("foreseen failures leave L (1 - r): optimum near sqrt(2 C M / (1 - r))", "[chains][reliability]") {
  const StopLaw law{.failure_per_s = 1e-5};
  const CheckpointPlan plan{.blocking_s = 10, .foreseen_ratio = 0.7};
  CHECK(optimal_interval_s(law, plan) == Approx(std::sqrt(2 * 10 / (1e-5 * 0.3))).epsilon(0.01));
  CheckpointPlan at = plan;
  at.interval_s = 1000;
  const UpShares shares = up_shares(law, at);
  CHECK(shares.productive_ratio + shares.checkpoint_ratio + shares.lost_ratio == Approx(1).epsilon(1e-14));
  // 0.3 of the stops lose half a segment each, every stop foreseen one C: first order in L.
  CHECK(1 - shares.productive_ratio == Approx(10.0 / 1010 + 1e-5 * 0.7 * 10 + 1e-5 * 0.3 * 505).epsilon(0.01));
}

TEST_CASE("the range within one percent of the optimum", "[chains][reliability]") {
  const StopLaw law{.failure_per_s = 1 / 11135.16};
  const CheckpointPlan plan{.blocking_s = 60};
  const double best_s = optimal_interval_s(law, plan);
  const IntervalRange range = nearly_optimal_intervals(law, plan, best_s, 0.01);
  const auto at = [&](double interval_s) {
    CheckpointPlan with = plan;
    with.interval_s = interval_s;
    return productive(law, with);
  };
  CHECK(range.low_s < best_s);
  CHECK(range.high_s > best_s);
  CHECK(at(range.low_s) == Approx(0.99 * at(best_s)).epsilon(1e-7));
  CHECK(at(range.high_s) == Approx(0.99 * at(best_s)).epsilon(1e-7));
}

TEST_CASE("k of n without repair lasts the sum of 1/(i l)", "[chains][reliability]") {
  // MTTF = sum_{i=k}^{n} 1 / (i l): (10, 8) 0.336111 / l, (72, 64) 0.132544 / l.
  const auto mttf = [](Count needed, Count spares) {
    return mean_time_to_exhaustion_s(
        {.nodes = needed, .spares = spares, .spare_failure_ratio = 1, .failure_per_s = 1.0, .repair = {1e12, 1}});
  };
  CHECK(mttf(8, 2) == Approx(0.336111).margin(5e-7));
  CHECK(mttf(64, 8) == Approx(0.132544).margin(5e-7));
}

TEST_CASE("first passage up a birth-death chain: 2 of 3 with one crew", "[chains][reliability]") {
  // (5 l + m) / (6 l^2) = 17.5 for l = 1, m = 100.
  CHECK(mean_time_to_exhaustion_s({.nodes = 2,
                                   .spares = 1,
                                   .spare_failure_ratio = 1,
                                   .failure_per_s = 1,
                                   .repair = {0.01, 1},
                                   .repair_crews = 1}) == Approx(17.5).epsilon(1e-12));
}

TEST_CASE("mean time to exhaustion of 18 spares at one day of repair", "[chains][reliability]") {
  const NodeHealth fleet{.nodes = 2048, .spares = 18, .failure_per_s = 2.955e-3 / kDay_s, .repair = {kDay_s, 1}};
  CHECK(mean_time_to_exhaustion_s(fleet) / kDay_s == Approx(5820.6).margin(0.05));
}

TEST_CASE("smallest spares for missions of 54 days", "[chains][reliability]") {
  struct Row {
    double repair_hours;
    Count s99, s999;
  };
  const Row row = GENERATE(Row{4, 8, 9}, Row{24, 18, 20}, Row{72, 36, 40});
  const NodeHealth fleet{
      .nodes = 2048, .spares = 5, .failure_per_s = 2.955e-3 / kDay_s, .repair = {row.repair_hours * 3600, 1}};
  CHECK(smallest_mission_spares(fleet, 54 * kDay_s, 0.99) == row.s99);
  CHECK(smallest_mission_spares(fleet, 54 * kDay_s, 0.999) == row.s999);
}

TEST_CASE("M/G/inf: the mean down at t needs the law of the repair, the long run only its mean",
          "[chains][reliability]") {
  // A(t) = Lam int_0^t (1 - G(u)) du; cold spares in plenty keep Lam constant.
  const double scv = GENERATE(1.0, 4.0);
  const NodeHealth fleet{.nodes = 100, .spares = 400, .failure_per_s = 0.02, .repair = {1.5, scv}};
  const solvers::PhaseType repair = repair_phases(fleet.repair);
  double integral = 0;  // int_0^2 of the survival of an exponential or hyperexponential law
  for (int k = 0; k < repair.phases(); ++k)
    integral += repair.initial()(k) / repair.exit_per_s()(k) * -std::expm1(-repair.exit_per_s()(k) * 2.0);
  CHECK(mean_down_at(fleet, 2.0) == Approx(2.0 * integral).epsilon(1e-9));
  CHECK(solve_down_count(fleet).mean() == Approx(3.0).epsilon(1e-9));
}

TEST_CASE("spares under common cause: Poisson nodes and Poisson switches of 32", "[chains][reliability]") {
  // Poisson(N l / m) + 32 Poisson((N / 32) l_d / m_d) at N = 2048: many small shares of switches and plenty of spares
  // make the chain that law.
  struct Row {
    double repair_hours;
    Count s99, s999, s9999;
  };
  const Row row = GENERATE(Row{1, 13, 39, 43}, Row{4, 33, 41, 45}, Row{24, 41, 70, 75});
  const NodeHealth health{.nodes = 2048,
                          .spares = 600,
                          .failure_per_s = 2.955e-3 / kDay_s,
                          .repair = {kDay_s, 1},
                          .domains = {{.name = "switch",
                                       .nodes = 32,
                                       .count = 6'400'000,
                                       .failure_per_s = 0.0009456 * 1e-5 / kDay_s,
                                       .repair_per_s = 1 / (row.repair_hours * 3600)}}};
  const DownCount down = solve_down_count(health);
  const auto smallest = [&](double ratio) {
    Count spares = 0;
    while (down.at_most(spares) < ratio) ++spares;
    return spares;
  };
  CHECK(smallest(0.99) == row.s99);
  CHECK(smallest(0.999) == row.s999);
  CHECK(smallest(0.9999) == row.s9999);
}

TEST_CASE("blast radius: a domain of d is whole with (1 - p)^d", "[chains][reliability]") {
  CHECK(whole_probability(0.001, 64) == Approx(0.93797).margin(5e-6));
  CHECK(whole_probability(0.001, 8) == Approx(0.99203).margin(5e-6));
}

TEST_CASE("copies in memory survive with the bound of GEMINI", "[chains][reliability]") {
  CHECK(memory_survival(16, 2, 2) == Approx(0.93333).margin(5e-6));
  CHECK(memory_survival(16, 2, 3) == Approx(0.80000).margin(5e-6));
  CHECK(memory_survival(16, 2, 1) == 1.0);
}

TEST_CASE("the slowest of n exponentials takes H_n means, in one level or two", "[chains][reliability]") {
  const auto one = solvers::distribution_of(solvers::exponential(1.0));
  const double h24 = 3.7759581777535067;  // 1 + 1/2 + ... + 1/24
  CHECK(solvers::mean_and_variance(solvers::maximum(one, 24)).mean_s == Approx(h24).epsilon(1e-9));
  const auto tensor_group = solvers::maximum(one, 8);
  CHECK(solvers::mean_and_variance(solvers::maximum(tensor_group, 3)).mean_s == Approx(h24).epsilon(1e-9));
}

TEST_CASE("heavy tails: two phases of balanced means", "[chains][reliability]") {
  // p = (1 + sqrt((c-1)/(c+1))) / 2, rates 2p/mean, 2(1-p)/mean.
  const Duration heavy{.mean_s = 300, .scv = 9};
  const double p = 0.5 * (1 + std::sqrt(0.8));
  CHECK(laplace_transform(heavy, 0.01) ==
        Approx(p * (2 * p / 300) / (2 * p / 300 + 0.01) + (1 - p) * (2 * (1 - p) / 300) / (2 * (1 - p) / 300 + 0.01))
            .epsilon(1e-14));
  CHECK(moments(heavy).mean_s == Approx(300).epsilon(1e-14));
  CHECK(moments(heavy).scv() == Approx(9).epsilon(1e-12));
  CHECK(moments({.mean_s = 300, .scv = 0.25}).skewness() == Approx(2 * 0.5).epsilon(1e-9));  // Erlang-4
}
