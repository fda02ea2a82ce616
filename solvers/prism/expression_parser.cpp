// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/expression_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace windtunnel::solvers::prism {
namespace {

constexpr std::array<std::string_view, 58> kKeywords = {"A",
                                                        "bool",
                                                        "clock",
                                                        "const",
                                                        "ctmc",
                                                        "C",
                                                        "double",
                                                        "dtmc",
                                                        "E",
                                                        "endinit",
                                                        "endinvariant",
                                                        "endmodule",
                                                        "endrewards",
                                                        "endsystem",
                                                        "false",
                                                        "formula",
                                                        "filter",
                                                        "func",
                                                        "F",
                                                        "global",
                                                        "G",
                                                        "init",
                                                        "invariant",
                                                        "I",
                                                        "int",
                                                        "label",
                                                        "max",
                                                        "mdp",
                                                        "min",
                                                        "module",
                                                        "X",
                                                        "nondeterministic",
                                                        "Pmax",
                                                        "Pmin",
                                                        "P",
                                                        "pomdp",
                                                        "popta",
                                                        "probabilistic",
                                                        "prob",
                                                        "pta",
                                                        "rate",
                                                        "rewards",
                                                        "Rmax",
                                                        "Rmin",
                                                        "R",
                                                        "S",
                                                        "stochastic",
                                                        "system",
                                                        "true",
                                                        "U",
                                                        "W",
                                                        "endobservables",
                                                        "observable",
                                                        "observables",
                                                        "of",
                                                        "smg",
                                                        "player",
                                                        "endplayer"};

struct BinaryOperator {
  std::string_view symbol;
  Operator op;
  /// Higher binds tighter.
  int level;
};

// Source: PRISM manual, The PRISM Language / Expressions.
constexpr int kImpliesLevel = 0;
constexpr int kNotLevel = 4;
constexpr int kAdditiveLevel = 6;
constexpr int kUnaryLevel = 8;
constexpr std::array<BinaryOperator, 14> kBinary = {{{"=>", Operator::kImplies, kImpliesLevel},
                                                     {"<=>", Operator::kEquivalent, 1},
                                                     {"|", Operator::kOr, 2},
                                                     {"&", Operator::kAnd, 3},
                                                     {"=", Operator::kEqual, 4},
                                                     {"!=", Operator::kNotEqual, 4},
                                                     {"<", Operator::kLess, 5},
                                                     {"<=", Operator::kLessOrEqual, 5},
                                                     {">", Operator::kGreater, 5},
                                                     {">=", Operator::kGreaterOrEqual, 5},
                                                     {"+", Operator::kAdd, kAdditiveLevel},
                                                     {"-", Operator::kSubtract, kAdditiveLevel},
                                                     {"*", Operator::kMultiply, 7},
                                                     {"/", Operator::kDivide, 7}}};

std::optional<Operator> binary_operator(const Token& token, int level) {
  if (token.kind != TokenKind::kSymbol) return std::nullopt;
  for (const BinaryOperator& candidate : kBinary) {
    if (candidate.level == level && candidate.symbol == token.text) return candidate.op;
  }
  return std::nullopt;
}

struct Function {
  std::string_view name;
  Operator op;
  int fewest_arguments;
  int most_arguments;
};

constexpr int kAnyNumber = 1'000'000;
constexpr std::array<Function, 8> kFunctions = {{{"min", Operator::kMinimum, 1, kAnyNumber},
                                                 {"max", Operator::kMaximum, 1, kAnyNumber},
                                                 {"floor", Operator::kFloor, 1, 1},
                                                 {"ceil", Operator::kCeiling, 1, 1},
                                                 {"round", Operator::kRound, 1, 1},
                                                 {"pow", Operator::kPower, 2, 2},
                                                 {"mod", Operator::kModulo, 2, 2},
                                                 {"log", Operator::kLogarithm, 2, 2}}};

const Function* find_function(std::string_view name) {
  const auto found = std::find_if(kFunctions.begin(), kFunctions.end(),
                                  [&](const Function& function) { return function.name == name; });
  return found == kFunctions.end() ? nullptr : found;
}

// Parentheses recurse through every level of precedence, some 12 frames each.
constexpr int kMaxNesting = 400;

}  // namespace

bool is_keyword(std::string_view word) {
  return std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end();
}

ExpressionParser::ExpressionParser(std::vector<Token> tokens, const std::string& file)
    : tokens_(std::move(tokens)), file_(file) {}

