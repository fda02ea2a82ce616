// SPDX-License-Identifier: Apache-2.0
// What rates and rewards that are each known up to a relative error d can do to an answer. All chains with the same
// transitions whose rates and rewards differ by at most d from this one's have answers so close:
//   without a time limit   time spent in states and probabilities are ratios of sums of products of at most n - 1 rates
//                          each (all minors matrix tree theorem; Chaiken, SIAM Journal on Algebraic and Discrete
//                          Methods 3, 1982), so they move by at most e^(2 n d) relative; 4 n d is taken. What is made
//                          of them with factors >= 0 moves alike: rewards >= 0, and k times as far the moment E[T^k], a
//                          product of k of them (O'Cinneide, Numerische Mathematik 65, 1993). Rewards of both signs are
//                          differences of two such answers, a variance is E[T^2] - (E T)^2
//   within a time t        by Duhamel's formula d x largest exit rate x t x range of what is earned at t; for what is
//                          earned until t that of its rate times t / 2
//   quantiles              P(T <= t) between the bounds above brackets the time
#pragma once
#include "solvers/csl/model_checking.h"

namespace windtunnel::solvers {

/// Of each state of `interest` by how much its answer, between the bounds of `answer`, may leave them; 0 in the others.
/// Infinite where n d is too large for a bound. Rewards of both signs and variances are asked a second question.
/// Quantiles bring their own (passage_quantile).
Vector rate_perturbation(const LabelledChain& chain, const Query& query, const StateSet& interest,
                         const CheckOptions& options, const StateAnswer& answer);

}  // namespace windtunnel::solvers
