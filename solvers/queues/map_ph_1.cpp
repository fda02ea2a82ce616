// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/map_ph_1.h"

#include <fmt/format.h>

#include <stdexcept>
#include <vector>

#include "solvers/numerics/chain_error.h"
#include "solvers/numerics/kronecker.h"

namespace windtunnel::solvers {
namespace {

using Triplets = std::vector<Eigen::Triplet<double>>;

void check(double arrival_per_s, const PhaseType& service) {
  if (service.shift_s() > 0.0)
    throw std::invalid_argument(fmt::format("service with a floor of {} s, expected phases only", service.shift_s()));
  if (service.atom() > 0.0)
    throw std::invalid_argument(fmt::format("service that takes no time with probability {}", service.atom()));
  if (arrival_per_s * service.mean_s() >= 1.0)
    throw ChainError(
        fmt::format("unstable: arrival_rate {} /s, capacity {} /s", arrival_per_s, 1.0 / service.mean_s()));
}

Level empty_level(const MarkovianArrivals& arrivals, const PhaseType& service) {
  return {Matrix(), arrivals.silent_per_s(), kronecker(arrivals.arrival_per_s(), service.initial().transpose())};
}

Level busy_level(const MarkovianArrivals& arrivals, const PhaseType& service) {
  const Matrix same_arrival = Matrix::Identity(arrivals.phases(), arrivals.phases());
  const Matrix same_service = Matrix::Identity(service.phases(), service.phases());
  return {kronecker(same_arrival, service.exit_per_s() * service.initial().transpose()),
          kronecker(arrivals.silent_per_s(), same_service) + kronecker(same_arrival, Matrix(service.rate_per_s())),
          kronecker(arrivals.arrival_per_s(), same_service)};
}

Matrix down_to_empty(const MarkovianArrivals& arrivals, const PhaseType& service) {
  return kronecker(Matrix::Identity(arrivals.phases(), arrivals.phases()), service.exit_per_s());
}

// Arrivals per second seen from each phase of a busy level.
Vector arrival_rate_by_phase(const MarkovianArrivals& arrivals, const PhaseType& service) {
  return kronecker(arrivals.arrival_per_s().rowwise().sum(), Vector::Ones(service.phases()));
}

std::vector<Index> positive_entries(const Vector& x) {
  std::vector<Index> result;
  for (Index i = 0; i < x.size(); ++i)
    if (x(i) > 0.0) result.push_back(i);
  return result;
}

}  // namespace

MapPh1Queue solve_map_ph_1(const MarkovianArrivals& arrivals, const PhaseType& service, const QbdOptions& options) {
  check(arrivals.rate_per_s(), service);
  const QuasiBirthDeath chain{
      {empty_level(arrivals, service)}, busy_level(arrivals, service), down_to_empty(arrivals, service)};
  MapPh1Queue queue{solve_qbd(chain, options), 0.0, 0.0, 0.0, 0.0, 0.0, arrivals, service};
  queue.utilization_ratio = arrivals.rate_per_s() * service.mean_s();
  queue.customers = queue.levels.mean_level;
  queue.response_s = queue.customers / arrivals.rate_per_s();
  const Vector arrivals_by_phase = arrival_rate_by_phase(arrivals, service);
  queue.wait_probability = queue.levels.repeating_phase_probability.dot(arrivals_by_phase) / arrivals.rate_per_s();
  queue.waiting_s = queue.levels.mean_above_first / arrivals.rate_per_s();
  return queue;
}

PhaseType waiting_time(const MapPh1Queue& queue) {
  const Vector& total = queue.levels.repeating_phase_probability;
  const Vector& first = queue.levels.boundary_probability.back();
  const Matrix& r = queue.levels.rate_matrix;
  const PhaseType& service = queue.service;
  const Vector seen = arrival_rate_by_phase(queue.arrivals, service) / queue.arrivals.rate_per_s();
  const std::vector<Index> phases = positive_entries(total);
  const auto count = static_cast<Index>(phases.size()), m = static_cast<Index>(service.phases());
  Vector initial = Vector::Zero(count * m), exits(count * m);
  Triplets rates;
  for (Index a = 0; a < count; ++a) {
    const Index c = phases[static_cast<std::size_t>(a)];
    initial(a * m + c % m) = total(c) * seen(c);
    exits.segment(a * m, m) = service.exit_per_s() * (first(c) / total(c));
    for (Index j = 0; j < m; ++j) {
      for (PhaseType::Rates::InnerIterator next(service.rate_per_s(), j); next; ++next)
        rates.emplace_back(a * m + j, a * m + next.col(), next.value());
      for (Index b = 0; b < count; ++b) {
        const Index to = phases[static_cast<std::size_t>(b)];
        const double next_service = service.exit_per_s()(j) * r(to, c) * (total(to) / total(c));
        for (Index k = 0; k < m; ++k)
          if (next_service * service.initial()(k) > 0.0 && (a != b || j != k))
            rates.emplace_back(a * m + j, b * m + k, next_service * service.initial()(k));
      }
    }
  }
  PhaseType::Rates matrix(count * m, count * m);
  matrix.setFromTriplets(rates.begin(), rates.end());
  return PhaseType(0.0, initial, matrix, exits);
}

PhaseType response_time(const MapPh1Queue& queue) {
  return convolution(waiting_time(queue), queue.service);
}

PhaseType mph1_waiting_time(double arrival_per_s, const PhaseType& service) {
  if (!(arrival_per_s > 0.0)) throw std::invalid_argument(fmt::format("arrival rate {}, expected > 0", arrival_per_s));
  check(arrival_per_s, service);
  const double load = arrival_per_s * service.mean_s();
  const MMatrixFactors factors(Matrix(service.rate_per_s()), service.exit_per_s());
  // rho times the phase in which a random moment finds a busy server.
  const Vector busy = arrival_per_s * factors.solve_left(service.initial().transpose()).transpose();
  Matrix rates = Matrix(service.rate_per_s()) + service.exit_per_s() * busy.transpose();
  rates.diagonal().setZero();
  return PhaseType(0.0, busy, rates.sparseView(), service.exit_per_s() * (1.0 - load));
}

FiniteMapPh1Queue solve_map_ph_1_k(const MarkovianArrivals& arrivals, const PhaseType& service, int capacity) {
  check(0.0, service);
  if (capacity < 1) throw std::invalid_argument(fmt::format("capacity {}, expected at least 1", capacity));
  std::vector<Level> levels(static_cast<std::size_t>(capacity) + 1, busy_level(arrivals, service));
  levels[0] = empty_level(arrivals, service);
  levels[1].down_per_s = down_to_empty(arrivals, service);
  // A lost arrival still changes the arrival phase.
  levels.back().local_per_s += levels.back().up_per_s;
  levels.back().up_per_s = Matrix();
  FiniteMapPh1Queue queue{solve_levels(levels)};
  const Vector full = queue.levels.probability.back();
  const double lost_per_s = full.dot(arrival_rate_by_phase(arrivals, service));
  queue.blocking_probability = lost_per_s / arrivals.rate_per_s();
  const Vector departures = kronecker(Vector::Ones(arrivals.phases()), service.exit_per_s());
  for (std::size_t n = 1; n < levels.size(); ++n) queue.throughput_per_s += departures.dot(queue.levels.probability[n]);
  queue.customers = queue.levels.mean_level();
  queue.response_s = queue.customers / queue.throughput_per_s;
  return queue;
}

}  // namespace windtunnel::solvers
