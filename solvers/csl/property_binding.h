// SPDX-License-Identifier: Apache-2.0
// From the text of a property to a question about one chain: names become constants and sets of states, inner operators
// are answered, filters name the states that are asked about.
#pragma once
#include <functional>
#include <optional>
#include <variant>

#include "solvers/csl/property.h"
#include "solvers/csl/property_parser.h"
#include "solvers/prism/scope.h"

namespace windtunnel::solvers {

/// The value of an inner operator in every state lies between these.
struct StateBounds {
  Vector lower;
  Vector upper;
};
using InnerAnswer = std::function<StateBounds(const Query&)>;

/// Is the value < or >= ... the level?
struct Threshold {
  prism::Operator comparison = prism::Operator::kLess;
  double level = 0.0;

  bool holds(double value) const;
};

/// One operator, asked in some states: the usual property.
struct Question {
  Query query;
  StateFilter filter;
  /// Empty: the value itself is asked for.
  std::optional<Threshold> threshold;
};

/// Anything else has been computed from the answers to its inner operators: a number or a truth value.
using BoundProperty = std::variant<Question, prism::Value>;

/// Declares the constants of the file in the scope. Once per file, before its properties are bound.
void declare_constants(const PropertyFile& file, prism::Scope& scope);

/// Throws InputError with the place in the file of what does not fit the chain: unknown names, labels and rewards,
/// types, intervals without a time, filters without a state.
BoundProperty bind_property(const PropertyFile& file, const PropertySyntax& property, const LabelledChain& chain,
                            prism::Scope& scope, const InnerAnswer& inner);

}  // namespace windtunnel::solvers
