// SPDX-License-Identifier: Apache-2.0
// Any bytes as a model: a chain or a message, nothing else.
#include <cstddef>
#include <cstdint>
#include <string>

#include "solvers/chain_error.h"
#include "solvers/prism/model_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace windtunnel::solvers;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    prism::build_model(text, "fuzz", {{"N", prism::Value::of(std::int64_t{3})}}, {.max_states = 2000});
  } catch (const InputError&) {
  } catch (const ChainError&) {
  }
  return 0;
}
