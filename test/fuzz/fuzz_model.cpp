// SPDX-License-Identifier: Apache-2.0
// Any bytes as a model: a chain or a message, nothing else. Counting equal modules never makes the chain larger.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "solvers/numerics/chain_error.h"
#include "solvers/prism/model_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace windtunnel::solvers;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const prism::GivenConstants constants = {{"N", prism::Value::of(std::int64_t{3})}};
    const prism::BuiltModel apart = prism::build_model(text, "fuzz", constants, {.max_states = 2000});
    const auto nothing_kept = [](const prism::Scope&) { return std::vector<prism::ExpressionPointer>(); };
    const prism::BuiltModel counted =
        prism::build_model(text, "fuzz", constants, {.max_states = 2000}, {.groups = {}, .detect_for = nothing_kept});
    if (counted.chain.states() > apart.chain.states()) std::abort();
  } catch (const InputError&) {
  } catch (const ChainError&) {
  }
  return 0;
}
