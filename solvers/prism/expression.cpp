// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/expression.h"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_set>

#include "solvers/prism/evaluator.h"

namespace windtunnel::solvers::prism {
namespace {

/// Branches that were handled already: shared ones are visited once.
using Memory = std::unordered_map<const Expression*, ExpressionPointer>;

bool is_number(Type type) {
  return type != Type::kBoolean;
}

void require_number(const Expression& operand) {
  if (!is_number(operand.type)) throw ExpressionError{operand.where, "found a boolean, expected a number"};
}

void require_numbers(const Expression& e) {
  for (const ExpressionPointer& operand : e.operands) require_number(*operand);
}

void require_booleans(const Expression& e) {
  for (const ExpressionPointer& operand : e.operands) require_type(*operand, Type::kBoolean);
}

void require_integers(const Expression& e) {
  for (const ExpressionPointer& operand : e.operands) require_type(*operand, Type::kInteger);
}

Type widest(const Expression& e) {
  require_numbers(e);
  const bool integers = std::all_of(e.operands.begin(), e.operands.end(),
                                    [](const ExpressionPointer& operand) { return operand->type == Type::kInteger; });
  return integers ? Type::kInteger : Type::kDouble;
}

void require_comparable(const Expression& left, const Expression& right) {
  if (is_number(left.type) == is_number(right.type)) return;
  throw ExpressionError{right.where,
                        "found " + to_string(right.type) + ", expected " + to_string(left.type) + " as on the left"};
}

Type type_of_conditional(const Expression& e) {
  require_type(*e.operands[0], Type::kBoolean);
  require_comparable(*e.operands[1], *e.operands[2]);
  return e.operands[1]->type == e.operands[2]->type ? e.operands[1]->type : Type::kDouble;
}

/// The type of an operator over typed operands; throws where they do not fit.
Type derived_type(const Expression& e) {
  switch (e.op) {
    case Operator::kLiteral:
      return e.value.type;
    case Operator::kIdentifier:
    case Operator::kVariable:
    case Operator::kLabel:
    case Operator::kQuery:
      return e.type;
    case Operator::kConditional:
      return type_of_conditional(e);
    case Operator::kImplies:
    case Operator::kEquivalent:
    case Operator::kOr:
    case Operator::kAnd:
    case Operator::kNot:
      require_booleans(e);
      return Type::kBoolean;
    case Operator::kEqual:
    case Operator::kNotEqual:
      require_comparable(*e.operands[0], *e.operands[1]);
      return Type::kBoolean;
    case Operator::kLess:
    case Operator::kLessOrEqual:
    case Operator::kGreater:
    case Operator::kGreaterOrEqual:
      require_numbers(e);
      return Type::kBoolean;
    case Operator::kAdd:
    case Operator::kSubtract:
    case Operator::kMultiply:
    case Operator::kNegate:
    case Operator::kMinimum:
    case Operator::kMaximum:
    case Operator::kPower:
      return widest(e);
    case Operator::kDivide:
    case Operator::kLogarithm:
      require_numbers(e);
      return Type::kDouble;
    case Operator::kFloor:
    case Operator::kCeiling:
    case Operator::kRound:
      require_numbers(e);
      return Type::kInteger;
    case Operator::kModulo:
      require_integers(e);
      return Type::kInteger;
  }
  return Type::kInteger;
}

bool is_literal(const ExpressionPointer& e) {
  return e->op == Operator::kLiteral;
}
bool is_literal(const ExpressionPointer& e, bool value) {
  return is_literal(e) && e->type == Type::kBoolean && (e->value.integer != 0) == value;
}

/// A branch that a literal decides: `true & x`, `false => x`, `true ? x : y`.
std::optional<ExpressionPointer> decided(const Expression& e) {
  const std::vector<ExpressionPointer>& sides = e.operands;
  if (e.op == Operator::kConditional && is_literal(sides[0])) {
    const ExpressionPointer& taken = sides[is_literal(sides[0], true) ? 1 : 2];
    return taken->type == e.type ? std::optional(taken) : std::nullopt;
  }
  if (e.op != Operator::kAnd && e.op != Operator::kOr) return std::nullopt;
  const bool neutral = e.op == Operator::kAnd;
  if (is_literal(sides[0], neutral)) return sides[1];
  if (is_literal(sides[1], neutral)) return sides[0];
  if (is_literal(sides[0], !neutral)) return sides[0];
  return std::nullopt;
}

/// An operator over literals is a literal, unless it has no value (modulo 0): then it fails where it is evaluated,
/// which may be never.
ExpressionPointer folded(const ExpressionPointer& e) {
  if (const std::optional<ExpressionPointer> branch = decided(*e)) return *branch;
  if (e->operands.empty() || !std::all_of(e->operands.begin(), e->operands.end(),
                                          [](const ExpressionPointer& operand) { return is_literal(operand); })) {
    return e;
  }
  try {
    return literal(constant_value(e), e->where);
  } catch (const ExpressionError&) {
    return e;
  }
}

ExpressionPointer bind_once(const ExpressionPointer& expression, const NameLookup& lookup, Memory& done) {
  if (const auto known = done.find(expression.get()); known != done.end()) return known->second;
  ExpressionPointer result;
  if (expression->op == Operator::kIdentifier) {
    result = lookup(*expression);
  } else {
    Expression copy = *expression;
    for (ExpressionPointer& operand : copy.operands) operand = bind_once(operand, lookup, done);
    copy.type = derived_type(copy);
    result = folded(make(std::move(copy)));
  }
  done.emplace(expression.get(), result);
  return result;
}

ExpressionPointer substitute_once(const ExpressionPointer& expression, const NameLookup& replacement, Memory& done) {
  if (const auto known = done.find(expression.get()); known != done.end()) return known->second;
  ExpressionPointer result = expression;
  if (expression->op == Operator::kIdentifier || expression->op == Operator::kLabel ||
      expression->op == Operator::kQuery) {
    if (ExpressionPointer other = replacement(*expression)) result = std::move(other);
  } else if (!expression->operands.empty()) {
    Expression copy = *expression;
    for (ExpressionPointer& operand : copy.operands) operand = substitute_once(operand, replacement, done);
    result = make(std::move(copy));
  }
  done.emplace(expression.get(), result);
  return result;
}

/// Calls receive for every branch, shared ones once.
template <typename Receive>
void visit(const ExpressionPointer& e, std::unordered_set<const Expression*>& seen, const Receive& receive) {
  if (!seen.insert(e.get()).second) return;
  receive(*e);
  for (const ExpressionPointer& operand : e->operands) visit(operand, seen, receive);
}

}  // namespace

std::string to_string(Type type) {
  switch (type) {
    case Type::kInteger:
      return "an integer";
    case Type::kDouble:
      return "a double";
    case Type::kBoolean:
      return "a boolean";
  }
  return "";
}

std::string to_string(const Value& value) {
  if (value.type == Type::kBoolean) return value.integer != 0 ? "true" : "false";
  return value.type == Type::kInteger ? fmt::format("{}", value.integer) : fmt::format("{}", value_of(value.real));
}

bool Value::operator==(const Value& other) const {
  return type == other.type && integer == other.integer && value_of(real) == value_of(other.real) &&
         real.slope == other.real.slope;
}

ExpressionPointer make(Expression expression) {
  for (const ExpressionPointer& operand : expression.operands) {
    expression.depth = std::max(expression.depth, operand->depth + 1);
  }
  if (expression.depth > kMaxDepth) {
    throw ExpressionError{expression.where, fmt::format("expression nested deeper than {} levels", kMaxDepth)};
  }
  return std::make_shared<const Expression>(std::move(expression));
}

ExpressionPointer literal(Value value, SourceLocation where) {
  return make({.op = Operator::kLiteral, .where = where, .value = value, .type = value.type});
}

ExpressionPointer binary(Operator op, ExpressionPointer left, ExpressionPointer right, SourceLocation where) {
  return make({.op = op, .where = where, .operands = {std::move(left), std::move(right)}});
}

ExpressionPointer with_meanings(const ExpressionPointer& expression, const NameLookup& lookup) {
  Memory done;
  return bind_once(expression, lookup, done);
}

ExpressionPointer substitute(const ExpressionPointer& expression, const NameLookup& replacement) {
  Memory done;
  return substitute_once(expression, replacement, done);
}

void require_type(const Expression& expression, Type wanted) {
  if (expression.type == wanted) return;
  if (wanted == Type::kDouble && expression.type == Type::kInteger) return;
  throw ExpressionError{expression.where, "found " + to_string(expression.type) + ", expected " +
                                              (wanted == Type::kDouble ? std::string("a number") : to_string(wanted))};
}

std::vector<ExpressionPointer> conjuncts(const ExpressionPointer& expression) {
  if (expression->op != Operator::kAnd) return {expression};
  std::vector<ExpressionPointer> parts = conjuncts(expression->operands[0]);
  for (ExpressionPointer& part : conjuncts(expression->operands[1])) parts.push_back(std::move(part));
  return parts;
}

bool depends_on_state(const ExpressionPointer& expression) {
  std::unordered_set<const Expression*> seen;
  bool depends = false;
  visit(expression, seen, [&](const Expression& e) {
    depends = depends || e.op == Operator::kVariable || e.op == Operator::kLabel || e.op == Operator::kQuery;
  });
  return depends;
}

bool moves(const ExpressionPointer& expression) {
  std::unordered_set<const Expression*> seen;
  bool moving = false;
  visit(expression, seen,
        [&](const Expression& e) { moving = moving || (e.op == Operator::kLiteral && e.value.real.moves()); });
  return moving;
}

std::vector<std::size_t> variables_of(const ExpressionPointer& expression) {
  std::unordered_set<const Expression*> seen;
  std::set<std::size_t> variables;
  visit(expression, seen, [&](const Expression& e) {
    if (e.op == Operator::kVariable) variables.insert(e.number);
  });
  return {variables.begin(), variables.end()};
}

}  // namespace windtunnel::solvers::prism
