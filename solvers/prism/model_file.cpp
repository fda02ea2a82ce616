// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/model_file.h"

#include "solvers/prism/bound_model.h"
#include "solvers/prism/chain_derivative.h"
#include "solvers/prism/state_space.h"

namespace windtunnel::solvers::prism {

namespace {

ModuleSymmetry symmetry_of(const BoundModel& model, const Scope& scope, const SymmetryRequest& request) {
  if (!request.groups.empty()) return declared_symmetry(model, request.groups);
  if (request.detect_for) return detected_symmetry(model, request.detect_for(scope));
  return {};
}

}  // namespace

Scope model_scope(const std::string& text, const std::string& file, GivenConstants constants) {
  Scope scope(std::move(constants));
  bind_model(parse_model(text, file), scope);
  return scope;
}

BuiltModel build_model(const std::string& text, const std::string& file, const GivenConstants& constants,
                       const ExploreOptions& options, const SymmetryRequest& request) {
  Scope scope(constants);
  const BoundModel model = bind_model(parse_model(text, file), scope);
  ModuleSymmetry symmetry = symmetry_of(model, scope, request);
  LabelledChain chain = build_chain(model, options, symmetry);
  std::vector<std::string> names = group_names(symmetry, model);
  return {std::move(chain), std::move(scope), std::move(symmetry), std::move(names)};
}

ChainChange model_derivative(const std::string& text, const std::string& file, const GivenConstants& constants,
                             const std::string& by, const BuiltModel& built, std::optional<std::size_t> rewards) {
  Scope scope(constants);
  scope.differentiate_by(by);
  const BoundModel model = bind_model(parse_model(text, file), scope);
  const SymmetryRequest same_modules{.groups = built.symmetric_modules, .detect_for = {}};
  return chain_derivative(model, symmetry_of(model, scope, same_modules), built.chain, rewards);
}

}  // namespace windtunnel::solvers::prism
