// SPDX-License-Identifier: Apache-2.0
#include "solvers/csl/property_binding.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>

#include "solvers/csl/filter_value.h"
#include "solvers/numerics/chain_error.h"
#include "solvers/prism/evaluation.h"

namespace windtunnel::solvers {
namespace {

using prism::Expression;
using prism::ExpressionPointer;
using prism::Operator;
using prism::Type;
using prism::Value;

bool is_operator(const Expression& e) {
  return e.op == Operator::kQuery && e.number < PropertyFile::kFirstFilter;
}

ExpressionPointer negated(const ExpressionPointer& states) {
  return prism::make({.op = Operator::kNot, .where = states->where, .operands = {states}});
}

ExpressionPointer both(const ExpressionPointer& left, const ExpressionPointer& right) {
  return prism::binary(Operator::kAnd, left, right, left->where);
}

class PropertyBinder {
 public:
  PropertyBinder(const PropertyFile& file, const LabelledChain& chain, prism::Scope& scope, const InnerAnswer& inner)
      : file_(file), chain_(chain), scope_(scope), inner_(inner) {}

  BoundProperty bound(const PropertySyntax& property) {
    open_.push_back(property.name);
    return top(property.expression);
  }

 private:
  [[noreturn]] void fail(SourceLocation where, const std::string& message) const {
    throw InputError(file_.file, where, message);
  }

  // The whole property ------------------------------------------------------------------------------------------------

  BoundProperty top(const ExpressionPointer& e) {
    if (is_operator(*e)) return question(file_.queries[e->number], initial_filter(e->where));
    if (e->op != Operator::kQuery) return value_in(e, initial_filter(e->where));
    const FilterSyntax& filter = file_.filters[e->number - PropertyFile::kFirstFilter];
    const std::optional<FilterOperator> numeric = numeric_operator(filter.filter_operator);
    if (is_operator(*filter.operand) && numeric.has_value()) {
      const QuerySyntax& asked = file_.queries[filter.operand->number];
      // Whether the least value passes a threshold is not what the filter asks.
      const bool single = *numeric == FilterOperator::kState || *numeric == FilterOperator::kFirst;
      if (single || !asked.comparison.has_value()) return question(asked, state_filter(filter, *numeric));
    }
    return value_of(filter);
  }

  Question question(const QuerySyntax& syntax, StateFilter filter) {
    Question question{.query = query(syntax), .filter = std::move(filter)};
    if (syntax.comparison.has_value()) question.threshold = threshold(syntax);
    return question;
  }

  Threshold threshold(const QuerySyntax& syntax) {
    return {*syntax.comparison, scope_.constant(syntax.threshold, Type::kDouble, file_.file).as_double()};
  }

  Value value_in(const ExpressionPointer& e, const StateFilter& filter) {
    const ExpressionPointer expression = prepared(e);
    if (expression->type == Type::kBoolean) {
      const StateSet states = prism::states_where(expression, chain_, columns_, file_.file);
      return Value::of(static_cast<bool>(states[first_of(filter.states)]));
    }
    return Value::of(reduced(prism::values_of(expression, chain_, columns_, file_.file), filter));
  }

  Value value_of(const FilterSyntax& filter) {
    const std::optional<FilterOperator> numeric = numeric_operator(filter.filter_operator);
    if (numeric.has_value()) return value_in(filter.operand, state_filter(filter, *numeric));
    const StateSet where = filter_states(filter);
    const StateSet holds = states(filter.operand);
    std::int64_t asked = 0;
    std::int64_t satisfied = 0;
    for (std::size_t i = 0; i < where.size(); ++i) {
      asked += where[i] ? 1 : 0;
      satisfied += where[i] && holds[i] ? 1 : 0;
    }
    if (filter.filter_operator == FilterSyntaxOperator::kCount) return Value::of(satisfied);
    return Value::of(filter.filter_operator == FilterSyntaxOperator::kForAll ? satisfied == asked : satisfied > 0);
  }

