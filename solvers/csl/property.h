// SPDX-License-Identifier: Apache-2.0
// A question in continuous stochastic logic (CSL) with rewards, about a chain whose states are known: every operand is
// a set of states. Read from text by csl/property_parser.h, bound to a chain by csl/property_binding.h.
// Source: C. Baier, B. Haverkort, H. Hermanns, J.-P. Katoen, Model-checking algorithms for continuous-time Markov
// chains, IEEE Transactions on Software Engineering 29(6), 2003; rewards as in the PRISM manual.
#pragma once
#include <cstddef>
#include <limits>
#include <string>

#include "solvers/chain/labelled_chain.h"

namespace windtunnel::solvers {

/// Times from `lower_s` to `upper_s`, 0 <= lower_s <= upper_s <= infinity. In continuous time it does not matter
/// whether the ends belong to it, except that [t, t] is the instant t.
struct TimeInterval {
  double lower_s = 0.0;
  double upper_s = std::numeric_limits<double>::infinity();

  bool unbounded() const { return lower_s == 0.0 && upper_s == std::numeric_limits<double>::infinity(); }
};

enum class PathOperator {
  /// The first jump (self-loops are jumps) leads to `right`, at a time in the interval; a state without jumps satisfies
  /// it never.
  kNext,
  /// At some time in the interval the state is in `right`, and at all times before in `left`.
  kUntil,
};

struct PathFormula {
  PathOperator path_operator = PathOperator::kUntil;
  /// kUntil only; all states for F.
  StateSet left;
  StateSet right;
  TimeInterval time;
  /// The question is about the paths that do not satisfy the above: G a is the complement of F !a, a W b that of
  /// (a & !b) U (!a & !b).
  bool complement = false;
};

enum class RewardOperator {
  /// Long-run average per second.
  kSteadyState,
  /// Earned until `time_s`, infinity included.
  kCumulative,
  /// State reward of the state at `time_s`.
  kInstantaneous,
  /// Earned until the first visit to `target`; infinite where that is not certain to happen.
  kReachability,
};

struct RewardFormula {
  /// Which of chain.rewards.
  std::size_t structure = 0;
  RewardOperator reward_operator = RewardOperator::kSteadyState;
  /// kCumulative and kInstantaneous; >= 0.
  double time_s = 0.0;
  /// kReachability only.
  StateSet target;
};

enum class PassageMeasure {
  kMean,
  kVariance,
  /// E[T^order].
  kMoment,
  /// Smallest t with P(T <= t) >= level.
  kQuantile,
};

/// Time T of the first visit to `target` (an extension of PRISM's language: `T=? [ F "down" ]`).
struct PassageFormula {
  StateSet target;
  PassageMeasure measure = PassageMeasure::kMean;
  /// kMoment; >= 1.
  int order = 1;
  /// kQuantile; 0 < level < 1.
  double level = 0.0;
};

enum class QueryKind { kProbability, kSteadyState, kReward, kPassageTime };

/// What one operator asks; the member of its kind holds it.
struct Query {
  QueryKind kind = QueryKind::kProbability;
  /// kProbability: P=? [ ... ].
  PathFormula path;
  /// kSteadyState: long-run share of time in these states, S=? [ ... ].
  StateSet steady_states;
  RewardFormula reward;
  PassageFormula passage;
};

/// How the values of several states become one.
enum class FilterOperator {
  /// The value in the only state of the filter.
  kState,
  /// The value in the first state of the filter.
  kFirst,
  kMinimum,
  kMaximum,
  /// Plain average over the states of the filter.
  kAverage,
  kSum,
};

/// The states from which the question is asked. Default of a property: kState of the chain's initial state.
struct StateFilter {
  FilterOperator filter_operator = FilterOperator::kState;
  /// Not empty.
  StateSet states;
};

/// "P", "S", "R" or "T".
std::string to_string(QueryKind kind);

}  // namespace windtunnel::solvers
