// SPDX-License-Identifier: Apache-2.0
// The kinds of questions of model_checking.h, one function each. `interest`: the states asked about, ascending.
#pragma once
#include <vector>

#include "solvers/csl/model_checking.h"

namespace windtunnel::solvers {

/// Long-run average of a reward rate.
StateAnswer long_run_average_in(const Generator& q, const Vector& reward_per_s, const std::vector<Index>& interest,
                                const CheckOptions& options);

/// P(left U right).
StateAnswer unbounded_until(const Generator& q, const StateSet& left, const StateSet& right,
                            const std::vector<Index>& interest, const CheckOptions& options);

/// P(left U[time] right).
StateAnswer until_probability(const Generator& q, const PathFormula& path, const std::vector<Index>& interest,
                              const CheckOptions& options);

/// P(X[time] right): self-loops are jumps.
StateAnswer next_probability(const LabelledChain& chain, const PathFormula& path);

/// Reward earned until the first visit to `target`.
StateAnswer reward_until(const Generator& q, const Vector& reward_per_s, const StateSet& target,
                         const std::vector<Index>& interest, const CheckOptions& options);

/// Reward earned for ever.
StateAnswer total_reward(const Generator& q, const Vector& reward_per_s, const std::vector<Index>& interest,
                         const CheckOptions& options);

/// State reward at a time; reward earned until a time.
StateAnswer reward_at(const Generator& q, const Vector& reward, double time_s, const std::vector<Index>& interest,
                      const CheckOptions& options);
StateAnswer reward_within(const Generator& q, const Vector& reward_per_s, double time_s,
                          const std::vector<Index>& interest, const CheckOptions& options);

/// Moments and quantiles of the time of the first visit.
StateAnswer passage_time(const Generator& q, const PassageFormula& passage, const std::vector<Index>& interest,
                         const CheckOptions& options);

/// The t with P(T <= t) = level, T the time of the first visit to `target`; infinite where the level is never reached.
StateAnswer passage_quantile(const Generator& q, const StateSet& target, double level,
                             const std::vector<Index>& interest, const CheckOptions& options);

/// A usable answer with the same value everywhere.
StateAnswer constant_answer(Index states, double value);
/// Adds the work of a part of an answer, and its failure if it failed.
void account(const SolveResult& part, StateAnswer& whole);
/// States that can be reached from those of `from` without leaving through a state that is not `open`; those of `from`
/// included where open.
StateSet reachable_through(const Generator& q, const std::vector<Index>& from, const StateSet& open);
std::vector<Index> listed(const StateSet& set);

}  // namespace windtunnel::solvers
