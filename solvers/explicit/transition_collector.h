// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <vector>

#include "solvers/explicit/explicit_chain.h"

namespace windtunnel::solvers {

/// Takes transitions in any order. As long as their rows ascend they go straight into the chain's own arrays; as long
/// as their columns do, and rows in each, into those of the transposed matrix; else into a list.
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

  enum class Order { kRows, kColumns, kNone };

  void keep(const Entry& entry);
  /// Whether it comes behind the last one, column by column.
  bool follows_by_column(const Entry& entry) const;
  void leave_rows();
  void leave_columns();
  Generator from_columns();
  Generator from_list();

  Index states_;
  Order order_ = Order::kRows;
  GeneratorBuilder builder_;
  /// Column by column: finished ones, and the one being filled.
  SparseRates columns_;
  std::vector<Entry> list_;
  Vector self_loop_rate_per_s_;
};

}  // namespace windtunnel::solvers
