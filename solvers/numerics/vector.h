// SPDX-License-Identifier: Apache-2.0
// The dense vector and matrix of the library and the type that counts states.
#pragma once
#include <Eigen/Core>

namespace windtunnel::solvers {

/// Number of a state, 0-based, or a count of states or transitions.
using Index = Eigen::Index;

using Vector = Eigen::VectorXd;

using Matrix = Eigen::MatrixXd;

}  // namespace windtunnel::solvers
