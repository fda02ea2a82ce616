// SPDX-License-Identifier: Apache-2.0
#include "cli/solve_answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <new>
#include <utility>

#include "solvers/chain_error.h"
#include "solvers/csl/property_binding.h"
#include "solvers/csl/property_symmetry.h"
#include "solvers/lumped_question.h"
#include "solvers/model_checking.h"

namespace windtunnel::cli {
namespace {

using solvers::LabelledChain;

/// What the solver is asked for.
solvers::CheckOptions check_options(const AnswerOptions& options) {
  solvers::CheckOptions result{.method = options.method, .verify = options.verify, .threads = options.threads};
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

/// The answer between bounds that hold whatever rates that differ by `rate_error` do to it.
void widen(solvers::CheckResult& result, const LabelledChain& chain, const solvers::Query& query, double rate_error) {
  if (std::isinf(result.upper) || !has_bounded_perturbation(chain, query)) return;
  const double largest = std::max(std::abs(result.lower), std::abs(result.upper));
  const double more = perturbation(chain, query, rate_error, largest);
  result.lower -= more;
  result.upper += more;
  if (result.error_bound.has_value()) *result.error_bound += more;
  if (result.verified.has_value()) result.verified = {result.verified->lower - more, result.verified->upper + more};
}

/// The quotient's answer between bounds for the chain itself.
solvers::CheckResult lumped_result(const solvers::LumpedQuestion& lumped, const solvers::CheckOptions& options) {
  solvers::CheckResult result = check(lumped.chain, lumped.query, lumped.filter, options);
  widen(result, lumped.chain, lumped.query, lumped.rate_error);
  return result;
}

void answer_question(const solvers::prism::BuiltModel& model, const solvers::Question& question,
                     const AnswerOptions& asked, PropertyAnswer& answer) {
  const LabelledChain& chain = model.chain;
  const solvers::CheckOptions options = check_options(asked);
  const auto lumped = asked.lump ? solvers::lumped_question(chain, question.query, question.filter) : std::nullopt;
  if (lumped.has_value()) answer.lumped_states = lumped->chain.states();
  solvers::CheckResult result =
      lumped.has_value() ? lumped_result(*lumped, options) : check(chain, question.query, question.filter, options);
  if (!model.symmetry.empty()) widen(result, chain, question.query, solvers::prism::kOrbitRateError);
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
      return inner_bounds(model.chain, query, check_options(options));
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
