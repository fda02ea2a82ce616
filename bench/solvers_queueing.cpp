// SPDX-License-Identifier: Apache-2.0
// Matrix-analytic methods, networks, populations and lumping: CPU time and error against closed forms or a second
// method. Exits with 1 when an answer is wrong.
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "bench/cpu_clock.h"
#include "solvers/chain/explore.h"
#include "solvers/lumping/lumping.h"
#include "solvers/networks/queueing_network.h"
#include "solvers/phase_type/phase_type_curve.h"
#include "solvers/phase_type/phase_type_fit.h"
#include "solvers/queues/level_dependent_qbd.h"
#include "solvers/queues/map_ph_1.h"
#include "solvers/queues/population_process.h"
#include "solvers/queues/queues.h"

namespace {

using namespace windtunnel::solvers;
using windtunnel::bench::CpuClock;

bool all_right = true;

// `work` returns the relative error of its answer; it is repeated until 0.2 s are spent.
void measure(const std::string& name, double largest_error, const std::function<double()>& work) {
  const CpuClock clock;
  double error = 0.0;
  int runs = 0;
  for (; runs == 0 || clock.seconds() < 0.2; ++runs) error = std::max(error, work());
  const bool is_right = error <= largest_error;  // false for NaN
  all_right = all_right && is_right;
  std::printf("%-58s %11.3f ms  error %8.1e %s\n", name.c_str(), 1e3 * clock.seconds() / runs, error,
              is_right ? "ok" : "WRONG");
}

double relative_error(double value, double expected) {
  return std::abs(value / expected - 1.0);
}

// Erlang service of many phases: Pollaczek-Khinchine gives the mean wait.
double erlang_queue_error(int phases, double load, QbdMethod method) {
  const PhaseType service = erlang(phases, phases);
  const MapPh1Queue queue = solve_map_ph_1(poisson_arrivals(load), service, {.method = method});
  if (!queue.usable()) return NAN;
  return relative_error(queue.waiting_s, mg1(load, service.moments()).averages.waiting_s);
}

double finite_levels_error() {
  // M/E_32/1/5000 with load 0.9: the endless queue, to 1e-200.
  const PhaseType service = erlang(32, 32.0);
  const FiniteMapPh1Queue queue = solve_map_ph_1_k(poisson_arrivals(0.9), service, 5000);
  return relative_error(queue.customers, mg1(0.9, service.moments()).averages.customers);
}

double percentile_error() {
  const MarkovianArrivals arrivals =
      switched_poisson_arrivals((Matrix(2, 2) << 0.0, 0.05, 0.2, 0.0).finished(), (Vector(2) << 0.2, 1.6).finished());
  const MapPh1Queue queue = solve_map_ph_1(arrivals, fit_phase_type(1.0, 0.25));
  PhaseTypeCurve waiting(waiting_time(queue));
  const double p999 = waiting.quantile_s(0.999);
  return relative_error(waiting.survival(p999), 1e-3) + relative_error(waiting.duration().mean_s(), queue.waiting_s);
}

double infinite_server_error() {
  LevelDependentQbd chain;
  chain.level = [](Index n) {
    const Matrix same = Matrix::Identity(8, 8), mix = Matrix::Ones(8, 8);
    return Level{n == 0 ? Matrix() : Matrix(static_cast<double>(n) * same), mix, 50.0 * same};
  };
  chain.birth_over_death_above = [](Index level) { return 50.0 / static_cast<double>(level + 1); };
  return relative_error(solve_level_dependent_qbd(chain).mean_level(), 50.0);
}

ClosedNetwork three_classes() {
  ClosedNetwork network{{}, {30, 30, 30}};
  for (int k = 0; k < 10; ++k)
    network.stations.push_back({NetworkStation::Kind::kQueue, Vector::Constant(3, 0.01 * (1 + k))});
  return network;
}

double mean_values_error() {
  const ClosedNetwork network = three_classes();
  return relative_error(solve_mean_value_analysis(network).throughput_per_s(0),
                        solve_convolution(network).throughput_per_s(0));
}

double linearizer_error() {
  static const double exact = solve_mean_value_analysis(three_classes()).throughput_per_s(0);
  return relative_error(solve_linearizer(three_classes()).throughput_per_s(0), exact);
}

double mean_field_error() {
  // N machines, N / 4 crews, softened by sharing: the mean number down for N = 200 against machine_repair.
  const auto change = [](int up, int down) { return (Eigen::VectorXi(2) << up, down).finished(); };
  const PopulationProcess machines{{{change(-1, 1), [](const Vector& x) { return 0.1 * x(0); }},
                                    {change(1, -1), [](const Vector& x) { return x(1) / (1.0 + 4.0 * x(1)); }}}};
  const MeanFieldSolution solution = solve_mean_field(machines, Vector::Unit(2, 0));
  Vector birth(200), death(200);
  for (int n = 0; n < 200; ++n) {
    birth(n) = 0.1 * (200 - n);
    death(n) = (n + 1) / (1.0 + 4.0 * (n + 1) / 200.0);
  }
  const Vector law = birth_death_distribution(birth, death);
  return relative_error(solution.refined_share(200)(1), law.dot(Vector::LinSpaced(201, 0, 200)) / 200);
}

// 18 machines by name, 262,144 states and 4.7 million transitions, to their count.
double lumping_error() {
  static const StateSpace<unsigned> space = explore(0u, [](unsigned down, const auto& emit) {
    for (int i = 0; i < 18; ++i) emit(down ^ (1u << i), (down >> i & 1u) ? 0.5 : 0.01);
  });
  static const Vector is_up = [] {
    Vector result(space.generator.states());
    for (Index i = 0; i < result.size(); ++i) result(i) = space.states[static_cast<std::size_t>(i)] == 0u ? 1.0 : 0.0;
    return result;
  }();
  const CpuClock clock;
  const Lumping lumping = lump(space.generator, std::vector<Vector>{is_up});
  return std::abs(static_cast<double>(lumping.blocks()) - 19.0) + lumping.largest_deviation_ratio;
}

}  // namespace

int main() {
  for (const int phases : {2, 16, 64, 200}) {
    const std::string size = std::to_string(phases);
    measure("M/E" + size + "/1, load 0.9, cyclic reduction", 1e-11,
            [=] { return erlang_queue_error(phases, 0.9, QbdMethod::kCyclicReduction); });
    measure("M/E" + size + "/1, load 0.9, logarithmic reduction", 1e-11,
            [=] { return erlang_queue_error(phases, 0.9, QbdMethod::kLogarithmicReduction); });
  }
  measure("M/E16/1, load 0.999999", 1e-8, [] { return erlang_queue_error(16, 0.999999, QbdMethod::kCyclicReduction); });
  measure("M/E32/1/5000 by level reduction", 1e-11, finite_levels_error);
  measure("MMPP/PH/1: law of the wait and its 99.9 % quantile", 1e-9, percentile_error);
  measure("M/M/infinity in 8 environments, cut proven", 1e-11, infinite_server_error);
  measure("3 classes of 30 over 10 stations, mean values", 1e-9, mean_values_error);
  measure("the same by Linearizer", 1e-2, linearizer_error);
  measure("200 machines by refined mean field", 1e-4, mean_field_error);
  measure("262,144 states (4.7 M transitions) lumped to 19", 1e-12, lumping_error);
  return all_right ? 0 : 1;
}
