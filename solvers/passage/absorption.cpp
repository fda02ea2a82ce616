// SPDX-License-Identifier: Apache-2.0
#include "solvers/passage/absorption.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "solvers/chain/communicating_classes.h"
#include "solvers/chain/initial_distribution.h"
#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {
namespace {

using StateFlags = std::vector<bool>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

StateFlags target_flags(const Generator& q, const std::vector<Index>& targets) {
  if (targets.empty()) throw ChainError("there is no target state");
  StateFlags flags(static_cast<std::size_t>(q.states()), false);
  for (const Index target : targets) {
    if (target < 0 || target >= q.states()) {
      throw ChainError(
          fmt::format("target state {} does not exist, the chain has states 0 to {}", target, q.states() - 1));
    }
    flags[static_cast<std::size_t>(target)] = true;
  }
  return flags;
}

/// What the graph says about reaching the targets.
struct Outlook {
  StateFlags target;
  StateFlags never;
  /// Reached with probability 1; targets included.
  StateFlags surely;

  /// States for which both are open.
  std::vector<Index> undecided() const {
    std::vector<Index> states;
    for (std::size_t i = 0; i < never.size(); ++i) {
      if (!never[i] && !surely[i]) states.push_back(static_cast<Index>(i));
    }
    return states;
  }
  std::vector<Index> underway() const {
    std::vector<Index> states;
    for (std::size_t i = 0; i < surely.size(); ++i) {
      if (surely[i] && !target[i]) states.push_back(static_cast<Index>(i));
    }
    return states;
  }
};

/// A target may be missed from where some state without a way to it can be reached, passing no target.
Outlook outlook(const Generator& q, const std::vector<Index>& targets) {
  const SparseRates incoming = q.incoming();
  Outlook result{.target = target_flags(q, targets), .never = {}, .surely = {}};
  result.never = can_reach(incoming, result.target);
  result.never.flip();
  result.surely = can_reach(incoming, result.never, result.target);
  result.surely.flip();
  return result;
}

void copy_outcome(const SystemSolution& from, SolveResult& to) {
  to = static_cast<const SolveResult&>(from);
}

Vector flags_as_numbers(const StateFlags& flags, double yes, double no) {
  Vector numbers(static_cast<Index>(flags.size()));
  for (std::size_t i = 0; i < flags.size(); ++i) numbers(static_cast<Index>(i)) = flags[i] ? yes : no;
  return numbers;
}

void scatter(const SystemSolution& solution, const std::vector<Index>& inside, Vector& all) {
  if (solution.value.size() == 0) return;
  for (std::size_t k = 0; k < inside.size(); ++k) all(inside[k]) = solution.value(static_cast<Index>(k));
}

void require_sure(const Outlook& outlook, const Vector& initial) {
  for (Index i = 0; i < initial.size(); ++i) {
    if (initial(i) == 0.0 || outlook.surely[static_cast<std::size_t>(i)]) continue;
    throw ChainError(fmt::format("from state {} the target states may never be reached", i));
  }
}

}  // namespace

HittingProbability hitting_probability(const Generator& q, const std::vector<Index>& targets,
                                       const AbsorptionOptions& options) {
  const Outlook sight = outlook(q, targets);
  const AbsorbingSystem system(q, sight.undecided(), options);
  const SystemSolution solution = system.exit_probability(system.rate_into(sight.surely));
  HittingProbability result;
  copy_outcome(solution, result);
  result.probability = flags_as_numbers(sight.surely, 1.0, 0.0);
  scatter(solution, system.inside(), result.probability);
  return result;
}

HittingTime hitting_time(const Generator& q, const std::vector<Index>& targets, const AbsorptionOptions& options) {
  const Outlook sight = outlook(q, targets);
  const AbsorbingSystem system(q, sight.underway(), options);
  HittingTime result;
  result.mean_s = flags_as_numbers(sight.surely, 0.0, kInfinity);
  result.second_moment_s2 = result.mean_s;
  const SystemSolution mean = system.accumulated(Vector::Ones(static_cast<Index>(system.inside().size())));
  copy_outcome(mean, result);
  scatter(mean, system.inside(), result.mean_s);
  if (!mean.usable() || mean.value.size() == 0) return result;
  const SystemSolution second = system.accumulated(2.0 * mean.value);
  copy_outcome(second, result);
  scatter(second, system.inside(), result.second_moment_s2);
  result.iterations += mean.iterations;
  // The second system starts from the first one's error, which its own adds to: (1 + a)(1 + b) - 1.
  if (second.error_bound) result.error_bound = *mean.error_bound + *second.error_bound * (1.0 + *mean.error_bound);
  return result;
}

Occupancy occupancy_until(const Generator& q, const std::vector<Index>& targets, const Vector& initial,
                          const AbsorptionOptions& options) {
  require_distribution(initial, q.states());
  const Outlook sight = outlook(q, targets);
  require_sure(sight, initial);
  const AbsorbingSystem system(q, sight.underway(), options);
  const SystemSolution solution = system.time_in_states(system.inside_of(initial));
  Occupancy result;
  copy_outcome(solution, result);
  result.time_s = Vector::Zero(q.states());
  scatter(solution, system.inside(), result.time_s);
  result.visits = result.time_s.cwiseProduct(q.exit_rates());
  return result;
}

AbsorptionProbability absorption_probability(const Generator& q, const AbsorptionOptions& options) {
  const CommunicatingClasses classes = communicating_classes(q);
  std::vector<Index> transient;
  for (Index i = 0; i < q.states(); ++i) {
    if (!classes.is_bottom(i)) transient.push_back(i);
  }
  const AbsorbingSystem system(q, std::move(transient), options);
  AbsorptionProbability result;
  result.probability = Eigen::MatrixXd::Zero(q.states(), static_cast<Index>(classes.bottom.size()));
  for (std::size_t b = 0; b < classes.bottom.size(); ++b) {
    StateFlags in_class(static_cast<std::size_t>(q.states()), false);
    for (const Index member : classes.members[static_cast<std::size_t>(classes.bottom[b])]) {
      in_class[static_cast<std::size_t>(member)] = true;
    }
    const SystemSolution solution = system.exit_probability(system.rate_into(in_class));
    Vector column = flags_as_numbers(in_class, 1.0, 0.0);
    scatter(solution, system.inside(), column);
    result.probability.col(static_cast<Index>(b)) = column;
    const double worst = std::max(result.error_bound.value_or(0.0), solution.error_bound.value_or(kInfinity));
    const long long iterations = result.iterations + solution.iterations;
    copy_outcome(solution, result);
    result.error_bound = worst;
    result.iterations = iterations;
    if (!solution.usable()) break;
  }
  return result;
}

}  // namespace windtunnel::solvers
