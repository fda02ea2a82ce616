// SPDX-License-Identifier: Apache-2.0
// The law of a latency, gathered as weighted values: mean exact, quantiles from cells 0.45 % wide (at resolution 1).
#pragma once

#include <vector>

#include "modeling/chains/serving/requests/answer.h"

namespace windtunnel::modeling {

class LatencyLaw {
 public:
  /// `resolution`: cells per factor over the usual number.
  explicit LatencyLaw(double resolution = 1.0);
  /// Adds probability `weight` at `value_s` >= 0.
  void add(double value_s, double weight);
  /// Adds `weight` spread evenly over [low_s, high_s].
  void add_uniform(double low_s, double high_s, double weight);
  /// Adds every cell of `other`, moved by `shift_s`, times `weight`.
  void add_shifted(const LatencyLaw& other, double shift_s, double weight);

  bool is_empty() const { return weight_ <= 0.0; }
  double total_weight() const { return weight_; }
  double mean_s() const { return sum_ / weight_; }
  double quantile_s(double probability) const;
  /// P(latency <= value_s).
  double probability_within(double value_s) const;
  /// NaN when empty.
  LatencyNumbers numbers() const;

  struct Atom {
    double value_s = 0.0;
    double weight = 0.0;
  };
  /// About `most` atoms of about equal weight, finer in the upper tail, each at its mean.
  std::vector<Atom> condensed(int most) const;

 private:
  struct Cell {
    double weight = 0.0;
    double sum = 0.0;
  };
  std::size_t cell_of(double value_s) const;

  double resolution_ = 1.0;
  std::vector<Cell> cells_;
  double weight_ = 0.0, sum_ = 0.0;
};

}  // namespace windtunnel::modeling
