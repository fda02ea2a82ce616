// SPDX-License-Identifier: Apache-2.0
#include "solvers/precedence/simulate_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "solvers/phase_type/phase_type_sampler.h"

namespace windtunnel::solvers {
namespace {

double draw_makespan(const PrecedenceGraph& graph, const std::vector<PhaseTypeSampler>& samplers, RandomSource& random,
                     std::vector<double>& end_s) {
  double makespan_s = 0.0;
  for (const int node : graph.topological_order()) {
    double start_s = 0.0;
    for (const int before : graph.predecessors(node)) start_s = std::max(start_s, end_s[before]);
    end_s[node] = start_s + samplers[graph.duration_index(node)](random);
    makespan_s = std::max(makespan_s, end_s[node]);
  }
  return makespan_s;
}

}  // namespace

MakespanSamples simulate_makespan(const PrecedenceGraph& graph, const GraphSimulationOptions& options) {
  if (options.samples < 2)
    throw std::invalid_argument(fmt::format("{} samples of a makespan, expected at least 2", options.samples));
  std::vector<PhaseTypeSampler> samplers;
  for (const PhaseType& duration : graph.durations()) samplers.emplace_back(duration);
  RandomSource random(options.seed);
  std::vector<double> end_s(graph.nodes());
  MakespanSamples result;
  for (int i = 0; i < options.samples; ++i) result.makespan_s.push_back(draw_makespan(graph, samplers, random, end_s));
  std::sort(result.makespan_s.begin(), result.makespan_s.end());
  return result;
}

}  // namespace windtunnel::solvers
