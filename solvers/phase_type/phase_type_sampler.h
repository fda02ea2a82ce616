// SPDX-License-Identifier: Apache-2.0
// Random durations of a phase-type law.
#pragma once
#include "solvers/numerics/random.h"
#include "solvers/phase_type/phase_type.h"

namespace windtunnel::solvers {

class PhaseTypeSampler {
 public:
  explicit PhaseTypeSampler(PhaseType duration);

  double operator()(RandomSource& random) const;

 private:
  int first_phase(RandomSource& random) const;
  double walk(int phase, RandomSource& random) const;

  PhaseType duration_;
  // Phases in a row with one rate, entered anywhere (the fits up to scv 1): the time left is gamma, one draw instead of
  // one per phase.
  bool is_row_of_equal_phases_ = false;
};

}  // namespace windtunnel::solvers
