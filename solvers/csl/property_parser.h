// SPDX-License-Identifier: Apache-2.0
// Properties in PRISM's syntax as they are written: names are not looked up yet.
// Source: PRISM manual, Property Specification, www.prismmodelchecker.org/manual. An extension asks for the time T of
// the first visit: T=? [ F "down" ] is its mean, T{"variance"}=?, T{"moment",3}=? and T{"quantile",0.99}=? say more.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "solvers/csl/property.h"
#include "solvers/prism/expression.h"
#include "solvers/prism/model.h"

namespace windtunnel::solvers {

enum class TemporalOperator {
  kNext,
  kUntil,
  kFinally,
  kGlobally,
  kWeakUntil,
  kRelease,
  /// Long run: in S and R.
  kSteadyState,
  /// In R.
  kCumulative,
  kInstantaneous,
};

/// An operator with its brackets, for example P>=0.5 [ a U<=3 b {s=1}{min} ].
struct QuerySyntax {
  QueryKind kind = QueryKind::kProbability;
  SourceLocation where;
  /// Empty: =?, the value is asked for.
  std::optional<prism::Operator> comparison;
  prism::ExpressionPointer threshold;
  /// R{"name"} or R{number}; neither: the first structure.
  std::optional<std::string> reward_name;
  prism::ExpressionPointer reward_number;
  /// T{"measure",argument}.
  PassageMeasure measure = PassageMeasure::kMean;
  prism::ExpressionPointer measure_argument;
  TemporalOperator temporal = TemporalOperator::kUntil;
  /// Null where the operator has none.
  prism::ExpressionPointer left;
  prism::ExpressionPointer right;
  prism::ExpressionPointer lower_s;
  prism::ExpressionPointer upper_s;
};

enum class FilterSyntaxOperator { kState, kFirst, kMinimum, kMaximum, kAverage, kSum, kCount, kForAll, kExists };

/// filter(operator, operand, states).
struct FilterSyntax {
  SourceLocation where;
  FilterSyntaxOperator filter_operator = FilterSyntaxOperator::kState;
  prism::ExpressionPointer operand;
  /// Null: all states, or for kState and kFirst the initial ones.
  prism::ExpressionPointer states;
};

struct PropertySyntax {
  /// Empty: it has none.
  std::string name;
  /// As written, without name and semicolon.
  std::string text;
  SourceLocation where;
  prism::ExpressionPointer expression;
};

struct PropertyFile {
  /// As named in messages.
  std::string file;
  std::vector<prism::ConstantDeclaration> constants;
  std::vector<prism::LabelDeclaration> labels;
  std::vector<PropertySyntax> properties;
  /// An expression of kind kQuery has the number of its query: from 0 those in `queries`, from kFirstFilter on those in
  /// `filters`.
  std::vector<QuerySyntax> queries;
  std::vector<FilterSyntax> filters;

  static constexpr std::size_t kFirstFilter = std::size_t{1} << 32;
};

/// Reads a property file, or the property of a command line. Throws InputError with the place of the first mistake.
PropertyFile parse_properties(const std::string& text, const std::string& file);

}  // namespace windtunnel::solvers
