// SPDX-License-Identifier: Apache-2.0
// Which commands a state enables, found for all commands at once. The parts of guards that read one variable are
// tabulated over its values as sets of commands; a state intersects one set per variable, whatever the number of
// commands. Parts that read several variables stay with the command and are evaluated when the rest allows it.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "solvers/chain/labelled_chain.h"
#include "solvers/prism/expression.h"

namespace windtunnel::solvers::prism {

class GuardIndex {
 public:
  /// One guard per command, in the order of the commands' numbers.
  GuardIndex(std::span<const StateVariable> variables, const std::vector<ExpressionPointer>& guards);

  /// What is left of each guard; null when nothing is.
  const std::vector<ExpressionPointer>& remainders() const { return remainders_; }
  /// 64-bit words of a set of commands.
  std::size_t words() const { return words_; }

  /// Writes the set of commands whose tabulated parts hold: command k is bit k % 64 of word k / 64.
  void enabled(const std::uint64_t* state, std::uint64_t* commands) const {
    for (std::size_t w = 0; w < words_; ++w) commands[w] = all_[w];
    for (const Table& table : tables_) {
      const std::uint64_t value = (state[table.word] >> table.shift) & table.mask;
      const std::uint64_t* const allowed = sets_.data() + table.begin + value * words_;
      for (std::size_t w = 0; w < words_; ++w) commands[w] &= allowed[w];
    }
  }

 private:
  struct Table {
    std::size_t word = 0;
    int shift = 0;
    std::uint64_t mask = 0;
    std::size_t begin = 0;
  };

  static constexpr std::size_t kNoTable = ~std::size_t{0};

  bool tabulated(std::span<const StateVariable> variables, std::size_t command, const ExpressionPointer& part);
  bool has_table(const StateVariable& variable, std::size_t number);

  std::size_t words_ = 0;
  std::vector<std::uint64_t> all_;
  std::vector<Table> tables_;
  /// Of each variable.
  std::vector<std::size_t> table_of_;
  std::vector<std::uint64_t> sets_;
  std::vector<ExpressionPointer> remainders_;
};

}  // namespace windtunnel::solvers::prism
