// SPDX-License-Identifier: Apache-2.0
// Chains as lists of numbers: the explicit files of PRISM (.tra transitions, .sta states, .lab labels, .srew and .trew
// rewards) and MatrixMarket. They are read in one pass, straight into compressed rows.
// Source: PRISM manual, Appendices / Explicit Model Files; R. Boisvert, R. Pozo, K. Remington, The Matrix Market
// exchange formats, NIST IR 5935, 1996.
#pragma once
#include <istream>
#include <string>
#include <vector>

#include "solvers/chain/labelled_chain.h"

namespace windtunnel::solvers {

/// A chain without labels and rewards.
struct ExplicitTransitions {
  Generator generator;
  /// Empty: no state goes to itself.
  Vector self_loop_rate_per_s;
};

/// All of these name `file` in their messages and throw InputError at the first mistake.

/// `n m`, then m lines `from to rate [action]`, or n lines `from rate:to rate:to ...`. Rows in any order, repeated
/// transitions add up, rates of 0 are no transitions.
ExplicitTransitions read_tra(std::istream& input, const std::string& file);

/// MatrixMarket coordinate real (or integer) general: the rate from row to column, counted from 1. Negative numbers on
/// the diagonal are those of a generator matrix: they must be what the row sums say, within 1e-9.
ExplicitTransitions read_matrix_market(std::istream& input, const std::string& file);

/// `0="init" 1="deadlock" ...`, then lines `state: label label ...`.
std::vector<Label> read_labels(std::istream& input, const std::string& file, Index states);

/// `(x,busy)`, then lines `state:(3,true)`, one for each state.
StateValues read_states(std::istream& input, const std::string& file, Index states);

/// One or several structures, each `n m` and then m lines `state reward`; a comment line with a name in quotes before
/// it names it. Their transition rewards are 0.
std::vector<RewardStructure> read_state_rewards(std::istream& input, const std::string& file, Index states);

/// The same with lines `from to reward`, about transitions of the chain. They are added to the structures of the same
/// names, or for unnamed ones of the same position, in `chain`.
void read_transition_rewards(std::istream& input, const std::string& file, LabelledChain& chain);

/// A chain with the labels "init" (state 0 unless given) and "deadlock".
LabelledChain labelled(ExplicitTransitions transitions, std::vector<Label> labels);

}  // namespace windtunnel::solvers
