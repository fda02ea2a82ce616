// SPDX-License-Identifier: Apache-2.0
#include "solvers/long_run/long_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "solvers/chain/initial_distribution.h"

namespace windtunnel::solvers {
namespace {

void add_class(const Generator& q, std::size_t bottom, const LongRunOptions& options, LongRunSolution& result) {
  const double weight = result.class_probability(static_cast<Index>(bottom));
  if (weight == 0.0) return;
  const auto& members = result.classes.members[static_cast<std::size_t>(result.classes.bottom[bottom])];
  const StationarySolution inside = solve_stationary(restricted_to(q, members), options.stationary);
  result.iterations += inside.iterations;
  result.method_used = inside.method_used;
  result.residual_ratio = std::max(result.residual_ratio, inside.residual_ratio());
  if (!inside.usable()) {
    result.termination = inside.termination;
    result.message = fmt::format("bottom class of state {}: {}", members.front(), inside.message);
    return;
  }
  for (std::size_t k = 0; k < members.size(); ++k) {
    result.probability(members[k]) = weight * inside.probability(static_cast<Index>(k));
  }
}

}  // namespace

LongRunSolution solve_long_run(const Generator& q, const Vector& initial, const LongRunOptions& options) {
  require_distribution(initial, q.states());
  LongRunSolution result;
  result.method_requested = options.stationary.method;
  result.classes = communicating_classes(q);
  const auto transient = [&](Index state) { return !result.classes.is_bottom(state); };
  std::vector<Index> left_for_good;
  for (Index i = 0; i < q.states(); ++i) {
    if (transient(i)) left_for_good.push_back(i);
  }
  const AbsorbingSystem system(q, std::move(left_for_good), options.absorption);
  const SystemSolution time = system.time_in_states(system.inside_of(initial));
  static_cast<SolveResult&>(result) = time;
  result.error_bound.reset();
  if (!time.usable()) return result;
  result.message = "every bottom class is solved";
  result.probability = Vector::Zero(q.states());
  result.class_probability = Vector::Zero(static_cast<Index>(result.classes.bottom.size()));
  for (std::size_t b = 0; b < result.classes.bottom.size(); ++b) {
    std::vector<bool> in_class(static_cast<std::size_t>(q.states()), false);
    for (const Index member : result.classes.members[static_cast<std::size_t>(result.classes.bottom[b])]) {
      in_class[static_cast<std::size_t>(member)] = true;
      result.class_probability(static_cast<Index>(b)) += initial(member);
    }
    if (time.value.size() > 0)
      result.class_probability(static_cast<Index>(b)) += time.value.dot(system.rate_into(in_class));
    add_class(q, b, options, result);
    if (!result.usable()) return result;
  }
  return result;
}

}  // namespace windtunnel::solvers
