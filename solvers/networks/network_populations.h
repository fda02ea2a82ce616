// SPDX-License-Identifier: Apache-2.0
// The populations that exact solutions of closed networks visit.
#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <vector>

#include "solvers/networks/closed_network.h"

namespace windtunnel::solvers {

/// All populations 0..N of each class, numbered so that one customer less is a smaller number.
class Populations {
 public:
  explicit Populations(const ClosedNetwork& network) : limit_(network.customers) {
    double count = 1.0;
    for (const int customers : limit_) {
      stride_.push_back(static_cast<Index>(count));
      count *= customers + 1.0;
    }
    if (count > 1e8) {
      throw std::invalid_argument(fmt::format("network: {} populations to visit, expected at most 1e8", count));
    }
    size_ = static_cast<Index>(count);
  }

  Index size() const { return size_; }
  Index full() const { return size_ - 1; }
  Index stride(Index r) const { return stride_[static_cast<std::size_t>(r)]; }
  int count(Index population, Index r) const {
    return static_cast<int>(population / stride(r) % (limit_[static_cast<std::size_t>(r)] + 1));
  }

 private:
  std::vector<int> limit_;
  std::vector<Index> stride_;
  Index size_ = 0;
};

}  // namespace windtunnel::solvers
