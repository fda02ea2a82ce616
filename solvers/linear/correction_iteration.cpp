// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/correction_iteration.h"

#include <algorithm>
#include <cmath>

#include "solvers/linear/anderson.h"
#include "solvers/linear/gauss_seidel.h"

namespace windtunnel::solvers {
namespace {

// A run that comes no nearer after so much has reached what doubles can tell; the next one starts from a residual in
// twice the digits.
constexpr double kDeep = 1e-4;

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

/// What a correction makes of a constant residual. In a closed chain the residual is known up to a constant only.
Vector unknown_part(const PartialChain& chain, const Correction& correction, const CorrectionOptions& options) {
  if (!chain.closed() || options.mixing_depth == 0) return {};
  Vector d = Vector::Zero(chain.states());
  correction.improve(Vector::Ones(chain.states()), d);
  return d;
}

bool at_the_floor(const std::vector<double>& reductions) {
  const double best = *std::min_element(reductions.begin(), reductions.end());
  return best <= kDeep && reductions.back() > best;
}

}  // namespace

CorrectionOutcome repeat_correction(const PartialChain& chain, const Correction& correction, const Vector& residual,
                                    const CorrectionOptions& options) {
  CorrectionOutcome result{.d = Vector::Zero(residual.size())};
  Vector d = result.d;
  const double first = size_left(chain, residual, d);
  AndersonMixing mixing(std::max(1, options.mixing_depth), unknown_part(chain, correction, options));
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
    if (at_the_floor(result.reductions)) {  // d of the last check was better
      result.reductions.pop_back();
      break;
    }
    result.d = d;
    if (size <= options.reduction * first || size <= options.target_per_s) break;
    // Far from 0 digits are lost; a constant changes nothing else.
    if (chain.closed() && options.mixing_depth == 0) d.array() -= d(0);
  }
  return result;
}

}  // namespace windtunnel::solvers
