// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/program.h"

#include <bit>
#include <cmath>
#include <limits>

namespace windtunnel::solvers::prism {
namespace {

/// Temporaries lie below, constants above: an expression of depth kMaxDepth needs at most two per level.
constexpr std::uint32_t kFirstConstant = 2 * kMaxDepth + 8;

bool is_comparison(Operator op) {
  return op >= Operator::kEqual && op <= Operator::kGreaterOrEqual;
}

/// Operators that compute in the type of their result or, for comparisons, of their operands.
Opcode arithmetic(Operator op, bool integers) {
  switch (op) {
    case Operator::kEqual:
    case Operator::kEquivalent:
      return integers ? Opcode::kEqualInteger : Opcode::kEqualDouble;
    case Operator::kNotEqual:
      return integers ? Opcode::kNotEqualInteger : Opcode::kNotEqualDouble;
    case Operator::kLess:
    case Operator::kGreater:
      return integers ? Opcode::kLessInteger : Opcode::kLessDouble;
    case Operator::kLessOrEqual:
    case Operator::kGreaterOrEqual:
      return integers ? Opcode::kLessOrEqualInteger : Opcode::kLessOrEqualDouble;
    case Operator::kAdd:
      return integers ? Opcode::kAddInteger : Opcode::kAddDouble;
    case Operator::kSubtract:
      return integers ? Opcode::kSubtractInteger : Opcode::kSubtractDouble;
    case Operator::kMultiply:
      return integers ? Opcode::kMultiplyInteger : Opcode::kMultiplyDouble;
    case Operator::kMinimum:
      return integers ? Opcode::kMinimumInteger : Opcode::kMinimumDouble;
    case Operator::kMaximum:
      return integers ? Opcode::kMaximumInteger : Opcode::kMaximumDouble;
    case Operator::kPower:
      return integers ? Opcode::kPowerInteger : Opcode::kPowerDouble;
    case Operator::kModulo:
      return Opcode::kModulo;
    case Operator::kLogarithm:
      return Opcode::kLogarithm;
    default:
      return Opcode::kDivide;
  }
}

Opcode rounding(Operator op) {
  if (op == Operator::kFloor) return Opcode::kFloor;
  return op == Operator::kCeiling ? Opcode::kCeiling : Opcode::kRound;
}

std::int64_t checked(bool overflow, std::int64_t value) {
  if (overflow) throw ExpressionError{{}, "integer overflow"};
  return value;
}
std::int64_t sum(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  const bool overflow = __builtin_add_overflow(a, b, &result);
  return checked(overflow, result);
}
std::int64_t difference(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  const bool overflow = __builtin_sub_overflow(a, b, &result);
  return checked(overflow, result);
}
std::int64_t product(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  const bool overflow = __builtin_mul_overflow(a, b, &result);
  return checked(overflow, result);
}

/// The remainder in 0 .. b - 1.
std::int64_t modulo(std::int64_t a, std::int64_t b) {
  if (b < 1) throw ExpressionError{{}, fmt::format("mod by {}, expected a divisor > 0", b)};
  const std::int64_t remainder = a % b;
  return remainder < 0 ? remainder + b : remainder;
}

std::int64_t power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) throw ExpressionError{{}, fmt::format("integer power with exponent {}, expected >= 0", exponent)};
  std::int64_t result = 1;
  for (std::int64_t factor = base; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = product(result, factor);
    if (exponent > 1) factor = product(factor, factor);
  }
  return result;
}

std::int64_t integer_of(double value) {
  // 2^63: the first double that does not fit.
  if (!(std::abs(value) < 0x1p63)) throw ExpressionError{{}, fmt::format("{} is no integer of 64 bits", value)};
  return static_cast<std::int64_t>(value);
}

}  // namespace

/// Translates one expression; temporaries are used as a stack.
class Compiler {
 public:
  explicit Compiler(Program& program) : program_(program) {}

