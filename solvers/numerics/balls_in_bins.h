// SPDX-License-Identifier: Apache-2.0
// The fullest of many bins: flows hashed onto parallel links, requests onto servers. Not simulated and no asymptotics.
#pragma once
#include <vector>

namespace windtunnel::solvers {

/// Law of the largest number of balls in one bin when each of `balls` >= 0 falls into one of `bins` >= 1 on its own
/// and uniformly.
///
/// Given their sum, independent Poisson counts of mean balls / bins are multinomial, so
///   P(largest <= k) = P(all counts <= k, sum = balls) / P(sum = balls),
/// and the numerator is a Fourier coefficient of the bins-th power of the count's truncated characteristic function.
/// Absolute error about 1e-13. O(sqrt(balls) log(bins) x (values with 0 < P < 1)).
/// Source: Kolchin, Sevastyanov, Chistyakov, Random Allocations, 1978, chapter 2.
class FullestBin {
 public:
  /// Throws std::invalid_argument for balls < 0 or bins < 1.
  FullestBin(int balls, int bins);

  /// P(largest <= k).
  double cdf(int k) const;
  /// Smallest and largest value with a probability above 1e-15.
  int least() const { return least_; }
  int most() const { return least_ + static_cast<int>(cdf_.size()) - 1; }

 private:
  int least_ = 0;
  /// From least_ on; the last entry is 1.
  std::vector<double> cdf_;
};

}  // namespace windtunnel::solvers
