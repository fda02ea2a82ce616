// SPDX-License-Identifier: Apache-2.0
// A chain as text: what explicit_chain.h reads, and a drawing. Rates are written with as many digits as it takes to
// read the same double back.
#pragma once
#include <string>

#include "solvers/chain/labelled_chain.h"

namespace windtunnel::solvers {

/// `n m` and one line `from to rate` for each transition, self-loops included, in ascending order.
std::string tra_text(const LabelledChain& chain);
/// All labels; states that have none are left out.
std::string lab_text(const LabelledChain& chain);
/// Empty when the chain has no variables.
std::string sta_text(const LabelledChain& chain);
/// All structures, each with its name in a comment line; rewards of 0 are left out.
std::string srew_text(const LabelledChain& chain);
/// The same for transitions. Self-loops are left out.
std::string trew_text(const LabelledChain& chain);
/// The generator matrix with its diagonal. Self-loops, which it cannot hold, are left out.
std::string matrix_market_text(const LabelledChain& chain);

/// States that a drawing may have.
inline constexpr Index kMostDrawnStates = 5000;
/// GraphViz: a node for each state with its variables and labels, an edge for each transition with its rate. Throws
/// ChainError beyond kMostDrawnStates.
std::string dot_text(const LabelledChain& chain);

}  // namespace windtunnel::solvers
