// SPDX-License-Identifier: Apache-2.0
// The chain of nodes down against closed forms: machine repairman, binomial, Poisson, Pollaczek-Khinchine.
#include "modeling/chains/health/health_chain.h"

#include <cmath>

#include "modeling/spec/spec_error.h"
#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

constexpr double kHour_s = 3600;
constexpr double kDay_s = 86400;

/// 2,048 nodes at the hardware failure rate of the Llama 3 run (arXiv:2407.21783, table 5).
NodeHealth fleet(double repair_hours, Count spares, double spare_failure_ratio) {
  return {.nodes = 2048,
          .spares = spares,
          .spare_failure_ratio = spare_failure_ratio,
          .failure_per_s = 2.955e-3 / kDay_s,
          .repair = {repair_hours * kHour_s, 1}};
}

double binomial_at_most(int n, double p, int most) {
  double sum = 0;
  for (int k = 0; k <= most; ++k)
    sum += std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) + k * std::log(p) +
                    (n - k) * std::log1p(-p));
  return sum;
}

}  // namespace

TEST_CASE("with crews the chain is the machine repairman", "[chains][health]") {
  // p(j+1)/p(j) = (n-j) l / (min(j+1,c) m), n = 10, c = 2, l = 0.1, m = 1: p(0) = 0.367954594, E[down] = 1.038637819.
  const DownCount down = solve_down_count(
      {.nodes = 10, .spare_failure_ratio = 1, .failure_per_s = 0.1, .repair = {1, 1}, .repair_crews = 2});
  CHECK(down.at_most(0) == Approx(0.367954594).epsilon(1e-9));
  CHECK(down.mean() == Approx(1.038637819).epsilon(1e-9));
  CHECK(down.states == 11);
}

TEST_CASE("hot spares with a repairman each are binomial, whatever the shape of the repair", "[chains][health]") {
  const double scv = GENERATE(0.0, 1.0, 4.0);
  const double l = 1e-3, repair = 24;
  const NodeHealth health{
      .nodes = 64, .spares = 2, .spare_failure_ratio = 1, .failure_per_s = l, .repair = {repair, scv}};
  CHECK(solve_down_count(health).at_most(2) == Approx(binomial_at_most(66, l / (l + 1 / repair), 2)).epsilon(1e-11));
}

TEST_CASE("spares for full size at the Llama 3 failure rate", "[chains][health]") {
  struct Row {
    double repair_hours;
    Count s99, s999, s9999;
    double hot, cold, mean_down;
  };
  // Birth-death products: N l up to S, (N + S - j) l beyond for cold spares; binomial for hot ones.
  const Row row =
      GENERATE(Row{4, 4, 5, 6, 0.996194, 0.996206, 1.009}, Row{24, 12, 15, 17, 0.990469, 0.990578, 6.052},
               Row{72, 29, 33, 36, 0.993114, 0.993353, 18.156}, Row{120, 44, 49, 53, 0.992376, 0.992791, 30.259});
  const NodeHealth cold = fleet(row.repair_hours, 3, 0);
  const DownCount known = solve_down_count(cold);
  CHECK(smallest_spares(cold, 0.99, known) == row.s99);
  CHECK(smallest_spares(cold, 0.999, known) == row.s999);
  CHECK(smallest_spares(cold, 0.9999, known) == row.s9999);
  const auto full_size = [&](double ratio) {
    return solve_down_count(fleet(row.repair_hours, row.s99, ratio)).at_most(row.s99);
  };
  CHECK(full_size(1) == Approx(row.hot).margin(5e-7));
  CHECK(full_size(0) == Approx(row.cold).margin(5e-7));
  CHECK(full_size(0.5) > full_size(1));
  // N l / m with spares in plenty.
  CHECK(solve_down_count(fleet(row.repair_hours, 200, 0)).mean() == Approx(row.mean_down).margin(5e-4));
  CHECK(full_size(0.5) < full_size(0));
}

TEST_CASE("a switch in a hundred events multiplies the spares", "[chains][health]") {
  struct Row {
    double repair_hours;
    Count s99, s999, s9999;
  };
  // Poisson(N l / m) + 32 Poisson((N/32) l_d / m_d): the chain counts finitely many domains and stops the failures of
  // a stopped job's spares, so 1 more or less.
  const Row row = GENERATE(Row{1, 13, 39, 43}, Row{4, 33, 41, 45}, Row{24, 41, 70, 75});
  NodeHealth health = fleet(24, 13, 0);
  health.domains = {{.name = "switch",
                     .nodes = 32,
                     .count = 64,
                     .failure_per_s = 0.0009456 / kDay_s,
                     .repair_per_s = 1 / (row.repair_hours * kHour_s)}};
  const DownCount known = solve_down_count(health);
  CHECK(std::abs(*smallest_spares(health, 0.99, known) - row.s99) <= 1);
  CHECK(std::abs(*smallest_spares(health, 0.999, known) - row.s999) <= 1);
  CHECK(std::abs(*smallest_spares(health, 0.9999, known) - row.s9999) <= 1);
}

