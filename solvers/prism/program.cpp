// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/program.h"

namespace windtunnel::solvers::prism {
namespace {

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
    const bool is_real = as_double || e.type == Type::kDouble;
    const Value value = is_real ? e.value.converted_to(Type::kDouble) : e.value;
    program_.constants_.push_back({is_real, value.integer, value.real});
    program_.moves_ = program_.moves_ || value.real.moves();
    return Program::kFirstConstant + static_cast<std::uint32_t>(program_.constants_.size()) - 1;
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

}  // namespace windtunnel::solvers::prism
