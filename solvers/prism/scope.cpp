// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/scope.h"

#include "solvers/prism/constant_declaration.h"
#include "solvers/prism/evaluator.h"

namespace windtunnel::solvers::prism {
namespace {

const std::string kCommandLine = "--const";

/// Messages about a name point at its use; those about a formula point into the formula.
ExpressionPointer placed(const ExpressionPointer& expression, SourceLocation where) {
  if (!expression->operands.empty()) return expression;
  Expression copy = *expression;
  copy.where = where;
  return make(std::move(copy));
}

/// The number that everything is differentiated by.
ExpressionPointer moving(const Expression& number) {
  return literal(Value::of(DualNumber({number.value.as_double(), 0.0}, {1.0, 0.0})), number.where);
}

class ConstantsParser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  GivenConstants constants() {
    GivenConstants given;
    if (at_end()) return given;
    do {
      assignment(given);
    } while (take_symbol(","));
    if (!at_end()) fail("',' and the next constant");
    return given;
  }

 private:
  void assignment(GivenConstants& given) {
    const SourceLocation at = where();
    const std::string constant = name("NAME=VALUE");
    expect_symbol("=");
    const ExpressionPointer text = expression();
    if (!given.emplace(constant, Scope({}).constant(text, file())).second) {
      fail_at(at, "constant '" + constant + "' is given twice");
    }
  }
};

}  // namespace

GivenConstants parse_constants(const std::string& text) {
  return ConstantsParser(tokenize(text, kCommandLine), kCommandLine).constants();
}

void Scope::add(const std::string& name, Definition definition) {
  if (const auto taken = definitions_.find(name); taken != definitions_.end()) {
    const Definition& first = taken->second;
    throw InputError(definition.file, definition.where,
                     fmt::format("name '{}' is already declared at {}:{}:{}", name, first.file, first.where.line,
                                 first.where.column));
  }
  definitions_.emplace(name, std::move(definition));
}

void Scope::declare(const ConstantDeclaration& constant, const std::string& file) {
  asked_.insert(constant.name);
  add(constant.name, {.kind = Definition::Kind::kConstant,
                      .where = constant.where,
                      .file = file,
                      .type = constant.type,
                      .value = constant.value});
}

void Scope::declare(const FormulaDeclaration& formula, const std::string& file) {
  add(formula.name, {.kind = Definition::Kind::kFormula, .where = formula.where, .file = file, .value = formula.value});
}

void Scope::declare_variable(const VariableDeclaration& variable, std::size_t number, const std::string& file) {
  const Type type = variable.is_boolean ? Type::kBoolean : Type::kInteger;
  Definition definition{
      .kind = Definition::Kind::kVariable, .where = variable.where, .file = file, .type = type, .variable = number};
  add(variable.name, std::move(definition));
}

ExpressionPointer Scope::bound(const ExpressionPointer& expression, const std::string& file) {
  try {
    return with_meanings(expression, [this](const Expression& identifier) { return meaning(identifier); });
  } catch (const ExpressionError& error) {
    throw InputError(file, error.where, error.message);
  }
}

ExpressionPointer Scope::bound(const ExpressionPointer& expression, Type wanted, const std::string& file) {
  ExpressionPointer result = bound(expression, file);
  if (result->type == wanted || (wanted == Type::kDouble && result->type == Type::kInteger)) return result;
  throw InputError(file, expression->where,
                   "found " + to_string(result->type) + ", expected " +
                       (wanted == Type::kDouble ? std::string("a number") : to_string(wanted)));
}

Value Scope::constant(const ExpressionPointer& expression, Type wanted, const std::string& file) {
  const Value value = constant(bound(expression, wanted, file), file);
  return value.converted_to(wanted);
}

Value Scope::constant(const ExpressionPointer& expression, const std::string& file) {
  const ExpressionPointer result = bound(expression, file);
  if (depends_on_state(result)) {
    throw InputError(file, expression->where, "found an expression that depends on the state, expected a constant");
  }
  try {
    return constant_value(result);
  } catch (const ExpressionError& error) {
    throw InputError(file, error.where, error.message);
  }
}

