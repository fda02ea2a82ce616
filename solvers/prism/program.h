// SPDX-License-Identifier: Apache-2.0
// Expressions as flat code for a machine with registers: what is evaluated millions of times while states are explored.
// Variables are read out of packed states; constants are loaded once per evaluator, not once per use.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "solvers/labelled_chain.h"
#include "solvers/prism/expression.h"

namespace windtunnel::solvers::prism {

union Register {
  std::int64_t integer;
  double real;
};

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

/// Values per state that are not in the packed state: labels, and results of inner operators.
struct StateColumns {
  std::vector<const StateSet*> flags;
  std::vector<const Vector*> numbers;
};

class Program {
 public:
  explicit Program(std::span<const StateVariable> variables) : variables_(variables.begin(), variables.end()) {}
  Program() = default;

  /// Appends code for a bound expression, converted to double if `as` says so. Throws ExpressionError when the code
  /// gets longer than kMaxInstructions.
  Code compile(const ExpressionPointer& expression);
  Code compile_as_double(const ExpressionPointer& expression);

  static constexpr std::size_t kMaxInstructions = 20'000'000;

 private:
  friend class Evaluator;
  friend class Compiler;

  std::vector<StateVariable> variables_;
  std::vector<Instruction> instructions_;
  /// Where each instruction comes from, for messages.
  std::vector<SourceLocation> locations_;
  std::vector<Register> constants_;
};

/// Runs code. Copies the constants of the program once: make it when the program is complete, one per thread.
class Evaluator {
 public:
  explicit Evaluator(const Program& program, const StateColumns* columns = nullptr);

  /// The value of an integer or boolean expression in a packed state. Throws ExpressionError for an overflow, a modulo
  /// by a number < 1, or a rounded number that no integer can hold.
  std::int64_t integer(const Code& code, const std::uint64_t* state, Index number = 0) {
    return run(code, state, number).integer;
  }
  /// The value of code compiled as double. NaN and infinity are values.
  double real(const Code& code, const std::uint64_t* state, Index number = 0) { return run(code, state, number).real; }

 private:
  Register run(const Code& code, const std::uint64_t* state, Index number);

  const Program& program_;
  const StateColumns* columns_;
  std::vector<Register> registers_;
};

/// Value of a bound expression without variables. Throws ExpressionError as Evaluator does.
Value constant_value(const ExpressionPointer& expression);

}  // namespace windtunnel::solvers::prism
