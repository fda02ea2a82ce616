// SPDX-License-Identifier: Apache-2.0
#include "solvers/csl/filter_value.h"

#include <algorithm>
#include <limits>

namespace windtunnel::solvers {

std::optional<FilterOperator> numeric_operator(FilterSyntaxOperator filter_operator) {
  switch (filter_operator) {
    case FilterSyntaxOperator::kState:
      return FilterOperator::kState;
    case FilterSyntaxOperator::kFirst:
      return FilterOperator::kFirst;
    case FilterSyntaxOperator::kMinimum:
      return FilterOperator::kMinimum;
    case FilterSyntaxOperator::kMaximum:
      return FilterOperator::kMaximum;
    case FilterSyntaxOperator::kAverage:
      return FilterOperator::kAverage;
    case FilterSyntaxOperator::kSum:
      return FilterOperator::kSum;
    case FilterSyntaxOperator::kCount:
    case FilterSyntaxOperator::kForAll:
    case FilterSyntaxOperator::kExists:
      return std::nullopt;
  }
  return std::nullopt;
}

double reduced(const Vector& values, const StateFilter& filter) {
  double sum = 0.0;
  Index count = 0;
  double smallest = std::numeric_limits<double>::infinity();
  double largest = -smallest;
  for (Index i = 0; i < values.size(); ++i) {
    if (!filter.states[static_cast<std::size_t>(i)]) continue;
    if (filter.filter_operator == FilterOperator::kState || filter.filter_operator == FilterOperator::kFirst) {
      return values(i);
    }
    ++count;
    sum += values(i);
    smallest = std::min(smallest, values(i));
    largest = std::max(largest, values(i));
  }
  if (filter.filter_operator == FilterOperator::kMinimum) return smallest;
  if (filter.filter_operator == FilterOperator::kMaximum) return largest;
  return filter.filter_operator == FilterOperator::kAverage ? sum / static_cast<double>(count) : sum;
}

}  // namespace windtunnel::solvers
