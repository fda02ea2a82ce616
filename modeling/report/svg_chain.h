// SPDX-License-Identifier: Apache-2.0
// A small chain as a picture: states on a circle, filled by their probability, arrows with their rates.
#pragma once

#include <string>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// Most states that are drawn; beyond, arrows cover each other: a larger chain is summarised (chain_summary.h).
inline constexpr std::size_t kMostDrawnStates = 12;

/// Empty for a chain without named states.
std::string svg_chain(const ChainRecord& chain);

}  // namespace windtunnel::modeling
