// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/health/lost_time_law.h"

#include <algorithm>
#include <cmath>

#include "solvers/numerics/incomplete_gamma.h"
#include "solvers/numerics/normal_distribution.h"
#include "solvers/numerics/poisson_weights.h"
#include "solvers/phase_type/phase_type_curve.h"
#include "solvers/phase_type/phase_type_fit.h"

namespace windtunnel::modeling {

namespace {

/// Below this skewness a gamma law is normal to 1e-4.
constexpr double kNoSkewness = 5e-3;
/// Standard deviations of a gamma law between its mean and 0 from which on less than 1e-6 of a law with a negative
/// floor lies below 0.
constexpr double kFarFromZero = 5.0;
/// Losses of one size have r = 1; these vary by a sixth.
constexpr double kSteadiestLosses = 1.03;
/// Left out of the sum over the number of losses.
constexpr double kPoissonTail = 1e-10;

/// floor + gamma.
double shifted_gamma_cdf(const solvers::CentralMoments& lost, double time_s) {
  const double skewness = lost.skewness();
  const double deviation_s = lost.standard_deviation_s();
  if (skewness < kNoSkewness) return solvers::normal_cdf((time_s - lost.mean_s) / deviation_s);
  const double scale_s = 0.5 * deviation_s * skewness;
  const double floor_s = lost.mean_s - 2.0 * deviation_s / skewness;
  return 1.0 - solvers::gamma_survival(4.0 / (skewness * skewness), (time_s - floor_s) / scale_s);
}

/// A Poisson number of gamma losses with k3 k1 / k2^2 = `ratio`.
double poisson_gamma_cdf(const solvers::CentralMoments& lost, double ratio, double time_s) {
  const double shape = (2.0 - ratio) / (ratio - 1.0);
  const double scale_s = lost.variance_s2 / (lost.mean_s * (shape + 1.0));
  const solvers::PoissonWeights number = solvers::poisson_weights(lost.mean_s / (shape * scale_s), kPoissonTail);
  double sum = 0.0;
  for (solvers::Index k = 0; k < number.weight.size(); ++k) {
    const double losses = static_cast<double>(number.left) + static_cast<double>(k);
    const double within = losses > 0.0 ? 1.0 - solvers::gamma_survival(losses * shape, time_s / scale_s) : 1.0;
    sum += number.weight(k) * within;
  }
  return std::min(1.0, sum);
}

}  // namespace

double lost_time_cdf(const solvers::CentralMoments& lost, double time_s) {
  if (time_s < 0.0) return 0.0;
  const double ratio = lost.third_s3 * lost.mean_s / (lost.variance_s2 * lost.variance_s2);
  const bool far_from_zero = lost.mean_s > kFarFromZero * lost.standard_deviation_s();
  if (far_from_zero) return shifted_gamma_cdf(lost, time_s);
  if (ratio >= 2.0) return solvers::PhaseTypeCurve(solvers::fit_phase_type(lost)).cdf(time_s);
  return poisson_gamma_cdf(lost, std::max(ratio, kSteadiestLosses), time_s);
}

}  // namespace windtunnel::modeling
