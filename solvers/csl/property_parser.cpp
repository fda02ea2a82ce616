// SPDX-License-Identifier: Apache-2.0
#include "solvers/csl/property_parser.h"

#include <array>
#include <utility>

#include "solvers/prism/constant_declaration.h"

namespace windtunnel::solvers {
namespace {

using prism::Expression;
using prism::ExpressionPointer;
using prism::Operator;
using prism::TokenKind;

struct FilterName {
  std::string_view text;
  FilterSyntaxOperator filter_operator;
};

constexpr std::array<FilterName, 12> kFilterNames = {{{"state", FilterSyntaxOperator::kState},
                                                      {"first", FilterSyntaxOperator::kFirst},
                                                      {"min", FilterSyntaxOperator::kMinimum},
                                                      {"max", FilterSyntaxOperator::kMaximum},
                                                      {"avg", FilterSyntaxOperator::kAverage},
                                                      {"sum", FilterSyntaxOperator::kSum},
                                                      {"+", FilterSyntaxOperator::kSum},
                                                      {"count", FilterSyntaxOperator::kCount},
                                                      {"forall", FilterSyntaxOperator::kForAll},
                                                      {"&", FilterSyntaxOperator::kForAll},
                                                      {"exists", FilterSyntaxOperator::kExists},
                                                      {"|", FilterSyntaxOperator::kExists}}};

constexpr std::array<std::pair<std::string_view, Operator>, 4> kComparisons = {{{"<", Operator::kLess},
                                                                                {"<=", Operator::kLessOrEqual},
                                                                                {">", Operator::kGreater},
                                                                                {">=", Operator::kGreaterOrEqual}}};

class PropertyParser : public prism::DeclarationParser {
 public:
  PropertyParser(const std::string& text, const std::string& file)
      : DeclarationParser(prism::tokenize(text, file), file), text_(text) {
    result_.file = file;
  }

  PropertyFile properties() {
    while (!at_end()) {
      if (at_word("const")) {
        result_.constants.push_back(constant());
      } else if (at_word("label")) {
        result_.labels.push_back(label());
      } else {
        property();
      }
      while (take_symbol(";")) continue;
    }
    return std::move(result_);
  }

 private:
  void property() {
    PropertySyntax property;
    if (token().kind == TokenKind::kString && at_symbol(":", 1)) {
      property.name = take().text;
      take();
    }
    property.where = where();
    const std::size_t begin = token().begin;
    property.expression = expression();
    property.text = text_.substr(begin, end_of_last_token() - begin);
    result_.properties.push_back(std::move(property));
  }

  bool at_operator(std::string_view name) const {
    if (!at_word(name)) return false;
    const bool asks = at_symbol("=", 1) && at_symbol("?", 2);
    return asks || at_symbol("{", 1) || name != "T";  // T is a common name of constants, P, S and R are keywords
  }

  bool at_extension() const override {
    if (token().kind == TokenKind::kString || at_word("filter")) return true;
    for (const char* name : {"P", "S", "R", "T"}) {
      if (at_operator(name)) return true;
    }
    for (const char* name : {"Pmin", "Pmax", "Rmin", "Rmax", "E", "A"}) {
      if (at_word(name))
        fail_at(where(), "found '" + token().text + "', but a chain leaves no choices: expected P, S, R or T");
    }
    return false;
  }

  ExpressionPointer extension() override {
    const SourceLocation at = where();
    if (token().kind == TokenKind::kString) {
      return made({.op = Operator::kLabel, .where = at, .name = take().text, .type = prism::Type::kBoolean});
    }
    if (at_word("filter")) return filter();
    if (take_word("P")) return query(QueryKind::kProbability, at);
    if (take_word("S")) return query(QueryKind::kSteadyState, at);
    if (take_word("R")) return query(QueryKind::kReward, at);
    take();
    return query(QueryKind::kPassageTime, at);
  }

  ExpressionPointer made(Expression e) { return prism::make(std::move(e)); }

  ExpressionPointer filter() {
    FilterSyntax filter;
    filter.where = take().where;
    expect_symbol("(");
    filter.filter_operator = filter_operator();
    expect_symbol(",");
    filter.operand = expression();
    if (take_symbol(",")) filter.states = expression();
    expect_symbol(")");
    return add(std::move(filter));
  }

  ExpressionPointer add(FilterSyntax filter) {
    const SourceLocation at = filter.where;
    result_.filters.push_back(std::move(filter));
    return made(
        {.op = Operator::kQuery, .where = at, .number = PropertyFile::kFirstFilter + result_.filters.size() - 1});
  }

  FilterSyntaxOperator filter_operator() {
    for (const FilterName& name : kFilterNames) {
      if (token().kind == TokenKind::kString || token().text != name.text) continue;
      take();
      return name.filter_operator;
    }
    fail("state, first, min, max, avg, sum, count, forall or exists");
  }

