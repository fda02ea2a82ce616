// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/evaluator.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace windtunnel::solvers::prism {
namespace {

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

template <typename Number>
Number as_number(const DualNumber& number) {
  if constexpr (std::is_same_v<Number, DualNumber>)
    return number;
  else
    return value_of(number);
}

}  // namespace

template <typename Number>
BasicEvaluator<Number>::BasicEvaluator(const Program& program, const StateColumns* columns)
    : program_(program), columns_(columns), registers_(Program::kFirstConstant) {
  registers_.reserve(registers_.size() + program.constants_.size());
  for (const Program::Constant& constant : program.constants_) {
    Register<Number>& to = registers_.emplace_back();
    if (constant.is_real) {
      to.real = as_number<Number>(constant.real);
    } else {
      to.integer = constant.integer;
    }
  }
}

template <typename Number>
Register<Number> BasicEvaluator<Number>::run(const Code& code, const std::uint64_t* state, Index number) {
  using std::ceil, std::floor, std::log, std::max, std::min, std::pow;
  Register<Number>* const r = registers_.data();
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
          r[i.to].real = static_cast<Number>(r[i.a].integer);
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
          r[i.to].integer = r[i.a].real == r[i.b].real ? 0 : 1;
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
          r[i.to].real = min(r[i.a].real, r[i.b].real);
          break;
        case Opcode::kMaximumDouble:
          r[i.to].real = max(r[i.a].real, r[i.b].real);
          break;
        case Opcode::kPowerDouble:
          r[i.to].real = pow(r[i.a].real, r[i.b].real);
          break;
        case Opcode::kLogarithm:
          r[i.to].real = log(r[i.a].real) / log(r[i.b].real);
          break;
        case Opcode::kFloor:
          r[i.to].integer = integer_of(floor(r[i.a].real));
          break;
        case Opcode::kCeiling:
          r[i.to].integer = integer_of(ceil(r[i.a].real));
          break;
        case Opcode::kRound:
          r[i.to].integer = integer_of(floor(r[i.a].real + 0.5));
          break;
      }
    }
  } catch (const ExpressionError& error) {
    throw ExpressionError{program_.locations_[static_cast<std::size_t>(at - begin) - 1], error.message};
  }
  return r[code.result];
}

template class BasicEvaluator<double>;
template class BasicEvaluator<DualNumber>;

namespace {

template <typename Number>
Value value_by(const Program& program, const Code& code, const ExpressionPointer& expression) {
  BasicEvaluator<Number> evaluator(program);
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

}  // namespace

Value constant_value(const ExpressionPointer& expression) {
  Program program;
  const Code code = program.compile(expression);
  return program.moves() ? value_by<DualNumber>(program, code, expression)
                         : value_by<double>(program, code, expression);
}

}  // namespace windtunnel::solvers::prism
