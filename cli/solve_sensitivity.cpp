// SPDX-License-Identifier: Apache-2.0
#include "cli/solve_sensitivity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/solve_model.h"
#include "solvers/csl/derivative_bounds.h"

namespace windtunnel::cli {
namespace {

using solvers::ChainChange;
using solvers::DerivativeBounds;
using solvers::LabelledChain;
using solvers::Sensitivity;

constexpr std::size_t kListedTransitions = 10;

AnswerSensitivity sensitivity_to(std::string input, double input_value, double derivative, double value) {
  AnswerSensitivity result{.input = std::move(input), .input_value = input_value, .derivative = derivative};
  if (value != 0.0) result.elasticity = derivative * input_value / value;
  return result;
}

/// The farther end of the bounds; none when they are infinite.
void add_bound(const solvers::Interval& bounds, AnswerSensitivity& sensitivity) {
  const double d = *sensitivity.derivative;
  const double error = std::max(bounds.upper - d, d - bounds.lower);
  if (std::isfinite(error)) sensitivity.error_bound = error > 0.0 ? std::nextafter(error, HUGE_VAL) : 0.0;
}

/// The structure whose rewards count, if the question is about rewards.
std::optional<std::size_t> rewards_of(const solvers::Query& query) {
  if (query.kind != solvers::QueryKind::kReward) return std::nullopt;
  return query.reward.structure;
}

/// A model text and the constants it was built with.
struct ModelSource {
  std::string text;
  std::string file;
  solvers::prism::GivenConstants constants;
};

AnswerSensitivity by_constant(const ModelSource& source, const solvers::prism::BuiltModel& model,
                              const solvers::Query& query, const Sensitivity& sensitivity,
                              const DerivativeBounds& bounds, const std::string& name, double value) {
  try {
    const ChainChange change =
        model_derivative(source.text, source.file, source.constants, name, model, rewards_of(query));
    AnswerSensitivity result = sensitivity_to(name, value, along(model.chain, sensitivity, change), sensitivity.value);
    add_bound(bounds.of(change), result);
    return result;
  } catch (const solvers::InputError& error) {
    return {.input = name, .input_value = value, .derivative = {}, .message = error.what()};
  }
}

std::vector<AnswerSensitivity> by_constants(const ModelSource& source, const solvers::prism::BuiltModel& model,
                                            const solvers::Query& query, const Sensitivity& sensitivity) {
  const DerivativeBounds bounds(model.chain, sensitivity);
  std::vector<AnswerSensitivity> result;
  for (const auto& [name, value] : model.scope.used_real_constants()) {
    result.push_back(by_constant(source, model, query, sensitivity, bounds, name, value));
  }
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
  if (is_explicit(command.model)) {
    return [&model](const solvers::Query& query) {
      return by_transitions(model.chain, solve_sensitivity(model.chain, query));
    };
  }
  const ModelSource source{file_text(command.model), command.model, solvers::prism::parse_constants(command.constants)};
  return [source, &model](const solvers::Query& query) {
    return by_constants(source, model, query, solve_sensitivity(model.chain, query));
  };
}

}  // namespace windtunnel::cli
