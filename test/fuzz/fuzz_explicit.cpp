// SPDX-License-Identifier: Apache-2.0
// Any bytes as explicit files: the first byte says which, the rest is the file. What is read must be written and read
// back as the same text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "solvers/explicit/explicit_chain.h"
#include "solvers/explicit/explicit_output.h"
#include "solvers/numerics/chain_error.h"
#include "solvers/numerics/input_error.h"

namespace {

using namespace windtunnel::solvers;

/// Chains that a header of ten bytes makes large are slow, not wrong.
bool names_many_states(const std::string& text) {
  int digits = 0;
  for (const char c : text) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    if (digits > 5) return true;
  }
  return false;
}

LabelledChain small_chain() {
  std::istringstream input("3 3\n0 1 2\n1 1 4\n1 2 3\n");
  return labelled(read_tra(input, "small"), {});
}

void read_transitions(const std::string& text, bool matrix_market) {
  std::istringstream input(text);
  const LabelledChain chain = labelled(matrix_market ? read_matrix_market(input, "fuzz") : read_tra(input, "fuzz"), {});
  const std::string written = tra_text(chain);
  std::istringstream again(written);
  if (tra_text(labelled(read_tra(again, "written"), {})) != written) std::abort();
}

void read_one(char kind, const std::string& text) {
  std::istringstream input(text);
  LabelledChain chain = small_chain();
  switch (kind) {
    case 'l':
      labelled(ExplicitTransitions{chain.generator, {}}, read_labels(input, "fuzz", chain.states()));
      break;
    case 's':
      chain.values = read_states(input, "fuzz", chain.states());
      sta_text(chain);
      break;
    case 'r':
      read_state_rewards(input, "fuzz", chain.states());
      break;
    case 'w':
      read_transition_rewards(input, "fuzz", chain);
      trew_text(chain);
      break;
    default:
      if (!names_many_states(text)) read_transitions(text, kind == 'm');
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  try {
    read_one(static_cast<char>(data[0]), std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  } catch (const InputError&) {
  } catch (const ChainError&) {
  }
  return 0;
}