  // Filters -----------------------------------------------------------------------------------------------------------

  StateFilter initial_filter(SourceLocation where) const {
    const Label* init = find_label(chain_, "init");
    StateFilter filter{FilterOperator::kState, StateSet(static_cast<std::size_t>(chain_.states()), false)};
    filter.states[static_cast<std::size_t>(chain_.initial)] = true;
    if (init == nullptr) return filter;
    const auto count = std::count(init->states.begin(), init->states.end(), true);
    if (count <= 1) return filter;
    fail(where,
         fmt::format("the chain has {} initial states, say which one counts: filter(min, ..., \"init\"), or max, "
                     "avg, sum, first",
                     count));
  }

  StateSet filter_states(const FilterSyntax& filter) {
    if (filter.states != nullptr) return states(filter.states);
    return StateSet(static_cast<std::size_t>(chain_.states()), true);
  }

  StateFilter state_filter(const FilterSyntax& filter, FilterOperator filter_operator) {
    const bool single = filter_operator == FilterOperator::kState || filter_operator == FilterOperator::kFirst;
    if (filter.states == nullptr && single) return initial_filter(filter.where);
    StateFilter result{filter_operator, filter_states(filter)};
    const auto count = std::count(result.states.begin(), result.states.end(), true);
    if (count == 0) fail(filter.where, "no state satisfies the filter");
    if (count > 1 && filter_operator == FilterOperator::kState) {
      fail(filter.where,
           fmt::format("{} states satisfy the filter, expected one (or min, max, avg, sum, first)", count));
    }
    return result;
  }

  static std::size_t first_of(const StateSet& states) {
    return static_cast<std::size_t>(std::find(states.begin(), states.end(), true) - states.begin());
  }

  // Expressions over states -------------------------------------------------------------------------------------------

  /// Bound, with labels and inner operators as columns of values.
  ExpressionPointer prepared(const ExpressionPointer& e) { return scope_.bound(replaced(e), file_.file); }

  ExpressionPointer replaced(const ExpressionPointer& e) {
    return prism::substitute(e, [this](const Expression& leaf) -> ExpressionPointer {
      if (leaf.op == Operator::kLabel) return label(leaf);
      return leaf.op == Operator::kQuery ? inner_operator(leaf) : nullptr;
    });
  }

  StateSet states(const ExpressionPointer& e) {
    try {
      const ExpressionPointer expression = scope_.bound(replaced(e), Type::kBoolean, file_.file);
      return prism::states_where(expression, chain_, columns_, file_.file);
    } catch (const prism::ExpressionError& error) {
      fail(error.where, error.message);
    }
  }

  /// A label of the chain, a label of the property file, or the name of another property.
  ExpressionPointer label(const Expression& leaf) {
    if (const Label* label = find_label(chain_, leaf.name); label != nullptr) return flag(&label->states, leaf.where);
    for (const prism::LabelDeclaration& label : file_.labels) {
      if (label.name == leaf.name) return guarded(leaf, label.states);
    }
    for (const PropertySyntax& property : file_.properties) {
      if (property.name == leaf.name) return guarded(leaf, property.expression);
    }
    fail(leaf.where, "unknown label \"" + leaf.name + "\"");
  }

  ExpressionPointer guarded(const Expression& leaf, const ExpressionPointer& meaning) {
    if (std::find(open_.begin(), open_.end(), leaf.name) != open_.end()) {
      fail(leaf.where, "\"" + leaf.name + "\" is defined by itself");
    }
    open_.push_back(leaf.name);
    ExpressionPointer result = replaced(meaning);
    open_.pop_back();
    return result;
  }

  ExpressionPointer inner_operator(const Expression& leaf) {
    if (leaf.type != Type::kInteger) return nullptr;  // a column already
    if (!is_operator(leaf)) {
      const Value value = value_of(file_.filters[leaf.number - PropertyFile::kFirstFilter]);
      return prism::literal(value, leaf.where);
    }
    const QuerySyntax& syntax = file_.queries[leaf.number];
    const StateBounds values = inner_(query(syntax));
    if (!syntax.comparison.has_value()) return column((values.lower + values.upper) / 2.0, leaf.where);
    own_flags_.push_back(passed(values, threshold(syntax)));
    return flag(&own_flags_.back(), leaf.where);
  }

