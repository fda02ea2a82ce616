// SPDX-License-Identifier: Apache-2.0
#include "solvers/csl/sensitivity.h"

#include <algorithm>
#include <cmath>

#include "solvers/chain/initial_distribution.h"
#include "solvers/chain/reach_sets.h"
#include "solvers/csl/model_checking.h"
#include "solvers/csl/state_answers.h"
#include "solvers/linear/absorbing_system.h"
#include "solvers/long_run/certified_average.h"
#include "solvers/long_run/long_run.h"
#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {
namespace {

Vector indicator(const StateSet& set) {
  Vector values(static_cast<Index>(set.size()));
  for (std::size_t i = 0; i < set.size(); ++i) values(static_cast<Index>(i)) = set[i] ? 1.0 : 0.0;
  return values;
}

/// What each state earns per second, as far as the question counts it; zero for probabilities.
Vector earned_per_s(const LabelledChain& chain, const Query& query) {
  switch (query.kind) {
    case QueryKind::kSteadyState:
      return indicator(query.steady_states);
    case QueryKind::kReward: {
      const RewardStructure& rewards = chain.rewards.at(query.reward.structure);
      return rewards.state_reward_per_s + rewards.transition_reward_per_s;
    }
    case QueryKind::kPassageTime:
      return Vector::Ones(chain.states());
    case QueryKind::kProbability:
      break;
  }
  return Vector::Zero(chain.states());
}

bool about_long_run(const Query& query) {
  return query.kind == QueryKind::kSteadyState ||
         (query.kind == QueryKind::kReward && query.reward.reward_operator == RewardOperator::kSteadyState);
}

bool about_reaching(const Query& query) {
  if (query.kind == QueryKind::kProbability) {
    return query.path.path_operator == PathOperator::kUntil && query.path.time.unbounded();
  }
  if (query.kind == QueryKind::kReward) return query.reward.reward_operator == RewardOperator::kReachability;
  return query.kind == QueryKind::kPassageTime && query.passage.measure == PassageMeasure::kMean;
}

StateSet all_states(const LabelledChain& chain) {
  return StateSet(static_cast<std::size_t>(chain.states()), true);
}

/// States the initial one may pass before the question is decided.
StateSet undecided(const LabelledChain& chain, const Query& query) {
  const bool probability = query.kind == QueryKind::kProbability;
  const StateSet& goal = probability                             ? query.path.right
                         : query.kind == QueryKind::kPassageTime ? query.passage.target
                                                                 : query.reward.target;
  StateSet open(goal.size());
  const ReachSets sets = reach_sets(chain.generator, probability ? query.path.left : all_states(chain), goal);
  for (std::size_t i = 0; i < open.size(); ++i) {
    open[i] = probability ? !sets.never[i] && !sets.surely[i] : sets.surely[i] && !goal[i];
  }
  return reachable_through(chain.generator, {chain.initial}, open);
}

/// Expected time in each state of the set, which is left for good, from the initial state.
Vector time_inside(const LabelledChain& chain, const StateSet& inside) {
  Vector time = Vector::Zero(chain.states());
  if (!inside[static_cast<std::size_t>(chain.initial)]) return time;
  const AbsorbingSystem system(chain.generator, listed(inside), {});
  const SystemSolution spent = system.time_in_states(system.inside_of(point_mass(chain.states(), chain.initial)));
  if (!spent.usable()) throw ChainError("the time in the states: " + spent.message);
  for (std::size_t k = 0; k < system.inside().size(); ++k) {
    time(system.inside()[k]) = spent.value(static_cast<Index>(k));
  }
  return time;
}

/// The answer in every state, from the initial one on. Of a complement too: y dQ (1 - h) = - y dQ h.
void answer_in(const LabelledChain& chain, const Query& query, const StateSet& interest, Sensitivity& result) {
  const StateAnswer answer = check_states(chain, query, interest);
  if (!answer.usable()) throw ChainError(answer.message);
  Vector middle = Vector::Zero(chain.states());
  result.worth_error = Vector::Zero(chain.states());
  for (Index i = 0; i < middle.size(); ++i) {
    // Where nobody asks, anything stands.
    if (std::isfinite(answer.lower(i)) && std::isfinite(answer.upper(i))) {
      middle(i) = answer.lower(i) + 0.5 * (answer.upper(i) - answer.lower(i));
      result.worth_error(i) =
          std::nextafter(std::max(answer.upper(i) - middle(i), middle(i) - answer.lower(i)), HUGE_VAL);
    }
  }
  result.worth = PreciseVector(std::move(middle));
  result.value = result.worth.high(chain.initial);
}

void solve_reaching(const LabelledChain& chain, const Query& query, Sensitivity& result) {
  const StateSet open = undecided(chain, query);
  const StateSet start = reachable_through(chain.generator, {chain.initial}, all_states(chain));
  answer_in(chain, query, start, result);
  result.time = time_inside(chain, open);
  if (open[static_cast<std::size_t>(chain.initial)]) result.passing = listed(open);
}

void solve_settling(const LabelledChain& chain, const Query& query, Sensitivity& result) {
  const Generator& q = chain.generator;
  const StateSet start = reachable_through(q, {chain.initial}, all_states(chain));
  answer_in(chain, query, start, result);
  const LongRunSolution ends = solve_long_run(q, point_mass(q.states(), chain.initial));
  if (!ends.usable()) throw ChainError(ends.message);
  result.time = ends.probability;
  result.bias = PreciseVector(Vector::Zero(q.states()));
  StateSet passing = start;
  for (const Index bottom : ends.classes.bottom) {
    const std::vector<Index>& members = ends.classes.members[static_cast<std::size_t>(bottom)];
    for (const Index i : members) {
      result.settled[static_cast<std::size_t>(i)] = true;
      passing[static_cast<std::size_t>(i)] = false;
    }
    if (!start[static_cast<std::size_t>(members.front())]) continue;
    result.ends.push_back(members);
    if (members.size() == 1) continue;
    const CertifiedAverage average = solve_certified_average(PartialChain(q, members), result.reward_per_s);
    for (const Index i : members) {
      result.bias.high(i) = average.bias.high(i);
      result.bias.low(i) = average.bias.low(i);
    }
  }
  result.time += time_inside(chain, passing);
  if (passing[static_cast<std::size_t>(chain.initial)]) result.passing = listed(passing);
}

}  // namespace