TEST_CASE("bad and other nodes, all hot, are two binomial counts", "[chains][health]") {
  // 40 nodes, 5 of them bad: each is down with r / (r + m) on its own.
  const NodeHealth health{.nodes = 36,
                          .spares = 4,
                          .spare_failure_ratio = 1,
                          .failure_per_s = 0.05,
                          .bad = {.share = 0.125, .factor = 12},
                          .repair = {2.0, 1}};
  CHECK(35 * good_failure_per_s(health) + 5 * bad_failure_per_s(health) == Approx(40 * 0.05).epsilon(1e-12));
  const auto binomial = [](int n, double rate) {
    const double p = rate / (rate + 0.5);
    std::vector<double> law;
    for (int k = 0; k <= n; ++k)
      law.push_back(std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
                             (n - k) * std::log1p(-p)));
    return law;
  };
  const auto good = binomial(35, good_failure_per_s(health));
  const auto bad = binomial(5, bad_failure_per_s(health));
  const DownCount down = solve_down_count(health);
  for (int n = 0; n <= 20; ++n) {
    double exact = 0;
    for (int b = 0; b <= std::min(n, 5); ++b) exact += bad[b] * good[n - b];
    CHECK(down.probability(n) == Approx(exact).epsilon(1e-9));
  }
  // Few that fail often are down more of the time than their share of failures says: fewer down in all.
  NodeHealth even = health;
  even.bad = {};
  CHECK(down.mean() < solve_down_count(even).mean());
}

TEST_CASE("many bad nodes are their mean field", "[chains][health]") {
  // 4,000 hot nodes of which 200 fail 10 times as often: the law is the sum of two binomials, here of their means.
  const NodeHealth health{.nodes = 3900,
                          .spares = 100,
                          .spare_failure_ratio = 1,
                          .failure_per_s = 0.004,
                          .bad = {.share = 0.05, .factor = 10},
                          .repair = {1.0, 1}};
  const double good = good_failure_per_s(health), bad = bad_failure_per_s(health);
  const DownCount down = solve_down_count(health);
  CHECK(down.mean() == Approx(3800 * good / (1 + good) + 200 * bad / (1 + bad)).epsilon(1e-3));
  CHECK(down.states < 3000);
}

TEST_CASE("one crew and any repair is the queue of Pollaczek and Khinchine", "[chains][health]") {
  // Cold spares in plenty keep the arrivals Poisson: E[down] = rho + rho^2 (1 + scv) / (2 (1 - rho)), P(0) = 1 - rho.
  const double scv = GENERATE(0.5, 1.0, 4.0);
  const DownCount down =
      solve_down_count({.nodes = 1, .spares = 600, .failure_per_s = 0.5, .repair = {1, scv}, .repair_crews = 1});
  CHECK_FALSE(down.exponential_repair);
  CHECK(down.at_most(0) == Approx(0.5).epsilon(1e-10));
  CHECK(down.mean() == Approx(0.5 + 0.25 * (1 + scv)).epsilon(1e-9));
}

TEST_CASE("crews that cannot keep up: no number of spares is enough", "[chains][health]") {
  NodeHealth health = fleet(24, 10, 0);
  health.repair_crews = 6;  // N l / m = 6.05
  CHECK_FALSE(smallest_spares(health, 0.995, solve_down_count(health)));
}

TEST_CASE("without repair exhaustion is a binomial tail", "[chains][health]") {
  // 8 of 10 hot, 100 h, 1e-3 /h: P(more than 2 of 10 fail) with p = 1 - exp(-l T).
  const NodeHealth health{.nodes = 8, .spares = 2, .spare_failure_ratio = 1, .failure_per_s = 1e-3, .repair = {1e9, 1}};
  const double p = -std::expm1(-0.1);
  CHECK(solve_exhaustion(health, 100).probability == Approx(1 - binomial_at_most(10, p, 2)).epsilon(1e-6));
}

TEST_CASE("missions of 54 days at the Llama 3 failure rate", "[chains][health]") {
  struct Row {
    double repair_hours;
    Count spares;
    double survival;
  };
  // First passage of the birth-death chain to S + 1 down, from all up.
  const Row row = GENERATE(Row{4, 8, 0.99727}, Row{4, 9, 0.99969}, Row{24, 18, 0.99128}, Row{24, 20, 0.99911},
                           Row{72, 36, 0.99067}, Row{72, 40, 0.99949});
  CHECK(1 - solve_exhaustion(fleet(row.repair_hours, row.spares, 0), 54 * kDay_s).probability ==
        Approx(row.survival).margin(5e-6));
}

TEST_CASE("a horizon too long for uniformization takes the mean first passage", "[chains][health]") {
  // Mean time to exhaustion of 18 spares at one day of repair: 5820.6 d. A century is 6 of them.
  const SpareExhaustion century = solve_exhaustion(fleet(24, 18, 0), 1e4 * 365.25 * kDay_s);
  CHECK(century.method == "mean first passage, exponential law");
  const SpareExhaustion weeks = solve_exhaustion(fleet(24, 18, 0), 5820.6 * kDay_s);
  CHECK(weeks.method == "uniformization");
  CHECK(weeks.probability == Approx(1 - std::exp(-1.0)).epsilon(2e-3));
}

TEST_CASE("time at full size of one node without spares is the two-state chain's", "[chains][health]") {
  // P(up at t) = m / (l + m) + l / (l + m) exp(-(l + m) t), integrated over the horizon.
  const double l = 0.2, m = 1.0, horizon = 3.0, sum = l + m;
  const auto time_s = full_size_time_s({.nodes = 1, .failure_per_s = l, .repair = {1 / m, 1}}, horizon);
  REQUIRE(time_s);
  CHECK(*time_s == Approx(m / sum * horizon - l / (sum * sum) * std::expm1(-sum * horizon)).epsilon(1e-11));
}

TEST_CASE("a million nodes are cut where probability ends", "[chains][health]") {
  NodeHealth health = fleet(24, 3300, 0);
  health.nodes = 1'000'000;
  const DownCount down = solve_down_count(health);
  CHECK(down.states < 6000);
  CHECK(down.lost_probability < 1e-14);
  CHECK(down.mean() == Approx(2955).epsilon(1e-6));  // Poisson: N l / m
}
