// SPDX-License-Identifier: Apache-2.0
// Expressions as flat code for a machine with registers (evaluator.h): what is evaluated millions of times while states
// are explored.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "solvers/chain/labelled_chain.h"
#include "solvers/prism/expression.h"

namespace windtunnel::solvers::prism {

enum class Opcode : std::uint32_t {
  kLoadVariable,
  kLoadFlag,
  kLoadColumn,
  kMove,
  kToDouble,
  kJump,
  kJumpIfFalse,
  kJumpIfTrue,
  kNot,
  kEqualInteger,
  kNotEqualInteger,
  kLessInteger,
  kLessOrEqualInteger,
  kEqualDouble,
  kNotEqualDouble,
  kLessDouble,
  kLessOrEqualDouble,
  kAddInteger,
  kSubtractInteger,
  kMultiplyInteger,
  kNegateInteger,
  kMinimumInteger,
  kMaximumInteger,
  kModulo,
  kPowerInteger,
  kAddDouble,
  kSubtractDouble,
  kMultiplyDouble,
  kDivide,
  kNegateDouble,
  kMinimumDouble,
  kMaximumDouble,
  kPowerDouble,
  kLogarithm,
  kFloor,
  kCeiling,
  kRound,
};

/// registers[to] = registers[a] op registers[b]. Jumps go to code position `to` (depending on registers[a]).
struct Instruction {
  Opcode op = Opcode::kMove;
  std::uint32_t to = 0;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
};

/// The part of a program that computes one expression.
struct Code {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t result = 0;
  Type type = Type::kInteger;
};

class Program {
 public:
  explicit Program(std::span<const StateVariable> variables) : variables_(variables.begin(), variables.end()) {}
  Program() = default;

  /// Appends code for a bound expression; the second one converts its value to double. Throws ExpressionError when the
  /// code gets longer than kMaxInstructions.
  Code compile(const ExpressionPointer& expression);
  Code compile_as_double(const ExpressionPointer& expression);

  static constexpr std::size_t kMaxInstructions = 20'000'000;
  /// Registers below are temporaries, those from here on constants: an expression needs at most two per level.
  static constexpr std::uint32_t kFirstConstant = 2 * kMaxDepth + 8;

  /// Whether a number in it moves with the constant that the model is differentiated by.
  bool moves() const { return moves_; }

 private:
  template <typename Number>
  friend class BasicEvaluator;
  friend class Compiler;

  struct Constant {
    bool is_real = false;
    std::int64_t integer = 0;
    DualNumber real;
  };

  std::vector<StateVariable> variables_;
  std::vector<Instruction> instructions_;
  /// Where each instruction comes from, for messages.
  std::vector<SourceLocation> locations_;
  std::vector<Constant> constants_;
  bool moves_ = false;
};

}  // namespace windtunnel::solvers::prism
