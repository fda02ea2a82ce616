// SPDX-License-Identifier: Apache-2.0
// Expressions compared by what they say, not by how they are written: operands that may be exchanged are brought into
// one order, sums of sums are one sum, a > b is b < a, and variables may be renamed on the way.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "solvers/prism/expression.h"

namespace windtunnel::solvers::prism {

/// Numbers forms in the order of their first mention. Different expressions of one value may have different numbers (no
/// algebra is tried: 2 * x is not x + x); expressions of one number have the same value in every state, sums and
/// products of doubles up to the rounding that another order of their operands makes.
class FormTable {
 public:
  struct Form {
    Operator op = Operator::kLiteral;
    Type type = Type::kInteger;
    /// What a leaf stands for.
    std::int64_t leaf = 0;
    /// Bits of a literal's derivative by the constant that the model is differentiated by.
    std::int64_t slope = 0;
    std::vector<std::size_t> operands;

    auto operator<=>(const Form&) const = default;
  };

  std::size_t number(const Form& form);
  const Form& form(std::size_t number) const { return *forms_[number]; }

 private:
  std::map<Form, std::size_t> numbers_;
  std::vector<const Form*> forms_;
};

/// Reads bound expressions with their variables renamed. The expressions must outlive it.
class FormReader {
 public:
  /// Variable k is read as `variable[k]`.
  FormReader(FormTable& table, std::vector<std::size_t> variable) : table_(table), variable_(std::move(variable)) {}

  std::size_t variable(std::size_t k) const { return variable_[k]; }
  /// The number of its form; that of a missing expression is kMissing.
  std::size_t number(const ExpressionPointer& expression);

  static constexpr std::size_t kMissing = ~std::size_t{0};

 private:
  FormTable::Form form(const Expression& expression);

  FormTable& table_;
  std::vector<std::size_t> variable_;
  /// Shared branches are read once.
  std::unordered_map<const Expression*, std::size_t> known_;
};

}  // namespace windtunnel::solvers::prism
