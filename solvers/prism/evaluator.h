// SPDX-License-Identifier: Apache-2.0
// Runs programs over packed states, in doubles or in numbers that carry their derivative. Variables are read out of the
// states; constants are loaded once per evaluator, not once per use.
#pragma once
#include <cstdint>
#include <vector>

#include "solvers/prism/program.h"

namespace windtunnel::solvers::prism {

/// Values per state that are not in the packed state: labels, and results of inner operators.
struct StateColumns {
  std::vector<const StateSet*> flags;
  std::vector<const Vector*> numbers;
};

template <typename Number>
union Register {
  Register() : integer(0) {}
  std::int64_t integer;
  Number real;
};

/// Runs code. Copies the constants of the program once: make it when the program is complete, one per thread.
template <typename Number>
class BasicEvaluator {
 public:
  explicit BasicEvaluator(const Program& program, const StateColumns* columns = nullptr);

  /// The value of an integer or boolean expression in a packed state. Throws ExpressionError for an overflow, a modulo
  /// by a number < 1, or a rounded number that no integer can hold.
  std::int64_t integer(const Code& code, const std::uint64_t* state, Index number = 0) {
    return run(code, state, number).integer;
  }
  /// The value of code compiled as double. NaN and infinity are values.
  Number real(const Code& code, const std::uint64_t* state, Index number = 0) { return run(code, state, number).real; }

 private:
  Register<Number> run(const Code& code, const std::uint64_t* state, Index number);

  const Program& program_;
  const StateColumns* columns_;
  std::vector<Register<Number>> registers_;
};

using Evaluator = BasicEvaluator<double>;
/// With derivatives. Also throws ExpressionError where there is none: at a jump, or where two cases meet.
using DualEvaluator = BasicEvaluator<DualNumber>;

/// Value of a bound expression without variables. Throws ExpressionError as Evaluator does.
Value constant_value(const ExpressionPointer& expression);

}  // namespace windtunnel::solvers::prism
