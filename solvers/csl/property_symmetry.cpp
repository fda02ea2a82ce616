// SPDX-License-Identifier: Apache-2.0
#include "solvers/csl/property_symmetry.h"

#include <algorithm>
#include <map>
#include <string>

namespace windtunnel::solvers {
namespace {

using prism::Expression;
using prism::ExpressionPointer;
using prism::Operator;
using prism::Type;

/// Walks over everything a property mentions.
class StateExpressions {
 public:
  StateExpressions(const PropertyFile& file, prism::Scope& scope) : file_(file), scope_(scope) {}

  void read(const PropertySyntax& property) {
    open_.push_back(property.name);
    add(property.expression);
  }

  std::vector<ExpressionPointer> expressions;
  std::vector<const FilterSyntax*> filters;
  /// Where the label "init" is mentioned.
  std::vector<SourceLocation> initial_states;

 private:
  Type add(const ExpressionPointer& e) {
    expressions.push_back(scope_.bound(replaced(e), file_.file));
    return expressions.back()->type;
  }

  ExpressionPointer replaced(const ExpressionPointer& e) {
    return prism::substitute(e, [this](const Expression& leaf) -> ExpressionPointer {
      if (leaf.op == Operator::kLabel) return label(leaf);
      if (leaf.op != Operator::kQuery || leaf.type != Type::kInteger) return nullptr;
      return opaque(leaf, leaf.number < PropertyFile::kFirstFilter ? query(file_.queries[leaf.number]) : filter(leaf));
    });
  }

  /// A leaf of which only the identity counts.
  static ExpressionPointer opaque(const Expression& leaf, Type type) {
    return prism::make({.op = Operator::kQuery, .where = leaf.where, .number = leaf.number, .type = type});
  }

  Type query(const QuerySyntax& syntax) {
    for (const ExpressionPointer& operand : {syntax.left, syntax.right}) {
      if (operand != nullptr) add(operand);
    }
    return syntax.comparison.has_value() ? Type::kBoolean : Type::kDouble;
  }

  Type filter(const Expression& leaf) {
    const FilterSyntax& syntax = file_.filters[leaf.number - PropertyFile::kFirstFilter];
    filters.push_back(&syntax);
    if (syntax.states != nullptr) add(syntax.states);
    const Type operand = add(syntax.operand);
    if (syntax.filter_operator == FilterSyntaxOperator::kCount) return Type::kInteger;
    const bool is_truth = syntax.filter_operator == FilterSyntaxOperator::kForAll ||
                          syntax.filter_operator == FilterSyntaxOperator::kExists;
    return is_truth ? Type::kBoolean : operand;
  }

  /// As bind_property reads it: a label of the file or a property is written out; any other is one of the chain.
  ExpressionPointer label(const Expression& leaf) {
    if (leaf.name == "init") initial_states.push_back(leaf.where);
    for (const prism::LabelDeclaration& label : file_.labels) {
      if (label.name == leaf.name) return written_out(leaf, label.states);
    }
    for (const PropertySyntax& property : file_.properties) {
      if (property.name == leaf.name) return written_out(leaf, property.expression);
    }
    const auto number = label_numbers_.emplace(leaf.name, label_numbers_.size()).first->second;
    return prism::make({.op = Operator::kLabel, .where = leaf.where, .number = number, .type = Type::kBoolean});
  }

  ExpressionPointer written_out(const Expression& leaf, const ExpressionPointer& meaning) {
    if (std::find(open_.begin(), open_.end(), leaf.name) != open_.end()) {
      throw prism::ExpressionError{leaf.where, "\"" + leaf.name + "\" is defined by itself"};
    }
    open_.push_back(leaf.name);
    ExpressionPointer result = replaced(meaning);
    open_.pop_back();
    return result;
  }

  const PropertyFile& file_;
  prism::Scope& scope_;
  std::map<std::string, std::size_t> label_numbers_;
  /// Names being written out, against circles.
  std::vector<std::string> open_;
};

StateExpressions read(const PropertyFile& file, const PropertySyntax& property, prism::Scope& scope) {
  StateExpressions all(file, scope);
  try {
    all.read(property);
  } catch (const prism::ExpressionError& error) {
    throw InputError(file.file, error.where, error.message);
  }
  return all;
}

bool counts_states(const FilterSyntax& filter) {
  return filter.filter_operator == FilterSyntaxOperator::kAverage ||
         filter.filter_operator == FilterSyntaxOperator::kSum || filter.filter_operator == FilterSyntaxOperator::kCount;
}

}  // namespace

std::vector<ExpressionPointer> state_expressions(const PropertyFile& file, const PropertySyntax& property,
                                                 prism::Scope& scope) {
  return read(file, property, scope).expressions;
}

void require_symmetric(const PropertyFile& file, const PropertySyntax& property, prism::Scope& scope,
                       const prism::ModuleSymmetry& symmetry) {
  if (symmetry.empty()) return;
  const StateExpressions all = read(file, property, scope);
  for (const FilterSyntax* filter : all.filters) {
    if (!counts_states(*filter)) continue;
    throw InputError(file.file, filter->where,
                     "the filter counts states, expected min, max, first, forall or exists with --symmetry");
  }
  if (!all.initial_states.empty() && !symmetry.starts_alike) {
    throw InputError(file.file, all.initial_states.front(),
                     "label \"init\" tells modules of --symmetry apart: they do not start alike");
  }
  for (const ExpressionPointer& expression : all.expressions) {
    if (is_symmetric(symmetry, expression)) continue;
    throw InputError(file.file, expression->where, "the expression tells modules of --symmetry apart");
  }
}

}  // namespace windtunnel::solvers
