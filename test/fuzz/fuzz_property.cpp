// SPDX-License-Identifier: Apache-2.0
// Any bytes as properties of one small chain: questions, values or messages, nothing else.
#include <cstddef>
#include <cstdint>
#include <string>

#include "solvers/csl/property_binding.h"
#include "solvers/csl/property_symmetry.h"
#include "solvers/numerics/chain_error.h"
#include "solvers/prism/model_file.h"

namespace {

using namespace windtunnel::solvers;

prism::BuiltModel small_model() {
  return prism::build_model(
      "ctmc const int N=3; module m x:[0..N]; b:bool; [a] x<N -> 1:(x'=x+1)&(b'=!b); [] x>0 -> 2:(x'=x-1); endmodule "
      "label \"low\" = x<2; rewards \"r\" true:x; [a] true:1; endrewards",
      "model");
}

void bind_all(const PropertyFile& file, prism::BuiltModel& model) {
  declare_constants(file, model.scope);
  const Vector values = Vector::LinSpaced(model.chain.states(), 0.0, 1.0);
  const auto inner = [&](const Query&) { return StateBounds{values, values}; };
  // Whatever x and b are: only their names are exchanged.
  const prism::ModuleSymmetry exchanged{.groups = {{{0}, {1}}}, .exchanges = {{1, 0}}};
  for (const PropertySyntax& property : file.properties) {
    try {
      require_symmetric(file, property, model.scope, exchanged);
    } catch (const InputError&) {
    }
    try {
      bind_property(file, property, model.chain, model.scope, inner);
    } catch (const InputError&) {
    } catch (const ChainError&) {
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const prism::BuiltModel kModel = small_model();
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    prism::BuiltModel model = kModel;
    bind_all(parse_properties(text, "fuzz"), model);
  } catch (const InputError&) {
  }
  return 0;
}
