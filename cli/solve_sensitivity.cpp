// SPDX-License-Identifier: Apache-2.0
#include "cli/solve_sensitivity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/solve_model.h"
#include "solvers/derivative_bounds.h"

namespace windtunnel::cli {
namespace {

using solvers::ChainChange;
using solvers::DerivativeBounds;
using solvers::LabelledChain;
using solvers::Sensitivity;

// Rates that are polynomials of degree two in a constant have no error from it; others one of its square.
constexpr double kRelativeStep = 0x1p-13;
constexpr std::size_t kListedTransitions = 10;

AnswerSensitivity sensitivity_to(std::string input, double input_value, double derivative, double value) {
  AnswerSensitivity result{.input = std::move(input), .input_value = input_value, .derivative = derivative};
  if (value != 0.0) result.elasticity = derivative * input_value / value;
  return result;
}

/// The farther end of the bounds; none when they are infinite.
void add_bound(const solvers::Interval& bounds, AnswerSensitivity& sensitivity) {
  const double d = *sensitivity.derivative;
  const double error = std::nextafter(std::max(bounds.upper - d, d - bounds.lower), HUGE_VAL);
  if (std::isfinite(error)) sensitivity.error_bound = std::max(error, 0.0);
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

/// The change of the chain per unit of a constant, over so wide a step. Empty where its states depend on it, or the
/// model refuses a value.
std::optional<ChainChange> change_by(const SolveCommand& command, const solvers::prism::BuiltModel& model,
                                     const solvers::Query& query, const std::string& name, double value, double step) {
  try {
    const LabelledChain above = chain_with(command, model, name, value + step);
    const LabelledChain below = chain_with(command, model, name, value - step);
    if (!same_transitions(model.chain.generator, above.generator)) return std::nullopt;
    if (!same_transitions(model.chain.generator, below.generator)) return std::nullopt;
    return central_difference(below, above, query, (value + step) - (value - step));
  } catch (const solvers::InputError&) {
    return std::nullopt;
  }
}

AnswerSensitivity by_constant(const SolveCommand& command, const solvers::prism::BuiltModel& model,
                              const solvers::Query& query, const Sensitivity& sensitivity,
                              const DerivativeBounds& bounds, const std::string& name, double value) {
  const double step = value == 0.0 ? kRelativeStep : kRelativeStep * std::abs(value);
  std::optional<ChainChange> change = change_by(command, model, query, name, value, step);
  const std::optional<ChainChange> twice = change_by(command, model, query, name, value, 2.0 * step);
  if (!change.has_value() || !twice.has_value()) return {.input = name, .input_value = value};
  const ChainChange known = with_estimated_error(*std::move(change), *twice);
  AnswerSensitivity result = sensitivity_to(name, value, along(model.chain, sensitivity, known), sensitivity.value);
  add_bound(bounds.of(known), result);
  return result;
}

/// A stored transition, by its position, and what it changes.
struct TransitionDerivative {
  std::size_t position = 0;
  AnswerSensitivity sensitivity;

  double weight() const { return std::abs(sensitivity.elasticity.value_or(*sensitivity.derivative)); }
};

std::vector<TransitionDerivative> largest_derivatives(const LabelledChain& chain, const Sensitivity& sensitivity) {
  const solvers::SparseRates& rates = chain.generator.outgoing();
  std::vector<TransitionDerivative> all;
  for (solvers::Index i = 0; i < chain.states(); ++i) {
    if (sensitivity.time(i) == 0.0) continue;
    auto position = static_cast<std::size_t>(rates.begin[static_cast<std::size_t>(i)]);
    for (const auto [to, rate] : rates.row(i)) {
      all.push_back({position++, sensitivity_to(fmt::format("{} -> {}", i, to), rate, sensitivity.by_rate(i, to),
                                                sensitivity.value)});
    }
  }
  const std::size_t listed = std::min(kListedTransitions, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(listed), all.end(),
                    [](const auto& a, const auto& b) { return a.weight() > b.weight(); });
  all.resize(listed);
  return all;
}

std::vector<AnswerSensitivity> by_transitions(const LabelledChain& chain, const Sensitivity& sensitivity) {
  const DerivativeBounds bounds(chain, sensitivity);
  std::vector<AnswerSensitivity> result;
  ChainChange change(chain.generator);
  for (TransitionDerivative& one : largest_derivatives(chain, sensitivity)) {
    change.rate[one.position] = 1.0;
    add_bound(bounds.of(change), one.sensitivity);
    change.rate[one.position] = 0.0;
    result.push_back(std::move(one.sensitivity));
  }
  return result;
}

}  // namespace

SensitivityQuestion sensitivities_of(const SolveCommand& command, const solvers::prism::BuiltModel& model) {
  return [&command, &model](const solvers::Query& query) {
    const Sensitivity sensitivity = solve_sensitivity(model.chain, query);
    if (is_explicit(command.model)) return by_transitions(model.chain, sensitivity);
    const DerivativeBounds bounds(model.chain, sensitivity);
    std::vector<AnswerSensitivity> result;
    for (const auto& [name, value] : model.scope.used_real_constants()) {
      result.push_back(by_constant(command, model, query, sensitivity, bounds, name, value));
    }
    return result;
  };
}

}  // namespace windtunnel::cli
