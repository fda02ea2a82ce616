// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/m_matrix.h"

#include <fmt/format.h>

#include <limits>
#include <utility>
#include <vector>

#include "solvers/chain/communicating_classes.h"
#include "solvers/linear/state_reduction.h"
#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {

MMatrixFactors::MMatrixFactors(Matrix rates, Vector excess) : factors_(std::move(rates)) {
  for (Index k = size() - 1; k >= 0; --k) {
    const double out = excess(k) + factors_.row(k).head(k).sum();
    if (!(out > 0.0) || out > std::numeric_limits<double>::max()) {
      stuck_ = k;
      return;
    }
    factors_.row(k).head(k) /= out;
    excess.head(k) += factors_.col(k).head(k) * (excess(k) / out);
    factors_.topLeftCorner(k, k).noalias() += factors_.col(k).head(k) * factors_.row(k).head(k);
    factors_(k, k) = -out;
  }
  factors_ = -factors_;
}

Matrix MMatrixFactors::solve(const Matrix& b) const {
  Matrix x = b;
  factors_.triangularView<Eigen::Upper>().solveInPlace(x);
  factors_.triangularView<Eigen::UnitLower>().solveInPlace(x);
  return x;
}

Matrix MMatrixFactors::solve_left(const Matrix& b) const {
  Matrix y = b;
  factors_.triangularView<Eigen::UnitLower>().solveInPlace<Eigen::OnTheRight>(y);
  factors_.triangularView<Eigen::Upper>().solveInPlace<Eigen::OnTheRight>(y);
  return y;
}

Generator dense_generator(const Matrix& rates_per_s) {
  GeneratorBuilder builder;
  for (Index from = 0; from < rates_per_s.rows(); ++from) {
    for (Index to = 0; to < rates_per_s.cols(); ++to) {
      if (to != from && rates_per_s(from, to) != 0.0) builder.add(to, rates_per_s(from, to));
    }
    builder.finish_state();
  }
  return std::move(builder).build();
}

Vector stationary_of_dense(const Matrix& rates_per_s) {
  const Generator q = dense_generator(rates_per_s);
  const CommunicatingClasses classes = communicating_classes(q);
  if (classes.bottom.size() != 1)
    throw ChainError(fmt::format("{} classes of phases that are never left, expected 1", classes.bottom.size()));
  const std::vector<Index>& members = classes.members[static_cast<std::size_t>(classes.bottom.front())];
  const Generator inside = restricted_to(q, members);
  const Vector law = StateReduction(inside.outgoing(), Vector::Zero(inside.states())).stationary();
  Vector probability = Vector::Zero(q.states());
  for (Index k = 0; k < law.size(); ++k) probability(members[static_cast<std::size_t>(k)]) = law(k);
  return probability;
}

}  // namespace windtunnel::solvers
