// SPDX-License-Identifier: Apache-2.0
// Some of the states of a chain, the rates among them and the rates that leave them.
#pragma once
#include <span>
#include <vector>

#include "solvers/chain/generator.h"

namespace windtunnel::solvers {

class PartialChain {
 public:
  /// All states; keeps a reference to q and copies nothing.
  explicit PartialChain(const Generator& q);
  /// `members`: states of q in any order, which becomes the order of the part. Keeps a reference to q.
  PartialChain(const Generator& q, std::vector<Index> members);
  PartialChain(const PartialChain&) = delete;
  PartialChain& operator=(const PartialChain&) = delete;

  const Generator& whole() const { return q_; }
  Index states() const { return exit_per_s_.size(); }
  /// Number in the whole chain of state k of the part.
  Index member(Index k) const { return members_.empty() ? k : members_[static_cast<std::size_t>(k)]; }
  const SparseRates& rates() const { return members_.empty() ? q_.outgoing() : rates_; }
  /// Exit rate in the whole chain.
  const Vector& exit_per_s() const { return exit_per_s_; }
  /// Rate to states that are not members.
  const Vector& leaving_per_s() const { return leaving_per_s_; }
  /// Nothing leaves.
  bool closed() const { return closed_; }
  /// The entries of the members.
  Vector part_of(const Vector& all) const;

 private:
  const Generator& q_;
  std::vector<Index> members_;
  SparseRates rates_;
  Vector exit_per_s_;
  Vector leaving_per_s_;
  bool closed_ = true;
};

}  // namespace windtunnel::solvers
