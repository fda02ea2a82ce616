// SPDX-License-Identifier: Apache-2.0
// Expressions of the PRISM language as trees. Trees are immutable and share branches: a formula that is used a hundred
// times exists once.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "solvers/numerics/input_error.h"
#include "solvers/prism/dual_number.h"

namespace windtunnel::solvers::prism {

enum class Type { kInteger, kDouble, kBoolean };
std::string to_string(Type type);

/// A value of one of the types; `integer` also holds booleans, 0 or 1.
struct Value {
  Type type = Type::kInteger;
  std::int64_t integer = 0;
  /// With its derivative by the constant that the model is differentiated by, if any.
  DualNumber real = 0.0;

  static Value of(std::int64_t value) { return {Type::kInteger, value, 0.0}; }
  static Value of(const DualNumber& value) { return {Type::kDouble, 0, value}; }
  static Value of(double value) { return of(DualNumber(value)); }
  static Value of(bool value) { return {Type::kBoolean, value ? 1 : 0, 0.0}; }
  double as_double() const { return type == Type::kDouble ? value_of(real) : static_cast<double>(integer); }
  /// As a value of this type: integers are doubles, too.
  Value converted_to(Type wanted) const { return wanted == Type::kDouble && type != wanted ? of(as_double()) : *this; }
  bool operator==(const Value& other) const;
};
std::string to_string(const Value& value);

enum class Operator {
  kLiteral,
  /// A name that is not bound yet.
  kIdentifier,
  /// A variable of the model, by number.
  kVariable,
  /// A label in quotes, and an operator such as P=? [ ... ]: in properties only.
  kLabel,
  kQuery,
  kConditional,
  kImplies,
  kEquivalent,
  kOr,
  kAnd,
  kNot,
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kNegate,
  kMinimum,
  kMaximum,
  kFloor,
  kCeiling,
  kRound,
  kPower,
  kModulo,
  kLogarithm,
};

struct Expression;
using ExpressionPointer = std::shared_ptr<const Expression>;

struct Expression {
  Operator op = Operator::kLiteral;
  SourceLocation where;
  std::vector<ExpressionPointer> operands;
  /// kLiteral.
  Value value;
  /// kIdentifier, kLabel.
  std::string name;
  /// kVariable: number of the variable; kLabel and kQuery, once bound: number of the column of values per state.
  std::size_t number = 0;
  /// Meaningful once the names are bound.
  Type type = Type::kInteger;
  /// Operands on the longest way down, itself included: bounded, so that recursion is safe.
  int depth = 1;
};

/// Deepest expression that is accepted. At some 500 bytes of stack per level the recursions over it need 2 MB of the
/// usual 8.
inline constexpr int kMaxDepth = 4000;

/// Thrown by make() and by binding; whoever knows the file turns it into an InputError.
struct ExpressionError {
  SourceLocation where;
  std::string message;
};

/// Throws ExpressionError when it gets deeper than kMaxDepth.
ExpressionPointer make(Expression expression);
ExpressionPointer literal(Value value, SourceLocation where = {});
ExpressionPointer binary(Operator op, ExpressionPointer left, ExpressionPointer right, SourceLocation where);

/// What a name stands for: an expression that is already bound (a literal for a constant, a variable, a formula).
/// Throws ExpressionError for a name that means nothing.
using NameLookup = std::function<ExpressionPointer(const Expression& identifier)>;

/// The expression with every name replaced, types derived and checked, and constant parts computed. Throws
/// ExpressionError where types do not fit.
ExpressionPointer with_meanings(const ExpressionPointer& expression, const NameLookup& lookup);

/// The expression, not bound yet, with some of its names, labels and inner operators replaced: those for which
/// `replacement` is not null.
ExpressionPointer substitute(const ExpressionPointer& expression, const NameLookup& replacement);

/// The bound expression as a value of the type wanted (integers pass as doubles). Throws ExpressionError when it has
/// another type.
void require_type(const Expression& expression, Type wanted);

/// Parts joined by & at the top.
std::vector<ExpressionPointer> conjuncts(const ExpressionPointer& expression);

/// False for an expression without variables, labels and inner operators.
bool depends_on_state(const ExpressionPointer& expression);

/// Whether a number in the bound expression moves with the constant that the model is differentiated by.
bool moves(const ExpressionPointer& expression);

/// Numbers of the variables it reads, ascending.
std::vector<std::size_t> variables_of(const ExpressionPointer& expression);

}  // namespace windtunnel::solvers::prism
