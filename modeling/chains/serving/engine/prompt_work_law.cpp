// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/engine/prompt_work_law.h"

#include <Eigen/Core>
#include <algorithm>

namespace windtunnel::modeling {

// The law is kept backwards in `reversed`, so that both sums are dot products of neighbours in memory.
std::vector<double> compound_law(const CountFamily& count, const std::vector<double>& part, double nothing, int size,
                                 double enough) {
  const Eigen::Index n_parts = static_cast<Eigen::Index>(part.size()) - 1;
  const Eigen::VectorXd f = Eigen::Map<const Eigen::VectorXd>(part.data() + 1, n_parts);
  const Eigen::VectorXd jf = f.cwiseProduct(Eigen::VectorXd::LinSpaced(n_parts, 1.0, static_cast<double>(n_parts)));
  Eigen::VectorXd reversed = Eigen::VectorXd::Zero(size);
  reversed(size - 1) = nothing;
  double total = nothing;
  for (Eigen::Index n = 1; n < size && total < enough; ++n) {
    const Eigen::Index terms = std::min(n, n_parts);
    const auto before = reversed.segment(size - n, terms);
    double sum = count.b / static_cast<double>(n) * jf.head(terms).dot(before);
    if (count.a > 0.0) sum += count.a * f.head(terms).dot(before);
    reversed(size - 1 - n) = sum / (1.0 - count.a * part[0]);
    total += reversed(size - 1 - n);
  }
  std::vector<double> law(static_cast<std::size_t>(size));
  std::reverse_copy(reversed.begin(), reversed.end(), law.begin());
  return law;
}

}  // namespace windtunnel::modeling
