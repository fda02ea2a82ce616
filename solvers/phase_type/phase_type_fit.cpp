// SPDX-License-Identifier: Apache-2.0
#include "solvers/phase_type/phase_type_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "solvers/numerics/root_finding.h"

namespace windtunnel::solvers {
namespace {

void check(double mean_s, double scv, const PhaseTypeFitOptions& options) {
  if (!(mean_s >= 0.0) || std::isinf(mean_s))
    throw std::invalid_argument(fmt::format("mean {} s of a duration is not a finite number >= 0", mean_s));
  if (!(scv >= 0.0) || std::isinf(scv))
    throw std::invalid_argument(fmt::format("scv {} of a duration is not a finite number >= 0", scv));
  if (mean_s == 0.0 && scv > 0.0)
    throw std::invalid_argument(fmt::format("scv {} of a duration of mean 0, expected 0", scv));
  if (options.max_phases < 2)
    throw std::invalid_argument(fmt::format("max_phases {} of a fit, expected at least 2", options.max_phases));
}

// Erlang(phases) shortened by its first phase with some probability.
struct ErlangMixture {
  int phases = 1;
  /// Probability of one phase less.
  double shorter = 0.0;
};

// For 1/k <= scv <= 1/(k-1). Tijms, A First Course in Stochastic Models, 2003, appendix A.2.
ErlangMixture erlang_mixture(double scv) {
  // 1e-13: where 1 / scv is a whole number, its rounding must not cost a further phase.
  const int k = std::max(1, static_cast<int>(std::ceil(1.0 / scv * (1.0 - 1e-13))));
  if (k == 1) return {};
  const double root = std::sqrt(std::max(0.0, k * (1.0 + scv) - static_cast<double>(k) * k * scv));
  return {k, std::clamp((k * scv - root) / (1.0 + scv), 0.0, 1.0)};
}

PhaseType build_erlang_mixture(double mean_s, double scv) {
  const ErlangMixture shape = erlang_mixture(scv);
  const double rate_per_s = (shape.phases - shape.shorter) / mean_s;
  Eigen::VectorXd initial = Eigen::VectorXd::Unit(shape.phases, 0) * (1.0 - shape.shorter);
  if (shape.phases > 1) initial(1) = shape.shorter;
  PhaseType::Rates rates(shape.phases, shape.phases);
  rates.reserve(shape.phases);
  for (int i = 0; i + 1 < shape.phases; ++i) rates.insert(i, i + 1) = rate_per_s;
  return PhaseType(0.0, initial, rates, Eigen::VectorXd::Unit(shape.phases, shape.phases - 1) * rate_per_s);
}

// Balanced means: both branches carry half of the mean. Whitt, Operations Research 30 (1982). The rarer branch's
// probability is (1 - r) / 2 with r^2 = 1 - 2 / (scv + 1), written without the subtraction.
PhaseType build_hyperexponential(double mean_s, double scv) {
  const double root = std::sqrt((scv - 1.0) / (scv + 1.0));
  const double rare = 1.0 / ((scv + 1.0) * (1.0 + root));
  const double probabilities[] = {1.0 - rare, rare};
  const double rates_per_s[] = {2.0 * (1.0 - rare) / mean_s, 2.0 * rare / mean_s};
  return hyperexponential(probabilities, rates_per_s);
}

// Skewness of the form without floor at this scv: the form is built for mean 1 and asked.
double family_skewness(double scv) {
  const PhaseType form = scv > 1.0 ? build_hyperexponential(1.0, scv) : build_erlang_mixture(1.0, scv);
  return form.moments().skewness();
}

// floor + the form of scv `random_scv` >= scv whose standard deviation is that of the whole: the random part's mean is
// mean * sqrt(scv / random_scv).
PhaseType with_floor(double mean_s, double scv, double random_scv) {
  const double random_mean_s = mean_s * std::min(1.0, std::sqrt(scv / random_scv));
  const PhaseType form = random_scv > 1.0 ? build_hyperexponential(random_mean_s, random_scv)
                                          : build_erlang_mixture(random_mean_s, random_scv);
  return shifted(form, mean_s - random_mean_s);
}

// The skewness grows with the scv of the random part, (3 c^2 - 1) / c^1.5 for large c, so 1 + skewness^2 is beyond the
// root.
double scv_for_skewness(double skewness, double least_scv) {
  const auto excess = [&](double random_scv) { return family_skewness(random_scv) - skewness; };
  return find_root(excess, least_scv, std::max(least_scv, 1.0 + skewness * skewness), 1e-14);
}

}  // namespace

PhaseType fit_phase_type(double mean_s, double scv, const PhaseTypeFitOptions& options) {
  check(mean_s, scv, options);
  if (scv == 0.0) return constant(mean_s);
  return with_floor(mean_s, scv, std::max(scv, 1.0 / options.max_phases));
}

PhaseType fit_phase_type(const CentralMoments& moments, const PhaseTypeFitOptions& options) {
  check(moments.mean_s, moments.scv(), options);
  const double scv = moments.scv(), least_scv = std::max(scv, 1.0 / options.max_phases);
  if (scv == 0.0) return constant(moments.mean_s);
  if (!(moments.skewness() > family_skewness(least_scv))) return with_floor(moments.mean_s, scv, least_scv);
  return with_floor(moments.mean_s, scv, scv_for_skewness(moments.skewness(), least_scv));
}

PhaseType approximate_repeated(const PhaseType& x, double count, const PhaseTypeFitOptions& options) {
  return fit_phase_type(repeated(x.moments(), count), options);
}

}  // namespace windtunnel::solvers
