// SPDX-License-Identifier: Apache-2.0
// One server, first come first served, with correlated arrivals (MAP) and phase-type service: MAP/PH/1, and with it
// M/PH/1, PH/PH/1 and MMPP/PH/1. Number present and the whole law of waiting, exact.
#pragma once
#include "solvers/arrivals/arrival_process.h"
#include "solvers/phase_type/phase_type.h"
#include "solvers/queues/qbd.h"

namespace windtunnel::solvers {

struct MapPh1Queue {
  /// Level = customers present; phase = arrival phase * service phases + service phase (level 0: arrival phase only).
  QbdSolution levels;
  /// Utilization, mean numbers and times (by Little's law), P(an arrival has to wait).
  double utilization_ratio = 0.0;
  double customers = 0.0;
  double waiting_s = 0.0;
  double response_s = 0.0;
  double wait_probability = 0.0;
  MarkovianArrivals arrivals;
  PhaseType service;

  bool usable() const { return levels.usable(); }
};

/// Throws ChainError when the load is not below 1 ("unstable: arrival_rate 50 /s, capacity 41 /s"),
/// std::invalid_argument for a service time with a floor or an atom at 0.
MapPh1Queue solve_map_ph_1(const MarkovianArrivals& arrivals, const PhaseType& service, const QbdOptions& options = {});

/// Law of the wait before service, with its atom at 0: again phase-type, of (arrival phases) * (service phases)^2
/// phases, so all of solvers/phase_type/phase_type_curve.h applies.
///
/// An arrival that sees n customers and service phase j waits for the rest of that service and n - 1 whole ones. Those
/// n are weighted with pi_1 R^(n-1), whose total y solves y = pi_1 + y R: read backwards, R is a Markov chain (from
/// phase c to c' with probability y_c' R_c'c / y_c, ending with probability pi_1c / y_c) that counts the services.
/// Compare Ozawa, Stochastic Models 22, 2006.
PhaseType waiting_time(const MapPh1Queue& queue);
/// Waiting plus service.
PhaseType response_time(const MapPh1Queue& queue);

/// M/PH/1 with as many phases as the service has: a geometric number of residual services. Neuts, Matrix-Geometric
/// Solutions, 1981, section 5.3. Throws as above.
PhaseType mph1_waiting_time(double arrival_per_s, const PhaseType& service);

/// Room for `capacity` >= 1 customers, the one in service included; arrivals beyond are lost. Any load.
struct FiniteMapPh1Queue {
  LevelSolution levels;
  /// Probability that an arrival is lost; more than P(full) when arrivals come in bursts.
  double blocking_probability = 0.0;
  double throughput_per_s = 0.0;
  double customers = 0.0;
  /// Mean time in the system of those who enter.
  double response_s = 0.0;

  bool usable() const { return levels.usable(); }
};
FiniteMapPh1Queue solve_map_ph_1_k(const MarkovianArrivals& arrivals, const PhaseType& service, int capacity);

}  // namespace windtunnel::solvers
