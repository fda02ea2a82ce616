// SPDX-License-Identifier: Apache-2.0
#include "cli/solve_sensitivity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/solve_model.h"
#include "solvers/sensitivity.h"

namespace windtunnel::cli {
namespace {

using solvers::LabelledChain;
using solvers::Sensitivity;

// Rates that are polynomials of degree two in a constant have no error from it; others one of its square.
constexpr double kRelativeStep = 0x1p-13;
constexpr std::size_t kListedTransitions = 10;

AnswerSensitivity sensitivity_to(std::string input, double input_value, std::optional<double> derivative,
                                 double value) {
  AnswerSensitivity result{.input = std::move(input), .input_value = input_value, .derivative = derivative};
  if (derivative.has_value() && value != 0.0) result.elasticity = *derivative * input_value / value;
  return result;
}

/// With the same modules counted.
LabelledChain chain_with(const SolveCommand& command, const solvers::prism::BuiltModel& model, const std::string& name,
                         double value) {
  SolveCommand changed = command;
  changed.symmetry = model.symmetric_modules;
  changed.constants =
      fmt::format("{}{}{}={:.17g}", command.constants, command.constants.empty() ? "" : ",", name, value);
  return load_model(changed).chain;
}

std::optional<double> derivative_by(const SolveCommand& command, const solvers::prism::BuiltModel& model,
                                    const solvers::Query& query, const Sensitivity& sensitivity,
                                    const std::string& name, double value) {
  const LabelledChain& chain = model.chain;
  const double step = value == 0.0 ? kRelativeStep : kRelativeStep * std::abs(value);
  try {
    const LabelledChain above = chain_with(command, model, name, value + step);
    const LabelledChain below = chain_with(command, model, name, value - step);
    if (!same_transitions(chain.generator, above.generator)) return std::nullopt;
    if (!same_transitions(chain.generator, below.generator)) return std::nullopt;
    const double change =
        first_order_change(chain, above, query, sensitivity) - first_order_change(chain, below, query, sensitivity);
    return change / ((value + step) - (value - step));
  } catch (const solvers::InputError&) {  // a value the model refuses
    return std::nullopt;
  }
}

std::vector<AnswerSensitivity> by_transitions(const LabelledChain& chain, const Sensitivity& sensitivity) {
  std::vector<AnswerSensitivity> all;
  for (solvers::Index i = 0; i < chain.states(); ++i) {
    if (sensitivity.time(i) == 0.0) continue;
    for (const auto [to, rate] : chain.generator.outgoing().row(i)) {
      all.push_back(
          sensitivity_to(fmt::format("{} -> {}", i, to), rate, sensitivity.by_rate(i, to), sensitivity.value));
    }
  }
  const std::size_t listed = std::min(kListedTransitions, all.size());
  const auto weight = [](const AnswerSensitivity& s) { return std::abs(s.elasticity.value_or(*s.derivative)); };
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(listed), all.end(),
                    [&](const auto& a, const auto& b) { return weight(a) > weight(b); });
  all.resize(listed);
  return all;
}

}  // namespace

SensitivityQuestion sensitivities_of(const SolveCommand& command, const solvers::prism::BuiltModel& model) {
  return [&command, &model](const solvers::Query& query) {
    const Sensitivity sensitivity = solve_sensitivity(model.chain, query);
    if (is_explicit(command.model)) return by_transitions(model.chain, sensitivity);
    std::vector<AnswerSensitivity> result;
    for (const auto& [name, value] : model.scope.used_real_constants()) {
      const auto derivative = derivative_by(command, model, query, sensitivity, name, value);
      result.push_back(sensitivity_to(name, value, derivative, sensitivity.value));
    }
    return result;
  };
}

}  // namespace windtunnel::cli
