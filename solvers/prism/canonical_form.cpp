// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/canonical_form.h"

#include <algorithm>
#include <bit>

namespace windtunnel::solvers::prism {
namespace {

/// A sum of sums of ... shares its branches; written out it may grow beyond any memory. Longer ones stay nested, which
/// compares fewer expressions as equal but never too many.
constexpr std::size_t kMostOperands = 10'000;

bool is_associative(Operator op) {
  switch (op) {
    case Operator::kAnd:
    case Operator::kOr:
    case Operator::kAdd:
    case Operator::kMultiply:
    case Operator::kMinimum:
    case Operator::kMaximum:
      return true;
    default:
      return false;
  }
}

bool is_commutative(Operator op) {
  return is_associative(op) || op == Operator::kEqual || op == Operator::kNotEqual || op == Operator::kEquivalent;
}

std::int64_t leaf_of(const Expression& e) {
  if (e.op != Operator::kLiteral) return static_cast<std::int64_t>(e.number);
  return e.value.type == Type::kDouble ? std::bit_cast<std::int64_t>(value_of(e.value.real)) : e.value.integer;
}

std::int64_t slope_of(const Expression& e) {
  return e.op == Operator::kLiteral ? std::bit_cast<std::int64_t>(e.value.real.slope.value) : 0;
}

/// Operands that are sums themselves, of the same type, give theirs.
void write_out(const FormTable& table, FormTable::Form& form) {
  std::vector<std::size_t> all;
  for (const std::size_t operand : form.operands) {
    const FormTable::Form& inner = table.form(operand);
    if (inner.op == form.op && inner.type == form.type) {
      all.insert(all.end(), inner.operands.begin(), inner.operands.end());
    } else {
      all.push_back(operand);
    }
    if (all.size() > kMostOperands) return;
  }
  form.operands = std::move(all);
}

}  // namespace

std::size_t FormTable::number(const Form& form) {
  const auto [at, is_new] = numbers_.emplace(form, forms_.size());
  if (is_new) forms_.push_back(&at->first);
  return at->second;
}

std::size_t FormReader::number(const ExpressionPointer& expression) {
  if (expression == nullptr) return kMissing;
  if (const auto known = known_.find(expression.get()); known != known_.end()) return known->second;
  const std::size_t result = table_.number(form(*expression));
  known_.emplace(expression.get(), result);
  return result;
}

FormTable::Form FormReader::form(const Expression& e) {
  FormTable::Form form{.op = e.op, .type = e.type, .leaf = leaf_of(e), .slope = slope_of(e)};
  if (e.op == Operator::kVariable) form.leaf = static_cast<std::int64_t>(variable_[e.number]);
  for (const ExpressionPointer& operand : e.operands) form.operands.push_back(number(operand));
  if (e.op == Operator::kGreater || e.op == Operator::kGreaterOrEqual) {
    form.op = e.op == Operator::kGreater ? Operator::kLess : Operator::kLessOrEqual;
    std::reverse(form.operands.begin(), form.operands.end());
  }
  if (is_associative(e.op)) write_out(table_, form);
  if (is_commutative(e.op)) std::sort(form.operands.begin(), form.operands.end());
  return form;
}

}  // namespace windtunnel::solvers::prism