double Sensitivity::by_rate(Index from, Index to) const {
  const PreciseVector& h = settled[static_cast<std::size_t>(from)] ? bias : worth;
  const DoubleDouble gain = h(to) - h(from);
  return time(from) * (gain.high + gain.low);
}

Sensitivity solve_sensitivity(const LabelledChain& chain, const Query& query) {
  Sensitivity result;
  result.settled.assign(static_cast<std::size_t>(chain.states()), false);
  result.reward_per_s = earned_per_s(chain, query);
  if (about_long_run(query)) {
    solve_settling(chain, query, result);
  } else if (about_reaching(query)) {
    solve_reaching(chain, query, result);
  } else {
    throw ChainError("sensitivities are known for long-run averages and for what happens without a time limit only");
  }
  if (!std::isfinite(result.value)) throw ChainError("an infinite answer has no sensitivities");
  result.termination = Termination::kConverged;
  result.message = "derivatives from the time in the states and the worth of the states";
  return result;
}

double along(const LabelledChain& chain, const Sensitivity& sensitivity, const ChainChange& change) {
  const SparseRates& rates = chain.generator.outgoing();
  double value = sensitivity.time.dot(change.reward_per_s);
  for (Index i = 0; i < chain.states(); ++i) {
    if (sensitivity.time(i) == 0.0) continue;
    const auto end = static_cast<std::size_t>(rates.begin[static_cast<std::size_t>(i) + 1]);
    for (auto e = static_cast<std::size_t>(rates.begin[static_cast<std::size_t>(i)]); e < end; ++e) {
      if (change.rate[e] != 0.0) value += change.rate[e] * sensitivity.by_rate(i, rates.state[e]);
    }
  }
  return value;
}

}  // namespace windtunnel::solvers
