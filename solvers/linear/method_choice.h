// SPDX-License-Identifier: Apache-2.0
// Direct or by sweeps: which method suits a system with the rates of a chain.
#pragma once
#include "solvers/chain/sparse_rates.h"
#include "solvers/linear/state_reduction.h"
#include "solvers/numerics/solve_result.h"

namespace windtunnel::solvers {

/// The method for these rates: `requested`, or for kAutomatic a reduction in the band where about two seconds and half
/// a gigabyte are enough, on the full matrix up to 2,000 states (half a second), sweeps above. Throws
/// std::invalid_argument for a method that solves no linear system or a full matrix of more than 20,000 states.
Method choose_method(const SparseRates& rates, Method requested, Method iterative);

/// The storage of a reduction that choose_method has chosen.
StateReduction::Storage storage_of(Method reduction);

/// Throws std::invalid_argument unless tolerance > 0 and max_iterations >= 1.
void check_sweep_options(double tolerance, long long max_iterations);

}  // namespace windtunnel::solvers
