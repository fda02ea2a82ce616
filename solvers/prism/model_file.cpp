// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/model_file.h"

#include "solvers/prism/bound_model.h"
#include "solvers/prism/state_space.h"

namespace windtunnel::solvers::prism {

BuiltModel build_model(const std::string& text, const std::string& file, const GivenConstants& constants,
                       const ExploreOptions& options) {
  Scope scope(constants);
  const BoundModel model = bind_model(parse_model(text, file), scope);
  return {build_chain(model, options), std::move(scope)};
}

}  // namespace windtunnel::solvers::prism