const Token& ExpressionParser::token(std::size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

bool ExpressionParser::at_symbol(std::string_view text, std::size_t ahead) const {
  return token(ahead).kind == TokenKind::kSymbol && token(ahead).text == text;
}

bool ExpressionParser::at_word(std::string_view text, std::size_t ahead) const {
  return token(ahead).kind == TokenKind::kIdentifier && token(ahead).text == text;
}

Token ExpressionParser::take() {
  const Token taken = token();
  if (!at_end()) ++at_;
  return taken;
}

bool ExpressionParser::take_symbol(std::string_view text) {
  if (!at_symbol(text)) return false;
  take();
  return true;
}

bool ExpressionParser::take_word(std::string_view text) {
  if (!at_word(text)) return false;
  take();
  return true;
}

void ExpressionParser::expect_symbol(std::string_view text) {
  if (!take_symbol(text)) fail("'" + std::string(text) + "'");
}

void ExpressionParser::expect_word(std::string_view text) {
  if (!take_word(text)) fail("'" + std::string(text) + "'");
}

std::string ExpressionParser::name(std::string_view what) {
  if (token().kind != TokenKind::kIdentifier) fail(what);
  if (is_keyword(token().text))
    fail_at(where(), "found the keyword '" + token().text + "', expected " + std::string(what));
  return take().text;
}

std::string ExpressionParser::string(std::string_view what) {
  if (token().kind != TokenKind::kString) fail(what);
  return take().text;
}

void ExpressionParser::fail(std::string_view expected) const {
  fail_at(where(), "found " + to_string(token()) + ", expected " + std::string(expected));
}

void ExpressionParser::fail_at(SourceLocation at, const std::string& message) const {
  throw InputError(file_, at, message);
}

ExpressionPointer ExpressionParser::checked(Expression e) {
  try {
    return make(std::move(e));
  } catch (const ExpressionError& error) {
    fail_at(error.where, error.message);
  }
}

ExpressionPointer ExpressionParser::expression() {
  if (++nesting_ > kMaxNesting) fail_at(where(), fmt::format("expression nested deeper than {} levels", kMaxNesting));
  const bool calls_outside = calls_allowed_;
  calls_allowed_ = true;
  ExpressionPointer result = conditional();
  calls_allowed_ = calls_outside;
  --nesting_;
  return result;
}

ExpressionPointer ExpressionParser::time_bound() {
  calls_allowed_ = false;
  ExpressionPointer result = left_associative(kAdditiveLevel);
  calls_allowed_ = true;
  return result;
}

ExpressionPointer ExpressionParser::conditional() {
  ExpressionPointer condition = left_associative(kImpliesLevel);
  const SourceLocation at = where();
  if (!take_symbol("?")) return condition;
  ExpressionPointer yes = expression();
  expect_symbol(":");
  ExpressionPointer no = expression();
  return checked({.op = Operator::kConditional, .where = at, .operands = {condition, yes, no}});
}

ExpressionPointer ExpressionParser::left_associative(int level) {
  if (level == kUnaryLevel) return unary();
  if (level == kNotLevel && at_symbol("!")) return negation(level);
  ExpressionPointer left = left_associative(level + 1);
  while (const std::optional<Operator> op = binary_operator(token(), level)) {
    if (at_symbol("=") && at_symbol("?", 1)) break;  // T=? [ ... ]
    const SourceLocation at = take().where;
    ExpressionPointer right = level == kNotLevel && at_symbol("!") ? negation(level) : left_associative(level + 1);
    left = checked({.op = *op, .where = at, .operands = {left, right}});
  }
  return left;
}

/// `!` binds weaker than `=`: !a=b is !(a=b).
ExpressionPointer ExpressionParser::negation(int level) {
  if (++nesting_ > kMaxNesting) fail_at(where(), fmt::format("expression nested deeper than {} levels", kMaxNesting));
  const SourceLocation at = take().where;
  ExpressionPointer operand = left_associative(level);
  --nesting_;
  return checked({.op = Operator::kNot, .where = at, .operands = {operand}});
}

ExpressionPointer ExpressionParser::unary() {
  if (!at_symbol("-")) return primary();
  if (++nesting_ > kMaxNesting) fail_at(where(), fmt::format("expression nested deeper than {} levels", kMaxNesting));
  const SourceLocation at = take().where;
  ExpressionPointer operand = unary();
  --nesting_;
  return checked({.op = Operator::kNegate, .where = at, .operands = {operand}});
}

ExpressionPointer ExpressionParser::primary() {
  if (at_extension()) return extension();
  if (token().kind == TokenKind::kInteger || token().kind == TokenKind::kReal) return number();
  if (token().kind == TokenKind::kIdentifier) return named();
  if (!at_symbol("(")) fail("an expression");
  take();
  ExpressionPointer inner = expression();
  expect_symbol(")");
  return inner;
}

ExpressionPointer ExpressionParser::number() {
  const Token digits = take();
  const char* const end = digits.text.data() + digits.text.size();
  if (digits.kind == TokenKind::kInteger) {
    std::int64_t value = 0;
    if (std::from_chars(digits.text.data(), end, value).ec != std::errc()) {
      fail_at(digits.where, "integer " + digits.text + " is too large");
    }
    return literal(Value::of(value), digits.where);
  }
  double value = 0.0;
  if (std::from_chars(digits.text.data(), end, value).ec != std::errc()) {
    fail_at(digits.where, "number " + digits.text + " is out of range");
  }
  return literal(Value::of(value), digits.where);
}

ExpressionPointer ExpressionParser::named() {
  const SourceLocation at = where();
  if (take_word("true")) return literal(Value::of(true), at);
  if (take_word("false")) return literal(Value::of(false), at);
  if (at_word("func")) {
    take();
    expect_symbol("(");
    const Function* function = find_function(token().text);
    if (function == nullptr) fail("a function");
    take();
    expect_symbol(",");
    return call(function->op, at, function->fewest_arguments, function->most_arguments);
  }
  const Function* function = find_function(token().text);
  if (function != nullptr && at_symbol("(", 1)) {
    take();
    take();
    return call(function->op, at, function->fewest_arguments, function->most_arguments);
  }
  if (calls_allowed_ && at_symbol("(", 1)) {
    fail_at(at, "unknown function '" + token().text + "', expected min, max, floor, ceil, round, pow, mod or log");
  }
  return checked({.op = Operator::kIdentifier, .where = at, .name = name("an expression")});
}

ExpressionPointer ExpressionParser::call(Operator op, SourceLocation at, int fewest, int most) {
  Expression e{.op = op, .where = at};
  do {
    e.operands.push_back(expression());
  } while (take_symbol(","));
  expect_symbol(")");
  const auto count = static_cast<int>(e.operands.size());
  if (count < fewest || count > most) {
    fail_at(at, fmt::format("found {} arguments, expected {}", count, count < fewest ? fewest : most));
  }
  return checked(std::move(e));
}

}  // namespace windtunnel::solvers::prism