  ExpressionPointer query(QueryKind kind, SourceLocation at) {
    QuerySyntax query;
    query.kind = kind;
    query.where = at;
    if (kind == QueryKind::kReward && take_symbol("{")) reward_structure(query);
    if (kind == QueryKind::kPassageTime && take_symbol("{")) passage_measure(query);
    comparison(query);
    expect_symbol("[");
    operand(query);
    std::optional<FilterSyntax> inner = inner_filter();
    expect_symbol("]");
    result_.queries.push_back(std::move(query));
    ExpressionPointer asked = made({.op = Operator::kQuery, .where = at, .number = result_.queries.size() - 1});
    if (!inner.has_value()) return asked;
    inner->operand = std::move(asked);
    return add(std::move(*inner));
  }

  void reward_structure(QuerySyntax& query) {
    if (token().kind == TokenKind::kString) {
      query.reward_name = take().text;
    } else {
      query.reward_number = expression();
    }
    expect_symbol("}");
  }

  void passage_measure(QuerySyntax& query) {
    if (token().kind != TokenKind::kString) fail("\"mean\", \"variance\", \"moment\" or \"quantile\"");
    const std::string measure = token().text;
    if (measure == "mean") {
      query.measure = PassageMeasure::kMean;
    } else if (measure == "variance") {
      query.measure = PassageMeasure::kVariance;
    } else if (measure == "moment") {
      query.measure = PassageMeasure::kMoment;
    } else if (measure == "quantile") {
      query.measure = PassageMeasure::kQuantile;
    } else {
      fail("\"mean\", \"variance\", \"moment\" or \"quantile\"");
    }
    take();
    if (query.measure == PassageMeasure::kMoment || query.measure == PassageMeasure::kQuantile) {
      expect_symbol(",");
      query.measure_argument = expression();
    }
    expect_symbol("}");
  }

  void comparison(QuerySyntax& query) {
    if (take_symbol("=")) return expect_symbol("?");
    for (const auto& [symbol, op] : kComparisons) {
      if (!take_symbol(symbol)) continue;
      query.comparison = op;
      query.threshold = time_bound();
      return;
    }
    fail("'=?' or a comparison such as '>=0.5'");
  }

  void operand(QuerySyntax& query) {
    switch (query.kind) {
      case QueryKind::kProbability:
        return path(query);
      case QueryKind::kSteadyState:
        query.temporal = TemporalOperator::kSteadyState;
        query.right = expression();
        return;
      case QueryKind::kReward:
        return reward_operand(query);
      case QueryKind::kPassageTime:
        return reachability(query);
    }
  }

  void path(QuerySyntax& query) {
    if (take_word("X")) return after_operator(query, TemporalOperator::kNext);
    if (take_word("F")) return after_operator(query, TemporalOperator::kFinally);
    if (take_word("G")) return after_operator(query, TemporalOperator::kGlobally);
    query.left = expression();
    if (take_word("U")) return after_operator(query, TemporalOperator::kUntil);
    if (take_word("W")) return after_operator(query, TemporalOperator::kWeakUntil);
    if (take_word("R")) return after_operator(query, TemporalOperator::kRelease);
    fail("'U', 'W' or 'R' (or a path that starts with X, F or G)");
  }

  void after_operator(QuerySyntax& query, TemporalOperator temporal) {
    query.temporal = temporal;
    time_interval(query);
    query.right = expression();
  }

  void time_interval(QuerySyntax& query) {
    if (take_symbol("<=") || take_symbol("<")) {
      query.upper_s = time_bound();
    } else if (take_symbol(">=") || take_symbol(">")) {
      query.lower_s = time_bound();
    } else if (take_symbol("=")) {
      query.lower_s = query.upper_s = time_bound();
    } else if (take_symbol("[")) {
      query.lower_s = expression();
      expect_symbol(",");
      query.upper_s = expression();
      expect_symbol("]");
    }
  }

  void reward_operand(QuerySyntax& query) {
    if (take_word("S")) {
      query.temporal = TemporalOperator::kSteadyState;
    } else if (take_word("C")) {
      query.temporal = TemporalOperator::kCumulative;
      if (take_symbol("<=")) query.upper_s = time_bound();
    } else if (take_word("I")) {
      query.temporal = TemporalOperator::kInstantaneous;
      expect_symbol("=");
      query.upper_s = time_bound();
    } else if (at_word("F")) {
      reachability(query);
    } else {
      fail("S, C, C<=t, I=t or F");
    }
  }

  void reachability(QuerySyntax& query) {
    expect_word("F");
    query.temporal = TemporalOperator::kFinally;
    query.right = expression();
  }

  /// {states}, {states}{min}, {states}{max}: the older way to write a filter.
  std::optional<FilterSyntax> inner_filter() {
    if (!at_symbol("{")) return std::nullopt;
    FilterSyntax filter;
    filter.where = take().where;
    filter.states = expression();
    expect_symbol("}");
    if (!take_symbol("{")) return filter;
    if (!at_word("min") && !at_word("max")) fail("min or max");
    filter.filter_operator = take().text == "min" ? FilterSyntaxOperator::kMinimum : FilterSyntaxOperator::kMaximum;
    expect_symbol("}");
    return filter;
  }

  const std::string& text_;
  PropertyFile result_;
};

}  // namespace

PropertyFile parse_properties(const std::string& text, const std::string& file) {
  return PropertyParser(text, file).properties();
}

}  // namespace windtunnel::solvers
