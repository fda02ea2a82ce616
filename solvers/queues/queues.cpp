// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/queues.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "solvers/numerics/root_finding.h"

namespace windtunnel::solvers {
namespace {

void require_positive(double value, const char* what) {
  if (!(value > 0.0) || std::isinf(value))
    throw std::invalid_argument(fmt::format("{} {} is not a finite number > 0", what, value));
}

void require_count(int value, int least, const char* what) {
  if (value < least) throw std::invalid_argument(fmt::format("{} {}, expected at least {}", what, value, least));
}

void require_stable(double arrival_per_s, double capacity_per_s) {
  if (arrival_per_s >= capacity_per_s)
    throw std::invalid_argument(
        fmt::format("unstable: arrival_rate {} /s, capacity {} /s", arrival_per_s, capacity_per_s));
}

// Little's law both ways: customers = arrivals entering * time.
QueueAverages from_waiting(double entering_per_s, double waiting_s, double service_s) {
  QueueAverages result;
  result.waiting_s = waiting_s;
  result.response_s = waiting_s + service_s;
  result.waiting_customers = entering_per_s * waiting_s;
  result.customers = entering_per_s * result.response_s;
  return result;
}

}  // namespace

Vector birth_death_distribution(const Vector& birth_per_s, const Vector& death_per_s) {
  if (birth_per_s.size() != death_per_s.size())
    throw std::invalid_argument(
        fmt::format("{} birth rates and {} death rates", birth_per_s.size(), death_per_s.size()));
  const Index top = birth_per_s.size();
  for (Index i = 0; i < top; ++i) {
    require_positive(birth_per_s(i), "birth rate");
    require_positive(death_per_s(i), "death rate");
  }
  // Logarithms only choose the state to start from; the ratios themselves are multiplied.
  Index mode = 0;
  double height = 0.0, highest = 0.0;
  for (Index i = 0; i < top; ++i) {
    height += std::log(birth_per_s(i)) - std::log(death_per_s(i));
    if (height > highest) highest = height, mode = i + 1;
  }
  Vector probability(top + 1);
  probability(mode) = 1.0;
  for (Index i = mode; i < top; ++i) probability(i + 1) = probability(i) * (birth_per_s(i) / death_per_s(i));
  for (Index i = mode; i > 0; --i) probability(i - 1) = probability(i) * (death_per_s(i - 1) / birth_per_s(i - 1));
  return probability / probability.sum();
}

QueueAverages mm1(double arrival_per_s, double service_per_s) {
  return mmc(arrival_per_s, service_per_s, 1);
}

QueueAverages mmc(double arrival_per_s, double service_per_s, int servers) {
  require_positive(arrival_per_s, "arrival rate");
  require_positive(service_per_s, "service rate");
  require_count(servers, 1, "servers");
  const double capacity_per_s = servers * service_per_s;
  require_stable(arrival_per_s, capacity_per_s);
  const double wait_probability = erlang_c(arrival_per_s / service_per_s, servers);
  QueueAverages result =
      from_waiting(arrival_per_s, wait_probability / (capacity_per_s - arrival_per_s), 1.0 / service_per_s);
  result.utilization_ratio = arrival_per_s / capacity_per_s;
  result.wait_probability = wait_probability;
  return result;
}

double erlang_b(double offered_load, int servers) {
  require_positive(offered_load, "offered load");
  require_count(servers, 1, "servers");
  double blocking = 1.0;
  for (int c = 1; c <= servers; ++c) blocking = offered_load * blocking / (c + offered_load * blocking);
  return blocking;
}

double erlang_c(double offered_load, int servers) {
  const double blocking = erlang_b(offered_load, servers);
  if (offered_load >= servers)
    throw std::invalid_argument(fmt::format("unstable: offered load {}, {} servers", offered_load, servers));
  return servers * blocking / (servers - offered_load + offered_load * blocking);
}

FiniteQueue mmck(double arrival_per_s, double service_per_s, int servers, int capacity) {
  require_positive(arrival_per_s, "arrival rate");
  require_positive(service_per_s, "service rate");
  require_count(servers, 1, "servers");
  require_count(capacity, servers, "capacity");
  const Vector busy = Vector::LinSpaced(capacity + 1, 0, capacity).cwiseMin(servers);
  FiniteQueue queue;
  queue.probability =
      birth_death_distribution(Vector::Constant(capacity, arrival_per_s), service_per_s * busy.tail(capacity));
  queue.blocking_probability = queue.probability(capacity);
  // Arrivals that enter find 0..capacity - 1; their sum, not 1 - blocking, keeps digits under overload.
  const double entering_per_s = arrival_per_s * queue.probability.head(capacity).sum();
  queue.throughput_per_s = entering_per_s;
  double waiting = 0.0;
  for (int i = servers; i <= capacity; ++i) waiting += (i - servers) * queue.probability(i);
  queue.averages = from_waiting(entering_per_s, waiting / entering_per_s, 1.0 / service_per_s);
  queue.averages.utilization_ratio = arrival_per_s / (servers * service_per_s);
  queue.averages.wait_probability = queue.probability.segment(servers, capacity - servers).sum();
  return queue;
}

GeneralServiceQueue mg1(double arrival_per_s, const CentralMoments& service) {
  require_positive(arrival_per_s, "arrival rate");
  require_positive(service.mean_s, "mean service time");
  require_stable(arrival_per_s, 1.0 / service.mean_s);
  const double load = arrival_per_s * service.mean_s;
  const auto raw = service.raw();
  const double waiting_s = arrival_per_s * raw[1] / (2.0 * (1.0 - load));
  GeneralServiceQueue result;
  result.averages = from_waiting(arrival_per_s, waiting_s, service.mean_s);
  result.averages.utilization_ratio = load;
  result.averages.wait_probability = load;
  // E[W^2] = 2 E[W]^2 + lambda E[S^3] / (3 (1 - rho)).
  result.waiting_variance_s2 = waiting_s * waiting_s + arrival_per_s * raw[2] / (3.0 * (1.0 - load));
  return result;
}

double MachineRepair::at_most(int down) const {
  return probability.head(std::clamp<Index>(down + 1, 0, probability.size())).sum();
}

GeneralArrivalQueue gm1(const std::function<double(double)>& transform, double interarrival_s, double service_per_s) {
  require_positive(interarrival_s, "mean interarrival time");
  require_positive(service_per_s, "service rate");
  require_stable(1.0 / interarrival_s, service_per_s);
  // In x = 1 - sigma: below the root the difference is negative, at 0 it is 0 as well.
  const auto difference = [&](double x) { return transform(service_per_s * x) - 1.0 + x; };
  double low = 0.5;
  while (low > 1e-12 && difference(low) >= 0.0) low /= 2.0;
  if (difference(low) >= 0.0 || difference(1.0) < 0.0)
    throw std::invalid_argument("the transform is none of an interarrival time with this mean");
  const double idle = find_root(difference, low, 1.0, 1e-15);
  GeneralArrivalQueue result;
  result.busy_at_arrival = 1.0 - idle;
  result.waiting_decay_per_s = service_per_s * idle;
  result.averages =
      from_waiting(1.0 / interarrival_s, result.busy_at_arrival / result.waiting_decay_per_s, 1.0 / service_per_s);
  result.averages.utilization_ratio = 1.0 / (interarrival_s * service_per_s);
  result.averages.wait_probability = result.busy_at_arrival;
  return result;
}

MachineRepair machine_repair(int machines, int crews, double failure_per_s, double repair_per_s) {
  require_count(machines, 1, "machines");
  require_count(crews, 1, "crews");
  require_positive(failure_per_s, "failure rate");
  require_positive(repair_per_s, "repair rate");
  const Vector down = Vector::LinSpaced(machines + 1, 0, machines);
  const Vector busy = down.cwiseMin(crews);
  MachineRepair result;
  result.probability = birth_death_distribution(failure_per_s * (machines - down.head(machines).array()).matrix(),
                                                repair_per_s * busy.tail(machines));
  result.machines_down = down.dot(result.probability);
  result.crews_busy = busy.dot(result.probability);
  result.machines_waiting = (down - busy).dot(result.probability);
  result.throughput_per_s = repair_per_s * result.crews_busy;
  return result;
}

}  // namespace windtunnel::solvers
