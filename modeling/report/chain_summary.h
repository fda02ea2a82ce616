// SPDX-License-Identifier: Apache-2.0
// A large chain for reading: the states that hold most of the probability, the rest as one.
#pragma once

#include <cstddef>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// The `most` - 1 most probable states in their order, without those below kRare, and one named "the other N" with what
/// all others hold together.
/// Its rates are those of the lumped stationary flow, sum over i in A of pi_i q_ij over pi_A, so that the picture's own
/// stationary law is exact. A chain of at most `most` states stays as it is. `most` >= 3.
inline constexpr double kRare = 1e-4;
ChainRecord summarised(const ChainRecord& chain, std::size_t most);

}  // namespace windtunnel::modeling