  StateSet passed(const StateBounds& values, const Threshold& threshold) const {
    StateSet passed(static_cast<std::size_t>(values.lower.size()));
    for (Index i = 0; i < values.lower.size(); ++i) {
      const bool holds = threshold.holds(values.lower(i));
      if (holds != threshold.holds(values.upper(i))) {
        throw ChainError(fmt::format("state {}: the value lies between {} and {}, too close to {} to compare",
                                     state_name(chain_, i), values.lower(i), values.upper(i), threshold.level));
      }
      passed[static_cast<std::size_t>(i)] = holds;
    }
    return passed;
  }

  ExpressionPointer flag(const StateSet* states, SourceLocation where) {
    columns_.flags.push_back(states);
    return prism::make(
        {.op = Operator::kQuery, .where = where, .number = columns_.flags.size() - 1, .type = Type::kBoolean});
  }

  ExpressionPointer column(const Vector& values, SourceLocation where) {
    own_numbers_.push_back(values);
    columns_.numbers.push_back(&own_numbers_.back());
    return prism::make(
        {.op = Operator::kQuery, .where = where, .number = columns_.numbers.size() - 1, .type = Type::kDouble});
  }

  // Operators ---------------------------------------------------------------------------------------------------------

  Query query(const QuerySyntax& syntax) {
    Query query{.kind = syntax.kind};
    switch (syntax.kind) {
      case QueryKind::kProbability:
        query.path = path(syntax);
        break;
      case QueryKind::kSteadyState:
        query.steady_states = states(syntax.right);
        break;
      case QueryKind::kReward:
        query.reward = reward(syntax);
        break;
      case QueryKind::kPassageTime:
        query.passage = passage(syntax);
        break;
    }
    return query;
  }

  PathFormula path(const QuerySyntax& syntax) {
    PathFormula path{.time = interval(syntax)};
    switch (syntax.temporal) {
      case TemporalOperator::kNext:
        path.path_operator = PathOperator::kNext;
        path.right = states(syntax.right);
        break;
      case TemporalOperator::kFinally:
        path.left = StateSet(static_cast<std::size_t>(chain_.states()), true);
        path.right = states(syntax.right);
        break;
      case TemporalOperator::kGlobally:
        path.left = StateSet(static_cast<std::size_t>(chain_.states()), true);
        path.right = states(negated(syntax.right));
        path.complement = true;
        break;
      case TemporalOperator::kWeakUntil:
        path.left = states(both(syntax.left, negated(syntax.right)));
        path.right = states(both(negated(syntax.left), negated(syntax.right)));
        path.complement = true;
        break;
      case TemporalOperator::kRelease:
        path.left = states(negated(syntax.left));
        path.right = states(negated(syntax.right));
        path.complement = true;
        break;
      default:
        path.left = states(syntax.left);
        path.right = states(syntax.right);
        break;
    }
    return path;
  }

  double time(const ExpressionPointer& e) {
    const double value = scope_.constant(e, Type::kDouble, file_.file).as_double();
    if (value >= 0.0) return value;
    fail(e->where, fmt::format("time {}, expected >= 0", value));
  }

  TimeInterval interval(const QuerySyntax& syntax) {
    TimeInterval interval;
    if (syntax.lower_s != nullptr) interval.lower_s = time(syntax.lower_s);
    if (syntax.upper_s != nullptr) interval.upper_s = time(syntax.upper_s);
    if (interval.lower_s <= interval.upper_s && std::isfinite(interval.lower_s)) return interval;
    fail(syntax.lower_s->where, fmt::format("the interval from {} to {} is empty", interval.lower_s, interval.upper_s));
  }

