// SPDX-License-Identifier: Apache-2.0
#include "solvers/explicit/explicit_header.h"

namespace windtunnel::solvers {

ExplicitHeader read_header(NumberReader& reader) {
  if (!reader.skip_to_word()) reader.fail("found the end of the file, expected the numbers of states and of entries");
  ExplicitHeader header{.where = reader.where()};
  header.states = reader.integer("the number of states", 1, kMostStates);
  header.entries = reader.integer("the number of entries", 0, kMostEntries);
  reader.expect_line_end();
  return header;
}

void require_states(const NumberReader& reader, const ExplicitHeader& header, Index states) {
  if (header.states == states) return;
  reader.fail_at(header.where, fmt::format("found {} states, the chain has {}", header.states, states));
}

void require_count(const NumberReader& reader, const ExplicitHeader& header, std::int64_t found) {
  if (found == header.entries) return;
  reader.fail_at(header.where, fmt::format("the header says {} entries, the file has {}", header.entries, found));
}

}  // namespace windtunnel::solvers
