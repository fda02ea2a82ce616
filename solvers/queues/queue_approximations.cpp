// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/queue_approximations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "solvers/queues/queues.h"

namespace windtunnel::solvers {
namespace {

void require_scv(double scv, const char* what) {
  if (!(scv >= 0.0) || std::isinf(scv))
    throw std::invalid_argument(fmt::format("{} scv {} is not a finite number >= 0", what, scv));
}

// Waiting in M/M/c with the same rates; it checks them.
double exponential_waiting_s(const TwoMomentQueue& queue) {
  require_scv(queue.arrival_scv, "arrival");
  require_scv(queue.service_scv, "service");
  return mmc(queue.arrival_per_s, queue.service_per_s, queue.servers).waiting_s;
}

double load(const TwoMomentQueue& queue) {
  return queue.arrival_per_s / (queue.service_per_s * queue.servers);
}

void require_one_server(const TwoMomentQueue& queue) {
  exponential_waiting_s(queue);
  if (queue.servers != 1) throw std::invalid_argument(fmt::format("{} servers, expected 1", queue.servers));
}

}  // namespace

double kingman_upper_bound_s(const TwoMomentQueue& queue) {
  require_one_server(queue);
  const double rho = load(queue);
  return (queue.arrival_scv + rho * rho * queue.service_scv) / (2.0 * queue.arrival_per_s * (1.0 - rho));
}

double marchal_lower_bound_s(const TwoMomentQueue& queue) {
  require_one_server(queue);
  const double rho = load(queue);
  const double numerator = rho * rho * (1.0 + queue.service_scv) - 2.0 * rho;
  return std::max(0.0, numerator / (2.0 * queue.arrival_per_s * (1.0 - rho)));
}

double marchal_waiting_s(const TwoMomentQueue& queue) {
  const double rho = load(queue);
  return kingman_upper_bound_s(queue) * (1.0 + queue.service_scv) / (1.0 / (rho * rho) + queue.service_scv);
}

double kraemer_langenbach_belz_waiting_s(const TwoMomentQueue& queue) {
  require_one_server(queue);
  const double rho = load(queue), a = queue.arrival_scv, s = queue.service_scv;
  if (a + s == 0.0) return 0.0;
  const double exponent = a <= 1.0 ? -2.0 * (1.0 - rho) * (1.0 - a) * (1.0 - a) / (3.0 * rho * (a + s))
                                   : -(1.0 - rho) * (a - 1.0) / (a + 4.0 * s);
  return 0.5 * (a + s) * exponential_waiting_s(queue) * std::exp(exponent);
}

double allen_cunneen_waiting_s(const TwoMomentQueue& queue) {
  return 0.5 * (queue.arrival_scv + queue.service_scv) * exponential_waiting_s(queue);
}

double kimura_waiting_s(const TwoMomentQueue& queue) {
  const double exponential = exponential_waiting_s(queue);
  const double rho = load(queue), a = queue.arrival_scv, s = queue.service_scv;
  if (a + s == 0.0) return 0.0;
  const int c = queue.servers;
  // Cosmetatos, Operational Research Quarterly 26, 1975; 0.24 keeps the factor of D/M/c above 0 (Whitt 1993).
  const double gamma = std::min(0.24, (1.0 - rho) * (c - 1) * (std::sqrt(4.0 + 5.0 * c) - 2.0) / (16.0 * c * rho));
  const double constant_service = 0.5 * (1.0 + gamma);
  const double constant_arrival = 0.5 * (1.0 - 4.0 * gamma) * std::exp(-2.0 * (1.0 - rho) / (3.0 * rho));
  const double inverse = (1.0 - a) / constant_arrival + (1.0 - s) / constant_service + 2.0 * (a + s - 1.0);
  // The interpolation holds between 0 and 1; beyond, where its denominator loses its sign, Allen-Cunneen is left.
  if (a > 1.0 || s > 1.0 || !(inverse > 0.0)) return allen_cunneen_waiting_s(queue);
  return (a + s) / inverse * exponential;
}

}  // namespace windtunnel::solvers