ExpressionPointer Scope::meaning(const Expression& identifier) {
  asked_.insert(identifier.name);
  if (const auto found = definitions_.find(identifier.name); found != definitions_.end()) {
    return placed(resolve(identifier.name, found->second, identifier.where), identifier.where);
  }
  // A property on the command line may use a constant that only the command line knows.
  const auto given = given_.find(identifier.name);
  if (given != given_.end()) return literal(given->second, identifier.where);
  throw ExpressionError{identifier.where, "unknown name '" + identifier.name + "'"};
}

ExpressionPointer Scope::resolve(const std::string& name, Definition& definition, SourceLocation use) {
  if (definition.result != nullptr) return definition.result;
  if (definition.in_work) throw ExpressionError{use, "'" + name + "' is defined by itself"};
  definition.in_work = true;
  if (definition.kind == Definition::Kind::kVariable) {
    definition.result =
        make({.op = Operator::kVariable, .where = use, .number = definition.variable, .type = definition.type});
  } else if (definition.kind == Definition::Kind::kFormula) {
    definition.result = bound(definition.value, definition.file);
  } else if (given_.count(name) > 0) {
    definition.result = given_value(name, definition);
  } else if (definition.value != nullptr) {
    definition.result = literal(constant(definition.value, definition.type, definition.file), use);
  } else {
    definition.in_work = false;
    throw ExpressionError{use, "constant '" + name + "' has no value, give it one with --const " + name + "=..."};
  }
  if (name == differentiated_by_) definition.result = moving(*definition.result);
  definition.in_work = false;
  return definition.result;
}

ExpressionPointer Scope::given_value(const std::string& name, const Definition& definition) const {
  const Value value = given_.at(name);
  if (value.type == definition.type) return literal(value);
  if (definition.type == Type::kDouble && value.type == Type::kInteger) return literal(Value::of(value.as_double()));
  throw InputError(kCommandLine, {},
                   fmt::format("constant '{}' is {}, expected {}", name, to_string(value), to_string(definition.type)));
}

ExpressionPointer Scope::without_formulas(const ExpressionPointer& expression, const std::string& file) {
  // Each formula once: one of sixty, each the double of the one before, would be written out 2^60 times. Null: in work.
  std::map<std::string, ExpressionPointer> written_out;
  const std::function<ExpressionPointer(const ExpressionPointer&)> expand = [&](const ExpressionPointer& e) {
    return substitute(e, [&](const Expression& identifier) -> ExpressionPointer {
      const auto found = definitions_.find(identifier.name);
      if (found == definitions_.end() || found->second.kind != Definition::Kind::kFormula) return nullptr;
      const auto [known, is_new] = written_out.emplace(identifier.name, nullptr);
      if (is_new) known->second = expand(found->second.value);
      if (known->second != nullptr) return known->second;
      throw ExpressionError{identifier.where, "'" + identifier.name + "' is defined by itself"};
    });
  };
  try {
    return expand(expression);
  } catch (const ExpressionError& error) {
    throw InputError(file, error.where, error.message);
  }
}

std::map<std::string, double> Scope::used_real_constants() const {
  std::map<std::string, double> values;
  for (const auto& [name, definition] : definitions_) {
    if (definition.kind != Definition::Kind::kConstant || definition.type != Type::kDouble) continue;
    if (definition.result != nullptr) values[name] = constant_value(definition.result).as_double();
  }
  return values;
}

bool Scope::has_used(const std::string& name) const {
  const auto found = definitions_.find(name);
  return found == definitions_.end() ? asked_.count(name) > 0 : found->second.result != nullptr;
}

std::vector<std::string> Scope::unused_constants() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : given_) {
    if (asked_.count(name) == 0) names.push_back(name);
  }
  return names;
}

}  // namespace windtunnel::solvers::prism
