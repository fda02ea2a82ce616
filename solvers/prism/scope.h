// SPDX-License-Identifier: Apache-2.0
// What the names of a model mean: constants with their values, formulas, variables.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "solvers/prism/expression.h"
#include "solvers/prism/model.h"

namespace windtunnel::solvers::prism {

/// Values given from outside, by name: `N=5` of the command line.
using GivenConstants = std::map<std::string, Value>;

/// Reads `N=5,rate=1/3,fast=true`. Throws InputError `--const:1:COLUMN: ...`.
GivenConstants parse_constants(const std::string& text);

class Scope {
 public:
  explicit Scope(GivenConstants given) : given_(std::move(given)) {}

  /// From now on numbers carry their derivatives by this real constant. Call it before anything is bound.
  void differentiate_by(std::string constant) { differentiated_by_ = std::move(constant); }

  /// Each throws InputError when the name is taken. A given value comes before the one in the declaration.
  void declare(const ConstantDeclaration& constant, const std::string& file);
  void declare(const FormulaDeclaration& formula, const std::string& file);
  void declare_variable(const VariableDeclaration& variable, std::size_t number, const std::string& file);

  /// The expression with every name replaced by what it means, of the type wanted. Throws InputError in `file`.
  ExpressionPointer bound(const ExpressionPointer& expression, Type wanted, const std::string& file);
  /// As bound, whatever the type.
  ExpressionPointer bound(const ExpressionPointer& expression, const std::string& file);
  /// Value of an expression without variables.
  Value constant(const ExpressionPointer& expression, Type wanted, const std::string& file);
  Value constant(const ExpressionPointer& expression, const std::string& file);

  /// The expression with formulas written out by the names in them: what a renamed module starts from.
  ExpressionPointer without_formulas(const ExpressionPointer& expression, const std::string& file);

  /// The real-valued constants that something has asked for, with their values.
  std::map<std::string, double> used_real_constants() const;

  /// Whether something has asked for the value of this constant.
  bool has_used(const std::string& name) const;

  /// Given names that no declaration and no expression has asked for.
  std::vector<std::string> unused_constants() const;

 private:
  struct Definition {
    enum class Kind { kConstant, kFormula, kVariable } kind = Kind::kConstant;
    SourceLocation where;
    std::string file;
    Type type = Type::kInteger;
    /// Null: no value.
    ExpressionPointer value;
    std::size_t variable = 0;
    /// Filled at first use.
    ExpressionPointer result;
    bool in_work = false;
  };

  void add(const std::string& name, Definition definition);
  ExpressionPointer meaning(const Expression& identifier);
  ExpressionPointer resolve(const std::string& name, Definition& definition, SourceLocation use);
  ExpressionPointer given_value(const std::string& name, const Definition& definition) const;

  GivenConstants given_;
  std::string differentiated_by_;
  std::set<std::string> asked_;
  std::map<std::string, Definition> definitions_;
};

}  // namespace windtunnel::solvers::prism