  RewardFormula reward(const QuerySyntax& syntax) {
    RewardFormula formula{.structure = reward_structure(syntax)};
    switch (syntax.temporal) {
      case TemporalOperator::kCumulative:
        formula.reward_operator = RewardOperator::kCumulative;
        formula.time_s = interval(syntax).upper_s;
        break;
      case TemporalOperator::kInstantaneous:
        formula.reward_operator = RewardOperator::kInstantaneous;
        formula.time_s = time(syntax.upper_s);
        if (!std::isfinite(formula.time_s)) fail(syntax.upper_s->where, "time inf, expected an instant");
        break;
      case TemporalOperator::kFinally:
        formula.reward_operator = RewardOperator::kReachability;
        formula.target = states(syntax.right);
        break;
      default:
        formula.reward_operator = RewardOperator::kSteadyState;
        break;
    }
    return formula;
  }

  std::size_t reward_structure(const QuerySyntax& syntax) {
    if (chain_.rewards.empty()) fail(syntax.where, "the model has no rewards");
    if (syntax.reward_name.has_value()) {
      if (const auto found = find_reward(chain_, *syntax.reward_name)) return *found;
      fail(syntax.where, "unknown rewards \"" + *syntax.reward_name + "\"");
    }
    if (syntax.reward_number == nullptr) return 0;
    const std::int64_t number = scope_.constant(syntax.reward_number, Type::kInteger, file_.file).integer;
    if (number >= 1 && number <= static_cast<std::int64_t>(chain_.rewards.size())) {
      return static_cast<std::size_t>(number - 1);
    }
    fail(syntax.where, fmt::format("reward structure {}, expected 1 to {}", number, chain_.rewards.size()));
  }

  PassageFormula passage(const QuerySyntax& syntax) {
    PassageFormula formula{.target = states(syntax.right), .measure = syntax.measure};
    if (syntax.measure == PassageMeasure::kMoment) {
      const std::int64_t order = scope_.constant(syntax.measure_argument, Type::kInteger, file_.file).integer;
      if (order < 1 || order > kMaxMoment) {
        fail(syntax.measure_argument->where, fmt::format("moment {}, expected 1 to {}", order, kMaxMoment));
      }
      formula.order = static_cast<int>(order);
    }
    if (syntax.measure == PassageMeasure::kQuantile) {
      formula.level = scope_.constant(syntax.measure_argument, Type::kDouble, file_.file).as_double();
      if (!(formula.level > 0.0 && formula.level < 1.0)) {
        fail(syntax.measure_argument->where, fmt::format("quantile {}, expected between 0 and 1", formula.level));
      }
    }
    return formula;
  }

  /// E[T^k] of an exponential overflows at k = 171.
  static constexpr std::int64_t kMaxMoment = 170;

  const PropertyFile& file_;
  const LabelledChain& chain_;
  prism::Scope& scope_;
  const InnerAnswer& inner_;
  prism::StateColumns columns_;
  // Deques: the columns point into them.
  std::deque<StateSet> own_flags_;
  std::deque<Vector> own_numbers_;
  /// Names being written out, against circles.
  std::vector<std::string> open_;
};

}  // namespace

bool Threshold::holds(double value) const {
  switch (comparison) {
    case Operator::kLess:
      return value < level;
    case Operator::kLessOrEqual:
      return value <= level;
    case Operator::kGreater:
      return value > level;
    default:
      return value >= level;
  }
}

void declare_constants(const PropertyFile& file, prism::Scope& scope) {
  for (const prism::ConstantDeclaration& constant : file.constants) scope.declare(constant, file.file);
}

BoundProperty bind_property(const PropertyFile& file, const PropertySyntax& property, const LabelledChain& chain,
                            prism::Scope& scope, const InnerAnswer& inner) {
  try {
    return PropertyBinder(file, chain, scope, inner).bound(property);
  } catch (const prism::ExpressionError& error) {
    throw InputError(file.file, error.where, error.message);
  }
}

}  // namespace windtunnel::solvers
