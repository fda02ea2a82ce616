// SPDX-License-Identifier: Apache-2.0
#include "solvers/correction_iteration.h"

#include <algorithm>
#include <cmath>

#include "solvers/anderson.h"
#include "solvers/gauss_seidel.h"

namespace windtunnel::solvers {
namespace {

/// Largest residual that d leaves; in a closed chain up to a constant.
double size_left(const PartialChain& chain, const Vector& residual, const Vector& d) {
  double least = HUGE_VAL;
  double most = -HUGE_VAL;
  for (Index i = 0; i < d.size(); ++i) {
    const double left = residual(i) - (chain.exit_per_s()(i) * d(i) - gathered(chain.rates().row(i), d.data()));
    if (std::isnan(left)) return left;
    least = std::min(least, left);
    most = std::max(most, left);
  }
  return chain.closed() ? 0.5 * (most - least) : std::max(-least, most);
}

}  // namespace

CorrectionOutcome repeat_correction(const PartialChain& chain, const Correction& correction, const Vector& residual,
                                    const CorrectionOptions& options) {
  CorrectionOutcome result{.d = Vector::Zero(residual.size())};
  Vector d = result.d;
  const double first = size_left(chain, residual, d);
  AndersonMixing mixing(std::max(1, options.mixing_depth));
  while (result.iterations < options.max_iterations && first > 0.0) {
    if (options.mixing_depth > 0) {
      Vector image = d;
      correction.improve(residual, image);
      d = mixing.extrapolate(d, image);
    } else {
      correction.improve(residual, d);
    }
    if (++result.iterations % options.iterations_per_check != 0 && result.iterations < options.max_iterations) continue;
    const double size = size_left(chain, residual, d);
    if (!std::isfinite(size) || size > 1e6 * first) return result;
    result.reductions.push_back(size / first);
    result.d = d;
    if (size <= options.reduction * first || size <= options.target_per_s) break;
    // Far from 0 digits are lost; a constant changes nothing else.
    if (chain.closed() && options.mixing_depth == 0) d.array() -= d(0);
  }
  return result;
}

}  // namespace windtunnel::solvers
