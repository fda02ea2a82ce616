// SPDX-License-Identifier: Apache-2.0
// The first line of an explicit file, and what the lines below it must agree with.
#pragma once
#include <cstdint>
#include <limits>

#include "solvers/explicit/number_reader.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

inline constexpr std::int64_t kMostStates = std::numeric_limits<std::int32_t>::max();
inline constexpr std::int64_t kMostEntries = std::int64_t{1} << 48;

/// `n m`.
struct ExplicitHeader {
  Index states = 0;
  std::int64_t entries = 0;
  SourceLocation where;
};

/// Each throws InputError in the reader's file.
ExplicitHeader read_header(NumberReader& reader);
/// The chain has so many states.
void require_states(const NumberReader& reader, const ExplicitHeader& header, Index states);
/// The file has so many entries.
void require_count(const NumberReader& reader, const ExplicitHeader& header, std::int64_t found);
/// A number from 0 to states - 1.
inline Index read_state(NumberReader& reader, Index states) {
  return reader.integer("a state", 0, states - 1);
}

}  // namespace windtunnel::solvers
