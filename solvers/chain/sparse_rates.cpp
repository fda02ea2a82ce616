// SPDX-License-Identifier: Apache-2.0
#include "solvers/chain/sparse_rates.h"

#include <algorithm>
#include <numeric>

namespace windtunnel::solvers {

SparseRates transposed(const SparseRates& rates) {
  SparseRates result;
  result.begin.assign(static_cast<std::size_t>(rates.rows()) + 1, 0);
  result.state.resize(rates.state.size());
  result.rate_per_s.resize(rates.state.size());
  for (const std::int32_t target : rates.state) ++result.begin[static_cast<std::size_t>(target) + 1];
  std::partial_sum(result.begin.begin(), result.begin.end(), result.begin.begin());
  std::vector<std::int64_t> next = result.begin;
  for (Index i = 0; i < rates.rows(); ++i) {
    for (const auto [target, rate] : rates.row(i)) {
      const auto position = static_cast<std::size_t>(next[static_cast<std::size_t>(target)]++);
      result.state[position] = static_cast<std::int32_t>(i);
      result.rate_per_s[position] = rate;
    }
  }
  return result;
}

Bandwidth bandwidth(const SparseRates& rates) {
  Bandwidth band;
  for (Index i = 0; i < rates.rows(); ++i) {
    const RateRow row = rates.row(i);
    if (row.size() == 0) continue;
    band.lower = std::max(band.lower, i - row[0].state);
    band.upper = std::max(band.upper, row[row.size() - 1].state - i);
  }
  return band;
}

Index longest_row(const SparseRates& rates) {
  Index longest = 0;
  for (Index i = 0; i < rates.rows(); ++i) longest = std::max(longest, rates.row(i).size());
  return longest;
}

}  // namespace windtunnel::solvers
