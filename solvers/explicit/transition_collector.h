// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <vector>

#include "solvers/explicit/explicit_chain.h"

namespace windtunnel::solvers {

/// Takes transitions in any order. As long as their rows ascend they go straight into the chain's own arrays; the first
/// one that does not makes a list of them all.
class TransitionCollector {
 public:
  explicit TransitionCollector(Index states) : states_(states) {}

  /// rate_per_s finite and >= 0, states in range; 0 is left out.
  void add(Index from, Index to, double rate_per_s);
  /// Throws ChainError when rates overflow.
  ExplicitTransitions collected() &&;

 private:
  /// 16 bytes instead of 24.
  struct Entry {
    std::int32_t from = 0;
    std::int32_t to = 0;
    double rate_per_s = 0.0;
  };

  void fall_back();
  void keep(Index from, Index to, double rate_per_s) {
    list_.push_back({static_cast<std::int32_t>(from), static_cast<std::int32_t>(to), rate_per_s});
  }
  Generator from_list();

  Index states_;
  GeneratorBuilder builder_;
  bool ordered_ = true;
  std::vector<Entry> list_;
  Vector self_loop_rate_per_s_;
};

}  // namespace windtunnel::solvers
