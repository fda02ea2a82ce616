// SPDX-License-Identifier: Apache-2.0
// Ordinary lumping: states that enter every other block of states at the same rate, and that no label or reward tells
// apart, can be counted as one. The quotient is a Markov chain with exactly the same answers for everything that is
// constant on the blocks.
//
// Sources: Kemeny, Snell, Finite Markov Chains, 1960, section 6.3 (lumpability); Derisavi, Hermanns, Sanders,
// Information Processing Letters 87, 2003, and Valmari, Franceschinis, TACAS 2010 (splitter queue).
#pragma once
#include <span>
#include <vector>

#include "solvers/chain/generator.h"

namespace windtunnel::solvers {

struct LumpingOptions {
  /// Rates into a block that differ by at most this, relative to the larger, count as equal: sums of the same rates in
  /// another order do. 0 compares bit by bit.
  double tolerance_ratio = 1e-12;
};

struct Lumping {
  /// Block of each state.
  std::vector<Index> block_of;
  /// One state of each block; the quotient carries its rates.
  std::vector<Index> representative;
  /// The lumped chain; state b is block b.
  Generator quotient;
  /// Largest relative difference between the rate of a state into a block and that of its representative, found by a
  /// separate pass over all transitions.
  double largest_deviation_ratio = 0.0;

  Index blocks() const { return quotient.states(); }
  /// Probability of each block from that of each state.
  Vector lumped(const Vector& distribution) const;
  /// A value per block (a reward, an expectation) written out for each state.
  Vector unlumped(const Vector& block_value) const;
  /// The value that a reward, constant on each block, has there.
  Vector block_value(const Vector& state_value) const;
};

/// The coarsest lumping in which every vector of `distinguish` (rewards; labels as 0 and 1; one entry per state) is
/// constant on each block. O(transitions log states): a block that is split leaves its largest part out of the queue.
/// The result is verified; where rounding has hidden a split, all blocks are tried again.
/// Throws ChainError for a vector of the wrong size.
Lumping lump(const Generator& q, std::span<const Vector> distinguish, const LumpingOptions& options = {});

}  // namespace windtunnel::solvers
