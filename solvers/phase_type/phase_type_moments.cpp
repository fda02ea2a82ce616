// SPDX-License-Identifier: Apache-2.0
#include "solvers/phase_type/phase_type_moments.h"

namespace windtunnel::solvers {
namespace {

using RateIterator = PhaseType::Rates::InnerIterator;

Eigen::VectorXd substitute_backwards(const PhaseType& x, const Eigen::VectorXd& step) {
  Eigen::VectorXd total = step;
  for (int i = x.phases() - 1; i >= 0; --i)
    for (RateIterator entry(x.rate_per_s(), i); entry; ++entry)
      total(i) += entry.value() / x.leave_per_s()(i) * total(entry.col());
  return total;
}

// Removes the last phase again and again, folding its flow into the others; what flows back to a phase itself is
// dropped, as a self-loop changes neither side. Then phase 0 is solved and the others follow in the opposite order.
Eigen::VectorXd eliminate(const PhaseType& x, const Eigen::VectorXd& step) {
  const int n = x.phases();
  Eigen::MatrixXd rate = x.rate_per_s();
  Eigen::VectorXd exit = x.exit_per_s(), right = step.cwiseProduct(x.leave_per_s()), leave(n);
  for (int last = n - 1; last >= 0; --last) {
    leave(last) = exit(last) + rate.row(last).head(last).sum();
    const Eigen::VectorXd into = rate.col(last).head(last) / leave(last);
    rate.topLeftCorner(last, last) += into * rate.row(last).head(last);
    exit.head(last) += into * exit(last);
    right.head(last) += into * right(last);
  }
  Eigen::VectorXd total(n);
  for (int i = 0; i < n; ++i) total(i) = (right(i) + rate.row(i).head(i).dot(total.head(i))) / leave(i);
  return total;
}

// Moments of the time left, by phase; a duration that has ended has 0 left.
struct Remaining {
  Eigen::VectorXd mean, variance, third, fourth;
};

// Terms that come from the next phases' means differing; power 2, 3 or 4 as in mixture() of central moments.
double spread_term(double probability, double d, double variance, double third, int power) {
  if (power == 2) return probability * d * d;
  if (power == 3) return probability * d * (3.0 * variance + d * d);
  return probability * d * (4.0 * third + d * (6.0 * variance + d * d));
}

double spread_after(const PhaseType& x, int phase, const Remaining& rest, int power) {
  const double leave = x.leave_per_s()(phase);
  double mean = 0.0;
  for (RateIterator next(x.rate_per_s(), phase); next; ++next) mean += next.value() / leave * rest.mean(next.col());
  double spread = spread_term(x.exit_per_s()(phase) / leave, -mean, 0.0, 0.0, power);
  for (RateIterator next(x.rate_per_s(), phase); next; ++next) {
    const auto j = next.col();
    const double third = power == 4 ? rest.third(j) : 0.0, variance = power >= 3 ? rest.variance(j) : 0.0;
    spread += spread_term(next.value() / leave, rest.mean(j) - mean, variance, third, power);
  }
  return spread;
}

Eigen::VectorXd spreads(const PhaseType& x, const Remaining& rest, int power) {
  Eigen::VectorXd result(x.phases());
  for (int i = 0; i < x.phases(); ++i) result(i) = spread_after(x, i, rest, power);
  return result;
}

// Time left from phase i = exponential stay + time left after it, independent; an exponential of mean s has central
// moments s^2, 2 s^3, 9 s^4. The fourth moment of a sum carries 6 times the product of the variances.
Remaining remaining_moments(const PhaseType& x) {
  const Eigen::ArrayXd stay = x.leave_per_s().array().inverse();
  Remaining rest;
  rest.mean = expected_total(x, stay.matrix());
  rest.variance = expected_total(x, stay.square().matrix() + spreads(x, rest, 2));
  rest.third = expected_total(x, 2.0 * stay.cube().matrix() + spreads(x, rest, 3));
  const Eigen::ArrayXd variance_after = rest.variance.array() - stay.square();
  const Eigen::ArrayXd fourth_step = 9.0 * stay.square().square() + 6.0 * stay.square() * variance_after;
  rest.fourth = expected_total(x, fourth_step.matrix() + spreads(x, rest, 4));
  return rest;
}

}  // namespace

Eigen::VectorXd expected_total(const PhaseType& x, const Eigen::VectorXd& step) {
  return x.feeds_forward() ? substitute_backwards(x, step) : eliminate(x, step);
}

CentralMoments phase_type_moments(const PhaseType& x) {
  const Remaining rest = remaining_moments(x);
  double mean = 0.0;
  for (int i = 0; i < x.phases(); ++i) mean += x.initial()(i) * rest.mean(i);
  CentralMoments moments{.mean_s = x.shift_s() + mean,
                         .variance_s2 = spread_term(x.atom(), -mean, 0.0, 0.0, 2),
                         .third_s3 = spread_term(x.atom(), -mean, 0.0, 0.0, 3),
                         .fourth_s4 = spread_term(x.atom(), -mean, 0.0, 0.0, 4)};
  for (int i = 0; i < x.phases(); ++i) {
    const double weight = x.initial()(i), d = rest.mean(i) - mean;
    moments.variance_s2 += weight * rest.variance(i) + spread_term(weight, d, 0.0, 0.0, 2);
    moments.third_s3 += weight * rest.third(i) + spread_term(weight, d, rest.variance(i), 0.0, 3);
    moments.fourth_s4 += weight * rest.fourth(i) + spread_term(weight, d, rest.variance(i), rest.third(i), 4);
  }
  return moments;
}

}  // namespace windtunnel::solvers
