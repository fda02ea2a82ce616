// SPDX-License-Identifier: Apache-2.0
#include "solvers/phase_type/hyper_erlang_fit.h"

#include <cmath>

#include "solvers/phase_type/phase_type_sampler.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

std::vector<double> samples_of(const PhaseType& law, int count) {
  RandomSource random(3);
  PhaseTypeSampler draw(law);
  std::vector<double> samples;
  for (int i = 0; i < count; ++i) samples.push_back(draw(random));
  return samples;
}

}  // namespace

TEST_CASE("A mixture of Erlangs is found again from its samples", "[solvers][hyper_erlang]") {
  const double weights[] = {0.7, 0.3};
  const PhaseType parts[] = {erlang(4, 4.0), erlang(2, 0.2)};
  const std::vector<double> samples = samples_of(mixture(weights, parts), 5000);
  const HyperErlangFit fit = fit_hyper_erlang(samples, {.phases = 6, .max_branches = 2});
  REQUIRE(fit.usable());
  double mean = 0.0;
  for (const double sample : samples) mean += sample / 5000.0;
  // Likelihood equations: the fitted mean is the samples' mean.
  CHECK(fit.duration.mean_s() == Approx(mean).epsilon(1e-9));
  REQUIRE(fit.branch_phases.size() == 2);
  const std::size_t fast = fit.branch_mean_s[0] < fit.branch_mean_s[1] ? 0 : 1;
  CHECK(fit.branch_phases[fast] == 4);
  CHECK(fit.branch_probability[fast] == Approx(0.7).margin(0.03));
  CHECK(fit.branch_mean_s[1 - fast] == Approx(10.0).epsilon(0.06));
  // Kolmogorov: 1.63 / sqrt(n) holds a true law with 99 %.
  CHECK(fit.largest_distance < 1.63 / std::sqrt(5000.0));
}

TEST_CASE("One branch of one phase is the exponential likelihood", "[solvers][hyper_erlang]") {
  const std::vector<double> samples = samples_of(exponential(2.0), 400);
  double total = 0.0;
  for (const double sample : samples) total += sample;
  const HyperErlangFit fit = fit_hyper_erlang(samples, {.phases = 1});
  // -n (1 + log mean).
  CHECK(fit.log_likelihood == Approx(-400.0 * (1.0 + std::log(total / 400.0))).epsilon(1e-12));
  CHECK(fit.duration.phases() == 1);
}

TEST_CASE("More phases are never less likely", "[solvers][hyper_erlang]") {
  // Uniform on 1..2: steadier than any few phases.
  std::vector<double> samples;
  for (int i = 0; i < 500; ++i) samples.push_back(1.0 + i / 500.0);
  double before = -1e300;
  for (const int phases : {1, 4, 8, 16}) {
    const HyperErlangFit fit = fit_hyper_erlang(samples, {.phases = phases, .max_branches = 2});
    CHECK(fit.log_likelihood > before);
    before = fit.log_likelihood;
  }
}

TEST_CASE("Impossible samples are refused", "[solvers][hyper_erlang]") {
  CHECK_THROWS_WITH(fit_hyper_erlang(std::vector<double>{1.0}), "1 samples, expected at least 2");
  CHECK_THROWS_WITH(fit_hyper_erlang(std::vector<double>{1.0, -2.0}), "sample -2 s is not a finite number > 0");
  CHECK_THROWS_WITH(fit_hyper_erlang(std::vector<double>{1.0, 2.0}, {.phases = 0}),
                    "0 phases in at most 3 branches, tolerance 1e-08");
}
