// SPDX-License-Identifier: Apache-2.0
#include "solvers/arrivals/arrival_process.h"

#include <cmath>
#include <vector>

#include "solvers/numerics/confidence.h"
#include "solvers/phase_type/phase_type_fit.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

MarkovianArrivals bursty() {
  Matrix change(2, 2);
  change << 0.0, 0.05, 0.2, 0.0;
  return switched_poisson_arrivals(change, (Vector(2) << 1.0, 8.0).finished());
}

}  // namespace

TEST_CASE("Poisson arrivals have no memory", "[solvers][map]") {
  const MarkovianArrivals poisson = poisson_arrivals(4.0);
  CHECK(poisson.rate_per_s() == Approx(4.0).epsilon(1e-15));
  CHECK(poisson.moment(3) == Approx(6.0 / 64.0).epsilon(1e-14));
  CHECK(poisson.autocorrelation(1) == 0.0);
  CHECK(poisson.index_of_dispersion() == Approx(1.0).epsilon(1e-14));
}

TEST_CASE("Renewal arrivals have the moments of their law and no correlation", "[solvers][map]") {
  const double scv = GENERATE(0.3, 1.0, 6.0);
  const PhaseType law = fit_phase_type(0.5, scv);
  const MarkovianArrivals arrivals = renewal_arrivals(law);
  CHECK(arrivals.rate_per_s() == Approx(2.0).epsilon(1e-12));
  CHECK(arrivals.scv() == Approx(scv).epsilon(1e-11));
  CHECK(arrivals.moment(3) == Approx(law.moments().raw()[2]).epsilon(1e-11));
  CHECK(std::abs(arrivals.autocorrelation(3)) < 1e-13);
  // Renewal theory: variance of the count over its mean tends to the scv.
  CHECK(arrivals.index_of_dispersion() == Approx(scv).epsilon(1e-11));
}

TEST_CASE("Dispersion of counts is that of the intervals and their correlations", "[solvers][map]") {
  // I = scv (1 + 2 sum of the autocorrelations): Cox and Lewis, The Statistical Analysis of Series of Events,
  // 1966, 4.3.
  const MarkovianArrivals arrivals = bursty();
  double correlations = 0.0;
  for (int lag = 1; lag < 400; ++lag) correlations += arrivals.autocorrelation(lag);
  CHECK(arrivals.index_of_dispersion() == Approx(arrivals.scv() * (1.0 + 2.0 * correlations)).epsilon(1e-10));
  // A two-phase process: correlations fall geometrically.
  CHECK(arrivals.autocorrelation(3) / arrivals.autocorrelation(2) ==
        Approx(arrivals.autocorrelation(2) / arrivals.autocorrelation(1)).epsilon(1e-11));
}

TEST_CASE("A switched Poisson process in closed form", "[solvers][map]") {
  // Fischer, Meier-Hellstern, Performance Evaluation 18, 1993: rate (l1 s2 + l2 s1) / (s1 + s2), dispersion
  // 1 + 2 s1 s2 (l1 - l2)^2 / ((s1 + s2)^2 (l1 s2 + l2 s1)).
  const double s1 = 0.05, s2 = 0.2, l1 = 1.0, l2 = 8.0;
  const MarkovianArrivals arrivals = bursty();
  CHECK(arrivals.rate_per_s() == Approx((l1 * s2 + l2 * s1) / (s1 + s2)).epsilon(1e-14));
  const double excess = 2.0 * s1 * s2 * (l1 - l2) * (l1 - l2) / ((s1 + s2) * (s1 + s2) * (l1 * s2 + l2 * s1));
  CHECK(arrivals.index_of_dispersion() == Approx(1.0 + excess).epsilon(1e-12));
}

TEST_CASE("Superposed, thinned and sped up", "[solvers][map]") {
  const MarkovianArrivals x = bursty(), y = renewal_arrivals(fit_phase_type(2.0, 0.25));
  const MarkovianArrivals both = superposition(x, y);
  CHECK(both.phases() == x.phases() * y.phases());
  CHECK(both.rate_per_s() == Approx(x.rate_per_s() + 0.5).epsilon(1e-12));
  // Variances of independent counts add.
  CHECK(both.index_of_dispersion() * both.rate_per_s() ==
        Approx(x.index_of_dispersion() * x.rate_per_s() + 0.25 * 0.5).epsilon(1e-11));
  const MarkovianArrivals kept = thinned(x, 0.3);
  CHECK(kept.rate_per_s() == Approx(0.3 * x.rate_per_s()).epsilon(1e-13));
  CHECK(kept.index_of_dispersion() == Approx(1.0 + 0.3 * (x.index_of_dispersion() - 1.0)).epsilon(1e-12));
  const MarkovianArrivals fast = faster(x, 10.0);
  CHECK(fast.moment(2) == Approx(x.moment(2) / 100.0).epsilon(1e-12));
  CHECK(fast.autocorrelation(1) == Approx(x.autocorrelation(1)).epsilon(1e-12));
}

TEST_CASE("Drawn interarrival times have the moments and the correlation", "[solvers][map]") {
  const MarkovianArrivals arrivals = bursty();
  RandomSource random(11);
  ArrivalSampler draw(arrivals, random);
  // Means of 200 batches of 2,000 arrivals, long against the memory of about 20.
  std::vector<double> means, products;
  double before = draw(random);
  for (int batch = 0; batch < 200; ++batch) {
    double sum = 0.0, product = 0.0;
    for (int i = 0; i < 2000; ++i) {
      const double time = draw(random);
      sum += time;
      product += time * before;
      before = time;
    }
    means.push_back(sum / 2000);
    products.push_back(product / 2000);
  }
  CHECK(mean_estimate(means, 0.9999).contains(arrivals.moment(1)));
  const double variance = arrivals.moment(2) - arrivals.moment(1) * arrivals.moment(1);
  const double expected = arrivals.moment(1) * arrivals.moment(1) + arrivals.autocorrelation(1) * variance;
  CHECK(mean_estimate(products, 0.9999).contains(expected));
}

TEST_CASE("Impossible arrival processes are refused", "[solvers][map]") {
  const Matrix zero = Matrix::Zero(2, 2), one = Matrix::Ones(2, 2);
  CHECK_THROWS_WITH(MarkovianArrivals(zero, Matrix::Ones(3, 3)),
                    "arrival process: 2 x 2 silent and 3 x 3 arrival rates do not match");
  CHECK_THROWS_WITH(MarkovianArrivals(one, -one),
                    "arrival process: arrival rate -1 from phase 0 to 0 is not a finite number >= 0");
  CHECK_THROWS_WITH(MarkovianArrivals(zero, Vector::Unit(2, 0).asDiagonal()),
                    "arrival process: phase 1 never sees an arrival");
  CHECK_THROWS_WITH(MarkovianArrivals(zero, Matrix::Identity(2, 2)),
                    "arrival process: 2 classes of phases that are never left, expected 1");
  CHECK_THROWS_WITH(renewal_arrivals(constant(1.0)), "arrival process: interarrival times with a floor of 1 s");
  CHECK_THROWS_WITH(thinned(poisson_arrivals(1.0), 0.0),
                    "arrival process: keep_probability 0, expected above 0 and at most 1");
  CHECK_THROWS_WITH(poisson_arrivals(1.0).autocorrelation(0), "arrival process: lag 0, expected at least 1");
}
