// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "solvers/prism/expression_parser.h"
#include "solvers/prism/model.h"

namespace windtunnel::solvers::prism {

/// A parser of files that declare constants: models and property files.
class DeclarationParser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

 protected:
  /// const [int|double|bool] NAME [= value];
  ConstantDeclaration constant();
  /// formula NAME = value;
  FormulaDeclaration formula();
  /// label "NAME" = states;
  LabelDeclaration label();
};

}  // namespace windtunnel::solvers::prism
