// SPDX-License-Identifier: Apache-2.0
#include "cli/solve_answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <new>
#include <utility>

#include "solvers/csl/lumped_question.h"
#include "solvers/csl/model_checking.h"
#include "solvers/csl/property_binding.h"
#include "solvers/csl/property_symmetry.h"
#include "solvers/numerics/chain_error.h"

namespace windtunnel::cli {
namespace {

using solvers::LabelledChain;

/// What the solver is asked for. Rates of a chain that counts equal modules are rounded sums.
solvers::CheckOptions check_options(const AnswerOptions& options, const solvers::prism::BuiltModel& model) {
  solvers::CheckOptions result{.method = options.method,
                               .verify = options.verify,
                               .threads = options.threads,
                               .rate_error = model.symmetry.empty() ? 0.0 : solvers::prism::kOrbitRateError};
  if (options.tolerance > 0.0) result.absolute_tolerance = result.relative_tolerance = options.tolerance;
  return result;
}

void answer_comparison(const solvers::Threshold& threshold, const solvers::CheckResult& result,
                       PropertyAnswer& answer) {
  const bool holds = threshold.holds(result.lower);
  if (holds == threshold.holds(result.upper)) {
    answer.value = holds;
    return;
  }
  answer.exit_code = ExitCode::kNoAnswer;
  answer.message = fmt::format("the value lies between {} and {}, too close to {} to compare", result.lower,
                               result.upper, threshold.level);
}

/// Questions without derivatives keep their answer, and say why.
void add_sensitivities(const AnswerOptions& asked, const solvers::Query& query, PropertyAnswer& answer) {
  try {
    answer.sensitivities = asked.sensitivities(query);
  } catch (const solvers::ChainError& error) {
    answer.message = error.what();
  }
}

void answer_question(const solvers::prism::BuiltModel& model, const solvers::Question& question,
                     const AnswerOptions& asked, PropertyAnswer& answer) {
  const LabelledChain& chain = model.chain;
  solvers::CheckOptions options = check_options(asked, model);
  const auto lumped =
      asked.lump ? solvers::lumped_question(chain, question.query, question.filter, options.rate_error) : std::nullopt;
  if (lumped.has_value()) {
    answer.lumped_states = lumped->chain.states();
    options.rate_error = lumped->rate_error;
  }
  const solvers::CheckResult result = lumped.has_value() ? check(lumped->chain, lumped->query, lumped->filter, options)
                                                         : check(chain, question.query, question.filter, options);
  answer.error_bound = result.error_bound;
  answer.lower = result.lower;
  answer.upper = result.upper;
  answer.method = to_string(result.method_used);
  answer.iterations = result.iterations;
  if (question.threshold.has_value()) {
    answer_comparison(*question.threshold, result, answer);
  } else if (result.usable()) {
    answer.value = result.value;
  } else {
    answer.exit_code = ExitCode::kNoAnswer;
    answer.message = result.message;
  }
  answer.verified = result.verified;
  if (answer.verified.has_value() &&
      !(answer.verified->lower <= result.upper && answer.verified->upper >= result.lower)) {
    answer.exit_code = ExitCode::kNoAnswer;
    answer.value.reset();
    answer.message = "the certificate proves another answer than the solver";
  }
  if (asked.sensitivities && result.usable()) add_sensitivities(asked, question.query, answer);
}

solvers::StateBounds inner_bounds(const LabelledChain& chain, const solvers::Query& query,
                                  const solvers::CheckOptions& options) {
  const solvers::StateSet all(static_cast<std::size_t>(chain.states()), true);
  solvers::StateAnswer result = check_states(chain, query, all, options);
  if (!result.usable()) throw solvers::ChainError("inner operator " + to_string(query.kind) + ": " + result.message);
  for (solvers::Index i = 0; i < chain.states(); ++i) {
    const solvers::Interval bounds = result.bounds(i);
    result.lower(i) = bounds.lower;
    result.upper(i) = bounds.upper;
  }
  return {std::move(result.lower), std::move(result.upper)};
}

void answer_value(const solvers::prism::Value& value, PropertyAnswer& answer) {
  if (value.type == solvers::prism::Type::kBoolean) {
    answer.value = value.integer != 0;
  } else {
    answer.value = value.as_double();
  }
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

PropertyAnswer answer(const solvers::PropertyFile& file, const solvers::PropertySyntax& property,
                      solvers::prism::BuiltModel& model, const AnswerOptions& options) {
  PropertyAnswer answer{.name = property.name, .property = property.text};
  const auto start = std::chrono::steady_clock::now();
  try {
    require_symmetric(file, property, model.scope, model.symmetry);
    const auto inner = [&](const solvers::Query& query) {
      return inner_bounds(model.chain, query, check_options(options, model));
    };
    const solvers::BoundProperty bound = bind_property(file, property, model.chain, model.scope, inner);
    if (const auto* question = std::get_if<solvers::Question>(&bound)) {
      answer_question(model, *question, options, answer);
    } else {
      answer_value(std::get<solvers::prism::Value>(bound), answer);
    }
  } catch (const solvers::InputError& error) {
    answer.message = error.what();
    answer.exit_code = ExitCode::kBadInput;
  } catch (const solvers::ChainError& error) {
    answer.message = error.what();
    answer.exit_code = ExitCode::kNoAnswer;
  } catch (const std::bad_alloc&) {
    answer.message = "no answer: it does not fit the memory";
    answer.exit_code = ExitCode::kNoAnswer;
  }
  answer.solve_time_s = seconds_since(start);
  return answer;
}

}  // namespace

std::vector<PropertyAnswer> answers(const solvers::PropertyFile& file, solvers::prism::BuiltModel& model,
                                    const AnswerOptions& options) {
  solvers::declare_constants(file, model.scope);
  std::vector<PropertyAnswer> answers;
  for (const solvers::PropertySyntax& property : file.properties) {
    answers.push_back(answer(file, property, model, options));
  }
  return answers;
}

}  // namespace windtunnel::cli
