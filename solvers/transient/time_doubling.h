// SPDX-License-Identifier: Apache-2.0
// What a chain of few states is worth at or until a time, however stiff the chain and however long the time: e^(Qt) by
// squaring e^(Qt / 2^k) k times, in fixed-point numbers of about a hundred bits that are always rounded down
// (fixed_point_matrix.h). So each entry is a lower bound, and what a row lacks to 1 bounds how much too low its entries
// are: the bounds need no theory of how errors grow. Costs (k + 16) products of n x n matrices, where uniformization
// takes as many sparse products as there are jumps.
// Source: N. Higham, Functions of Matrices, 2008, chapter 10 (scaling and squaring); the bounds are derived here.
#pragma once
#include "solvers/chain/labelled_chain.h"
#include "solvers/transient/poisson_series.h"

namespace windtunnel::solvers {

/// Multiplications that these take, about; infinite for more than 500 states.
double doubling_operations(const PartialChain& part, double time_s);

/// Expected value at time_s from every state of the part: `reward` where the chain still is in it, 1 where it left it
/// into `target` (a set of states of the whole chain outside the part; may be empty), else 0. time_s > 0 and finite.
/// `wanted` > 0: the absolute error that will do, which says how many bits it takes where rewards are large.
SeriesSum value_by_doubling(const PartialChain& part, const Vector& reward, const StateSet& target, double time_s,
                            double wanted = 1e-12);
/// Expected reward until time_s; what leaves the part earns no more.
SeriesSum integral_by_doubling(const PartialChain& part, const Vector& reward_per_s, double time_s,
                               double wanted = 1e-12);

}  // namespace windtunnel::solvers
