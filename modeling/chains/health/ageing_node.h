// SPDX-License-Identifier: Apache-2.0
// A node that wears out: how often it fails by some time.
#pragma once

#include "modeling/spec/spec.h"
#include "solvers/phase_type/phase_type.h"

namespace windtunnel::modeling {

/// A life with the mean s Gamma(1 + 1/k) and the scv Gamma(1 + 2/k) / Gamma(1 + 1/k)^2 - 1 of a Weibull one: Erlang
/// phases for ageing (k > 1), hyperexponential for infant mortality (k < 1).
solvers::PhaseType wear_out_life(const WearOut& wear);

/// Expected failures of one node within time_s >= 0 of the start, when it had the stated age. Repaired as old: the
/// integral of the Weibull hazard, ((a + T)^k - a^k) / s^k. As new: the renewal function of the phase-type life, whose
/// first phases are those of a life that has lasted to that age.
double wear_out_failures(const WearOut& wear, double time_s);

}  // namespace windtunnel::modeling