  /// The register that holds the value, converted to double when asked for.
  std::uint32_t value(const ExpressionPointer& e, bool as_double, std::uint32_t top) {
    if (e->op == Operator::kLiteral) return constant(*e, as_double);
    const std::uint32_t from = computed(e, top);
    if (!as_double || e->type == Type::kDouble) return from;
    return emit(e, Opcode::kToDouble, top, from, 0);
  }

 private:
  std::uint32_t constant(const Expression& e, bool as_double) {
    Register value{.integer = e.value.integer};
    if (as_double || e.type == Type::kDouble) value.real = e.value.as_double();
    program_.constants_.push_back(value);
    return kFirstConstant + static_cast<std::uint32_t>(program_.constants_.size()) - 1;
  }

  std::uint32_t emit(const ExpressionPointer& e, Opcode op, std::uint32_t to, std::uint32_t a, std::uint32_t b) {
    if (program_.instructions_.size() >= Program::kMaxInstructions) {
      throw ExpressionError{e->where, "the expressions of the model are too long when its formulas are written out"};
    }
    program_.instructions_.push_back({op, to, a, b});
    program_.locations_.push_back(e->where);
    return to;
  }

  std::uint32_t computed(const ExpressionPointer& e, std::uint32_t top) {
    switch (e->op) {
      case Operator::kVariable:
        return load(e, top);
      case Operator::kLabel:
        return emit(e, Opcode::kLoadFlag, top, static_cast<std::uint32_t>(e->number), 0);
      case Operator::kQuery:
        return emit(e, e->type == Type::kBoolean ? Opcode::kLoadFlag : Opcode::kLoadColumn, top,
                    static_cast<std::uint32_t>(e->number), 0);
      case Operator::kConditional:
        return conditional(e, top);
      case Operator::kAnd:
      case Operator::kOr:
      case Operator::kImplies:
        return short_circuit(e, top);
      case Operator::kNot:
        return emit(e, Opcode::kNot, top, value(e->operands[0], false, top), 0);
      case Operator::kNegate:
        return emit(e, e->type == Type::kInteger ? Opcode::kNegateInteger : Opcode::kNegateDouble, top,
                    value(e->operands[0], e->type == Type::kDouble, top), 0);
      case Operator::kFloor:
      case Operator::kCeiling:
      case Operator::kRound:
        return emit(e, rounding(e->op), top, value(e->operands[0], true, top), 0);
      default:
        return folded_left(e, top);
    }
  }

  std::uint32_t load(const ExpressionPointer& e, std::uint32_t top) {
    const StateVariable& variable = program_.variables_[e->number];
    return emit(e, Opcode::kLoadVariable, top, static_cast<std::uint32_t>(e->number),
                static_cast<std::uint32_t>(variable.word));
  }

  /// a op b op c ..., from the left.
  std::uint32_t folded_left(const ExpressionPointer& e, std::uint32_t top) {
    const bool as_double = computes_in_double(*e);
    const bool swapped = e->op == Operator::kGreater || e->op == Operator::kGreaterOrEqual;
    const Opcode op = arithmetic(e->op, !as_double);
    std::uint32_t left = value(e->operands[0], as_double, top);
    for (std::size_t k = 1; k < e->operands.size(); ++k) {
      const std::uint32_t right = value(e->operands[k], as_double, top + 1);
      left = swapped ? emit(e, op, top, right, left) : emit(e, op, top, left, right);
    }
    return left;
  }

  static bool computes_in_double(const Expression& e) {
    if (!is_comparison(e.op)) return e.type == Type::kDouble;
    return e.operands[0]->type == Type::kDouble || e.operands[1]->type == Type::kDouble;
  }

  std::uint32_t conditional(const ExpressionPointer& e, std::uint32_t top) {
    const bool as_double = e->type == Type::kDouble;
    const std::size_t otherwise = jump(e, Opcode::kJumpIfFalse, value(e->operands[0], false, top));
    emit(e, Opcode::kMove, top, value(e->operands[1], as_double, top), 0);
    const std::size_t end = jump(e, Opcode::kJump, 0);
    land(otherwise);
    emit(e, Opcode::kMove, top, value(e->operands[2], as_double, top), 0);
    land(end);
    return top;
  }

