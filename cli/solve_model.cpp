// SPDX-License-Identifier: Apache-2.0
#include "cli/solve_model.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "solvers/csl/property_binding.h"
#include "solvers/csl/property_symmetry.h"
#include "solvers/explicit/explicit_chain.h"
#include "solvers/numerics/chain_error.h"

namespace windtunnel::cli {
namespace {

using solvers::LabelledChain;

std::ifstream opened(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (std::filesystem::is_directory(path)) throw FileError(path + ": cannot be read: it is a directory");
  if (!file) throw FileError(path + ": cannot be read: " + std::strerror(errno));
  return file;
}

solvers::ExplicitTransitions read_transitions(const std::string& path, bool matrix_market) {
  std::ifstream file = opened(path);
  return matrix_market ? solvers::read_matrix_market(file, path) : solvers::read_tra(file, path);
}

std::vector<solvers::Label> read_labels(const std::string& path, solvers::Index states) {
  if (path.empty()) return {};
  std::ifstream file = opened(path);
  return solvers::read_labels(file, path, states);
}

void read_rewards(const SolveCommand& command, LabelledChain& chain) {
  for (const std::string& path : command.state_reward_files) {
    std::ifstream file = opened(path);
    for (auto& structure : solvers::read_state_rewards(file, path, chain.states())) {
      chain.rewards.push_back(std::move(structure));
    }
  }
  for (const std::string& path : command.transition_reward_files) {
    std::ifstream file = opened(path);
    solvers::read_transition_rewards(file, path, chain);
  }
}

void declare_variables(const LabelledChain& chain, const std::string& file, solvers::prism::Scope& scope) {
  const std::vector<solvers::StateVariable>& variables = chain.values.variables;
  for (std::size_t k = 0; k < variables.size(); ++k) {
    solvers::prism::VariableDeclaration declaration;
    declaration.name = variables[k].name;
    declaration.is_boolean = variables[k].is_boolean;
    scope.declare_variable(declaration, k, file);
  }
}

solvers::prism::BuiltModel load_explicit(const SolveCommand& command, bool matrix_market,
                                         const solvers::prism::GivenConstants& constants) {
  solvers::ExplicitTransitions transitions = read_transitions(command.model, matrix_market);
  std::vector<solvers::Label> labels = read_labels(command.label_file, transitions.generator.states());
  solvers::prism::Scope scope(constants);
  solvers::prism::BuiltModel model{solvers::labelled(std::move(transitions), std::move(labels)), std::move(scope)};
  read_rewards(command, model.chain);
  if (!command.state_file.empty()) {
    std::ifstream file = opened(command.state_file);
    model.chain.values = solvers::read_states(file, command.state_file, model.chain.states());
    declare_variables(model.chain, command.state_file, model.scope);
  }
  return model;
}

/// What the properties look at. Those that cannot be read are refused when they are asked.
std::vector<solvers::prism::ExpressionPointer> looked_at(const std::vector<solvers::PropertyFile>& files,
                                                         solvers::prism::Scope scope) {
  std::vector<solvers::prism::ExpressionPointer> all;
  for (const solvers::PropertyFile& file : files) {
    declare_constants(file, scope);
    for (const solvers::PropertySyntax& property : file.properties) {
      try {
        for (auto& expression : state_expressions(file, property, scope)) all.push_back(std::move(expression));
      } catch (const solvers::InputError&) {
        continue;
      }
    }
  }
  return all;
}

solvers::prism::SymmetryRequest symmetry_request(const SolveCommand& command,
                                                 const std::vector<solvers::PropertyFile>& properties) {
  if (command.symmetry != std::vector<std::string>{"auto"}) return {.groups = command.symmetry, .detect_for = {}};
  return {.groups = {},
          .detect_for = [&](solvers::prism::Scope scope) { return looked_at(properties, std::move(scope)); }};
}

}  // namespace

std::string file_text(const std::string& path) {
  std::ifstream file = opened(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool is_explicit(const std::string& path) {
  const std::string extension = std::filesystem::path(path).extension().string();
  return extension == ".tra" || extension == ".mtx";
}

solvers::prism::BuiltModel load_model(const SolveCommand& command,
                                      const std::vector<solvers::PropertyFile>& properties) {
  const solvers::prism::GivenConstants constants = solvers::prism::parse_constants(command.constants);
  if (is_explicit(command.model)) {
    return load_explicit(command, std::filesystem::path(command.model).extension() == ".mtx", constants);
  }
  return solvers::prism::build_model(file_text(command.model), command.model, constants, {},
                                     symmetry_request(command, properties));
}

solvers::prism::Scope load_scope(const SolveCommand& command, const LabelledChain& chain) {
  solvers::prism::GivenConstants constants = solvers::prism::parse_constants(command.constants);
  if (!is_explicit(command.model)) {
    return solvers::prism::model_scope(file_text(command.model), command.model, std::move(constants));
  }
  solvers::prism::Scope scope(std::move(constants));
  declare_variables(chain, command.state_file, scope);
  return scope;
}

}  // namespace windtunnel::cli
