// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/guard_index.h"

#include "solvers/prism/evaluator.h"

namespace windtunnel::solvers::prism {
namespace {

/// Tables up to 8 MiB in all: beyond the caches, looking up costs more than evaluating.
constexpr std::uint64_t kMaxTableWords = 1u << 20;

ExpressionPointer joined(const ExpressionPointer& left, const ExpressionPointer& right) {
  if (left == nullptr) return right;
  Expression both{.op = Operator::kAnd, .where = right->where, .operands = {left, right}, .type = Type::kBoolean};
  return make(std::move(both));
}

template <typename Number>
std::vector<std::uint64_t> refused_values(const Program& program, const Code& code, const StateVariable& variable) {
  BasicEvaluator<Number> evaluator(program);
  std::vector<std::uint64_t> state(static_cast<std::size_t>(variable.word) + 1, 0);
  std::vector<std::uint64_t> refused;
  for (std::uint64_t value = 0; value <= static_cast<std::uint64_t>(variable.highest - variable.lowest); ++value) {
    state.back() = variable.bits == 0 ? 0 : value << variable.shift;
    if (evaluator.integer(code, state.data()) == 0) refused.push_back(value);
  }
  return refused;
}

/// The values of the variable for which the part does not hold. Throws ExpressionError when it has no value for one.
std::vector<std::uint64_t> refused_values(std::span<const StateVariable> variables, const StateVariable& variable,
                                          const ExpressionPointer& part) {
  Program program(variables);
  const Code code = program.compile(part);
  return program.moves() ? refused_values<DualNumber>(program, code, variable)
                         : refused_values<double>(program, code, variable);
}

}  // namespace

GuardIndex::GuardIndex(std::span<const StateVariable> variables, const std::vector<ExpressionPointer>& guards)
    : words_((guards.size() + 63) / 64),
      all_(words_, 0),
      table_of_(variables.size(), kNoTable),
      remainders_(guards.size()) {
  for (std::size_t command = 0; command < guards.size(); ++command) {
    all_[command / 64] |= std::uint64_t{1} << (command % 64);
    for (const ExpressionPointer& part : conjuncts(guards[command])) {
      if (!tabulated(variables, command, part)) remainders_[command] = joined(remainders_[command], part);
    }
  }
}

bool GuardIndex::tabulated(std::span<const StateVariable> variables, std::size_t command,
                           const ExpressionPointer& part) {
  const std::vector<std::size_t> read = variables_of(part);
  if (read.empty() && part->op == Operator::kLiteral) {
    if (part->value.integer == 0) all_[command / 64] &= ~(std::uint64_t{1} << (command % 64));
    return true;
  }
  if (read.size() != 1 || !has_table(variables[read[0]], read[0])) return false;
  try {
    const std::size_t begin = tables_[table_of_[read[0]]].begin;
    for (const std::uint64_t value : refused_values(variables, variables[read[0]], part)) {
      sets_[begin + value * words_ + command / 64] &= ~(std::uint64_t{1} << (command % 64));
    }
    return true;
  } catch (const ExpressionError&) {
    return false;  // no value somewhere, say mod(1, x) at x = 0: perhaps never asked for there
  }
}

/// Makes the table if there is room.
bool GuardIndex::has_table(const StateVariable& variable, std::size_t number) {
  if (table_of_[number] != kNoTable) return true;
  const std::uint64_t size = (std::uint64_t{1} << variable.bits) * words_;
  if (sets_.size() + size > kMaxTableWords) return false;
  table_of_[number] = tables_.size();
  const std::uint64_t mask = (std::uint64_t{1} << variable.bits) - 1;
  tables_.push_back({static_cast<std::size_t>(variable.word), variable.shift, mask, sets_.size()});
  sets_.resize(sets_.size() + size, ~std::uint64_t{0});
  return true;
}

}  // namespace windtunnel::solvers::prism