  /// The right side is only evaluated when the left one does not decide.
  std::uint32_t short_circuit(const ExpressionPointer& e, std::uint32_t top) {
    const std::uint32_t left = value(e->operands[0], false, top);
    emit(e, e->op == Operator::kImplies ? Opcode::kNot : Opcode::kMove, top, left, 0);
    const std::size_t end = jump(e, e->op == Operator::kAnd ? Opcode::kJumpIfFalse : Opcode::kJumpIfTrue, top);
    emit(e, Opcode::kMove, top, value(e->operands[1], false, top), 0);
    land(end);
    return top;
  }

  std::size_t jump(const ExpressionPointer& e, Opcode op, std::uint32_t condition) {
    emit(e, op, 0, condition, 0);
    return program_.instructions_.size() - 1;
  }
  void land(std::size_t jump) {
    program_.instructions_[jump].to = static_cast<std::uint32_t>(program_.instructions_.size());
  }

  Program& program_;
};

namespace {

std::uint32_t position(std::size_t size) {
  return static_cast<std::uint32_t>(size);
}

}  // namespace

Code Program::compile(const ExpressionPointer& expression) {
  Code code{.begin = position(instructions_.size()), .type = expression->type};
  code.result = Compiler(*this).value(expression, false, 0);
  code.end = position(instructions_.size());
  return code;
}

Code Program::compile_as_double(const ExpressionPointer& expression) {
  Code code{.begin = position(instructions_.size()), .type = Type::kDouble};
  code.result = Compiler(*this).value(expression, true, 0);
  code.end = position(instructions_.size());
  return code;
}

Evaluator::Evaluator(const Program& program, const StateColumns* columns)
    : program_(program), columns_(columns), registers_(kFirstConstant) {
  registers_.insert(registers_.end(), program.constants_.begin(), program.constants_.end());
}

