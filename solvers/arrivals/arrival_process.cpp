// SPDX-License-Identifier: Apache-2.0
#include "solvers/arrivals/arrival_process.h"

#include <fmt/format.h>

#include <Eigen/LU>

#include <cmath>
#include <stdexcept>
#include <utility>

#include "solvers/numerics/chain_error.h"
#include "solvers/numerics/kronecker.h"

namespace windtunnel::solvers {
namespace {

template <typename... Arguments>
[[noreturn]] void reject(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  throw std::invalid_argument("arrival process: " + fmt::format(text, std::forward<Arguments>(arguments)...));
}

void check_rates(const Matrix& rates, const char* what) {
  for (Index i = 0; i < rates.rows(); ++i)
    for (Index j = 0; j < rates.cols(); ++j)
      if (!(rates(i, j) >= 0.0) || std::isinf(rates(i, j)))
        reject("{} rate {} from phase {} to {} is not a finite number >= 0", what, rates(i, j), i, j);
}

void check(const Matrix& silent, const Matrix& arrival) {
  if (silent.rows() == 0 || silent.rows() != silent.cols() || arrival.rows() != silent.rows() ||
      arrival.cols() != silent.cols())
    reject("{} x {} silent and {} x {} arrival rates do not match", silent.rows(), silent.cols(), arrival.rows(),
           arrival.cols());
  check_rates(silent, "silent");
  check_rates(arrival, "arrival");
}

MMatrixFactors between_arrivals(const Matrix& silent, const Matrix& arrival) {
  MMatrixFactors factors(silent, arrival.rowwise().sum());
  if (factors.stuck_state()) reject("phase {} never sees an arrival", *factors.stuck_state());
  return factors;
}

}  // namespace

MarkovianArrivals::MarkovianArrivals(Matrix silent_per_s, Matrix arrival_per_s)
    : silent_per_s_(std::move(silent_per_s)), arrival_per_s_(std::move(arrival_per_s)) {
  if (silent_per_s_.rows() == silent_per_s_.cols()) silent_per_s_.diagonal().setZero();
  check(silent_per_s_, arrival_per_s_);
  between_arrivals(silent_per_s_, arrival_per_s_);
  try {
    phase_law_ = stationary_of_dense(silent_per_s_ + arrival_per_s_);
  } catch (const ChainError& error) {
    reject("{}", error.what());
  }
  const Vector flow = arrival_per_s_.transpose() * phase_law_;
  rate_per_s_ = flow.sum();
  after_arrival_ = flow / rate_per_s_;
}

PhaseType MarkovianArrivals::interarrival_time() const {
  return PhaseType(0.0, after_arrival_, silent_per_s_.sparseView(), arrival_per_s_.rowwise().sum());
}

double MarkovianArrivals::moment(int k) const {
  if (k < 1) reject("moment {}, expected at least 1", k);
  const MMatrixFactors factors = between_arrivals(silent_per_s_, arrival_per_s_);
  Matrix time = Vector::Ones(phases());
  for (int i = 1; i <= k; ++i) time = factors.solve(i * time);
  return after_arrival_.dot(time.col(0));
}

double MarkovianArrivals::scv() const {
  const double mean = moment(1);
  return moment(2) / (mean * mean) - 1.0;
}

// E[T_0 T_k] = phi M^-1 P^k M^-1 1 with P = M^-1 D1; centred before the powers are taken, so that small correlations
// are not differences of large numbers.
double MarkovianArrivals::autocorrelation(int lag) const {
  if (lag < 1) reject("lag {}, expected at least 1", lag);
  const MMatrixFactors factors = between_arrivals(silent_per_s_, arrival_per_s_);
  const Vector mean = factors.solve(Vector::Ones(phases()));
  const double overall = after_arrival_.dot(mean);
  Vector later = mean.array() - overall;
  for (int k = 1; k < lag; ++k) later = factors.solve(arrival_per_s_ * later);
  // later = E[T_lag | phase after arrival 1] - mean; E[T_0; next phase] = phi M^-2 D1.
  const Matrix weighted = factors.solve_left(factors.solve_left(after_arrival_.transpose()));
  const double variance = 2.0 * after_arrival_.dot(factors.solve(mean).col(0)) - overall * overall;
  return variance > 0.0 ? (weighted * arrival_per_s_ * later)(0, 0) / variance : 0.0;
}

double MarkovianArrivals::index_of_dispersion() const {
  const Vector rate = arrival_per_s_.rowwise().sum();
  // The deviation x of the count: Q x = rate 1 - D1 1 with phase_law x = 0, from (1 phase_law - Q) x = D1 1 - rate 1.
  Matrix system = Vector::Ones(phases()) * phase_law_.transpose() * rate_per_s_ - silent_per_s_ - arrival_per_s_;
  system.diagonal() += (silent_per_s_ + arrival_per_s_).rowwise().sum();
  const Vector excess = system.partialPivLu().solve(Vector(rate.array() - rate_per_s_));
  return 1.0 + 2.0 * after_arrival_.dot(excess);
}

MarkovianArrivals poisson_arrivals(double rate_per_s) {
  return MarkovianArrivals(Matrix::Zero(1, 1), Matrix::Constant(1, 1, rate_per_s));
}

MarkovianArrivals renewal_arrivals(const PhaseType& interarrival) {
  if (interarrival.shift_s() > 0.0) reject("interarrival times with a floor of {} s", interarrival.shift_s());
  if (interarrival.atom() > 0.0) reject("interarrival times that are 0 with probability {}", interarrival.atom());
  return MarkovianArrivals(Matrix(interarrival.rate_per_s()),
                           interarrival.exit_per_s() * interarrival.initial().transpose());
}

MarkovianArrivals switched_poisson_arrivals(const Matrix& switch_per_s, const Vector& rate_per_s) {
  return MarkovianArrivals(switch_per_s, rate_per_s.asDiagonal());
}

MarkovianArrivals superposition(const MarkovianArrivals& x, const MarkovianArrivals& y) {
  return MarkovianArrivals(kronecker_sum(x.silent_per_s(), y.silent_per_s()),
                           kronecker_sum(x.arrival_per_s(), y.arrival_per_s()));
}

MarkovianArrivals thinned(const MarkovianArrivals& x, double keep_probability) {
  if (!(keep_probability > 0.0 && keep_probability <= 1.0))
    reject("keep_probability {}, expected above 0 and at most 1", keep_probability);
  return MarkovianArrivals(x.silent_per_s() + (1.0 - keep_probability) * x.arrival_per_s(),
                           keep_probability * x.arrival_per_s());
}

MarkovianArrivals faster(const MarkovianArrivals& x, double factor) {
  if (!(factor > 0.0) || std::isinf(factor)) reject("factor {}, expected a finite number > 0", factor);
  return MarkovianArrivals(factor * x.silent_per_s(), factor * x.arrival_per_s());
}

ArrivalSampler::ArrivalSampler(const MarkovianArrivals& arrivals, RandomSource& random)
    : leave_(arrivals.phases(), 2 * arrivals.phases()), leave_per_s_(arrivals.phases()) {
  leave_ << arrivals.silent_per_s(), arrivals.arrival_per_s();
  for (Index j = 1; j < leave_.cols(); ++j) leave_.col(j) += leave_.col(j - 1);
  leave_per_s_ = leave_.rightCols(1);
  double left = random.uniform();
  while (phase_ + 1 < arrivals.phases() && (left -= arrivals.phase_law_after_arrival()(phase_)) > 0.0) ++phase_;
}

double ArrivalSampler::operator()(RandomSource& random) {
  const Index phases = leave_per_s_.size();
  for (double elapsed_s = 0.0;;) {
    elapsed_s += random.exponential() / leave_per_s_(phase_);
    const double mark = random.uniform() * leave_per_s_(phase_);
    Index next = 0;
    while (next + 1 < leave_.cols() && leave_(phase_, next) <= mark) ++next;
    phase_ = next % phases;
    if (next >= phases) return elapsed_s;
  }
}

}  // namespace windtunnel::solvers
