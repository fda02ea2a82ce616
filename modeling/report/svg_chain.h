// SPDX-License-Identifier: Apache-2.0
// A small chain as a picture: states on a circle, filled by their probability, arrows with their rates.
#pragma once

#include <string>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// Largest chain that is drawn; beyond, arrows cover each other.
inline constexpr std::size_t kMostDrawnStates = 14;

/// Empty for a chain without named states or with too many.
std::string svg_chain(const ChainRecord& chain);

}  // namespace windtunnel::modeling