Register Evaluator::run(const Code& code, const std::uint64_t* state, Index number) {
  Register* const r = registers_.data();
  const Instruction* const begin = program_.instructions_.data();
  const Instruction* const end = begin + code.end;
  const Instruction* at = begin + code.begin;
  try {
    while (at != end) {
      const Instruction i = *at;
      ++at;
      switch (i.op) {
        case Opcode::kLoadVariable: {
          const StateVariable& v = program_.variables_[i.a];
          const std::uint64_t mask = v.bits == 0 ? 0 : ~std::uint64_t{0} >> (64 - v.bits);
          r[i.to].integer = v.lowest + static_cast<std::int64_t>((state[i.b] >> v.shift) & mask);
          break;
        }
        case Opcode::kLoadFlag:
          r[i.to].integer = (*columns_->flags[i.a])[static_cast<std::size_t>(number)] ? 1 : 0;
          break;
        case Opcode::kLoadColumn:
          r[i.to].real = (*columns_->numbers[i.a])(number);
          break;
        case Opcode::kMove:
          r[i.to] = r[i.a];
          break;
        case Opcode::kToDouble:
          r[i.to].real = static_cast<double>(r[i.a].integer);
          break;
        case Opcode::kJump:
          at = begin + i.to;
          break;
        case Opcode::kJumpIfFalse:
          if (r[i.a].integer == 0) at = begin + i.to;
          break;
        case Opcode::kJumpIfTrue:
          if (r[i.a].integer != 0) at = begin + i.to;
          break;
        case Opcode::kNot:
          r[i.to].integer = r[i.a].integer == 0 ? 1 : 0;
          break;
        case Opcode::kEqualInteger:
          r[i.to].integer = r[i.a].integer == r[i.b].integer ? 1 : 0;
          break;
        case Opcode::kNotEqualInteger:
          r[i.to].integer = r[i.a].integer != r[i.b].integer ? 1 : 0;
          break;
        case Opcode::kLessInteger:
          r[i.to].integer = r[i.a].integer < r[i.b].integer ? 1 : 0;
          break;
        case Opcode::kLessOrEqualInteger:
          r[i.to].integer = r[i.a].integer <= r[i.b].integer ? 1 : 0;
          break;
        case Opcode::kEqualDouble:
          r[i.to].integer = r[i.a].real == r[i.b].real ? 1 : 0;
          break;
        case Opcode::kNotEqualDouble:
          r[i.to].integer = r[i.a].real != r[i.b].real ? 1 : 0;
          break;
        case Opcode::kLessDouble:
          r[i.to].integer = r[i.a].real < r[i.b].real ? 1 : 0;
          break;
        case Opcode::kLessOrEqualDouble:
          r[i.to].integer = r[i.a].real <= r[i.b].real ? 1 : 0;
          break;
        case Opcode::kAddInteger:
          r[i.to].integer = sum(r[i.a].integer, r[i.b].integer);
          break;
        case Opcode::kSubtractInteger:
          r[i.to].integer = difference(r[i.a].integer, r[i.b].integer);
          break;
        case Opcode::kMultiplyInteger:
          r[i.to].integer = product(r[i.a].integer, r[i.b].integer);
          break;
        case Opcode::kNegateInteger:
          r[i.to].integer = difference(0, r[i.a].integer);
          break;
        case Opcode::kMinimumInteger:
          r[i.to].integer = std::min(r[i.a].integer, r[i.b].integer);
          break;
        case Opcode::kMaximumInteger:
          r[i.to].integer = std::max(r[i.a].integer, r[i.b].integer);
          break;
        case Opcode::kModulo:
          r[i.to].integer = modulo(r[i.a].integer, r[i.b].integer);
          break;
        case Opcode::kPowerInteger:
          r[i.to].integer = power(r[i.a].integer, r[i.b].integer);
          break;
        case Opcode::kAddDouble:
          r[i.to].real = r[i.a].real + r[i.b].real;
          break;
        case Opcode::kSubtractDouble:
          r[i.to].real = r[i.a].real - r[i.b].real;
          break;
        case Opcode::kMultiplyDouble:
          r[i.to].real = r[i.a].real * r[i.b].real;
          break;
        case Opcode::kDivide:
          r[i.to].real = r[i.a].real / r[i.b].real;
          break;
        case Opcode::kNegateDouble:
          r[i.to].real = -r[i.a].real;
          break;
        case Opcode::kMinimumDouble:
          r[i.to].real = std::min(r[i.a].real, r[i.b].real);
          break;
        case Opcode::kMaximumDouble:
          r[i.to].real = std::max(r[i.a].real, r[i.b].real);
          break;
        case Opcode::kPowerDouble:
          r[i.to].real = std::pow(r[i.a].real, r[i.b].real);
          break;
        case Opcode::kLogarithm:
          r[i.to].real = std::log(r[i.a].real) / std::log(r[i.b].real);
          break;
        case Opcode::kFloor:
          r[i.to].integer = integer_of(std::floor(r[i.a].real));
          break;
        case Opcode::kCeiling:
          r[i.to].integer = integer_of(std::ceil(r[i.a].real));
          break;
        case Opcode::kRound:
          r[i.to].integer = integer_of(std::floor(r[i.a].real + 0.5));
          break;
      }
    }
  } catch (const ExpressionError& error) {
    throw ExpressionError{program_.locations_[static_cast<std::size_t>(at - begin) - 1], error.message};
  }
  return r[code.result];
}

Value constant_value(const ExpressionPointer& expression) {
  Program program;
  const Code code = program.compile(expression);
  Evaluator evaluator(program);
  switch (expression->type) {
    case Type::kDouble:
      return Value::of(evaluator.real(code, nullptr));
    case Type::kInteger:
      return Value::of(evaluator.integer(code, nullptr));
    case Type::kBoolean:
      return Value::of(evaluator.integer(code, nullptr) != 0);
  }
  return {};
}

}  // namespace windtunnel::solvers::prism
