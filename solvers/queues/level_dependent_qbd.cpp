// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/level_dependent_qbd.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {
namespace {

void check(const LevelDependentQbd& chain, const LevelDependentOptions& options) {
  if (!chain.level) throw std::invalid_argument("a level-dependent chain without a level function");
  if (!(options.tolerance > 0.0) || options.first_cut < 2 || options.max_levels < options.first_cut)
    throw std::invalid_argument(fmt::format("tolerance {}, first cut {}, at most {} levels", options.tolerance,
                                            options.first_cut, options.max_levels));
}

// Levels 0 .. cut; those found before are kept.
void extend_to(const LevelDependentQbd& chain, Index cut, std::vector<Level>& levels) {
  for (auto n = static_cast<Index>(levels.size()); n <= cut; ++n) levels.push_back(chain.level(n));
}

// The mass above, if levels fall on as from the one before the last to the last.
double estimated_mass_above(const std::vector<Vector>& probability) {
  const double last = probability.back().sum(), before = probability[probability.size() - 2].sum();
  if (last == 0.0) return 0.0;
  return last < before ? last * (last / before) / (1.0 - last / before) : std::numeric_limits<double>::infinity();
}

double largest_up(const Level& level) {
  return level.up_per_s.rowwise().sum().maxCoeff();
}

double smallest_down(const Level& level) {
  return level.down_per_s.rowwise().sum().minCoeff();
}

// P(birth-death level > cut), its mass normalised by what lies below; infinite where some phase has no way down.
double dominated_mass_above(const LevelDependentQbd& chain, const std::vector<Level>& levels, Index cut) {
  const double infinity = std::numeric_limits<double>::infinity();
  if (!chain.birth_over_death_above) return infinity;
  double log_weight = 0.0, log_total = 0.0;
  for (Index n = 1; n <= cut; ++n) {
    const double down = smallest_down(levels[static_cast<std::size_t>(n)]);
    if (!(down > 0.0)) return infinity;
    log_weight += std::log(largest_up(levels[static_cast<std::size_t>(n - 1)])) - std::log(down);
    const double high = std::max(log_total, log_weight);
    log_total = high + std::log(std::exp(log_total - high) + std::exp(log_weight - high));
  }
  const double ratio = chain.birth_over_death_above(cut);
  return ratio < 1.0 ? std::exp(log_weight - log_total) * ratio / (1.0 - ratio) : infinity;
}

LevelSolution solve_cut(const std::vector<Level>& levels, Index cut) {
  std::vector<Level> kept(levels.begin(), levels.begin() + cut + 1);
  kept.back().up_per_s = Matrix();
  return solve_levels(kept);
}

Index group_of(const BoundedJumpChain& chain) {
  const auto jumps = static_cast<Index>(chain.jump_per_s.size());
  if (chain.reach_down < 0 || jumps <= chain.reach_down)
    throw ChainError(fmt::format("{} jump blocks, expected more than the reach down of {}", jumps, chain.reach_down));
  const Index phases = chain.jump_per_s.front().rows();
  for (const Matrix& jump : chain.jump_per_s)
    if (jump.rows() != phases || jump.cols() != phases)
      throw ChainError(
          fmt::format("jump block of {} x {}, expected {} x {}", jump.rows(), jump.cols(), phases, phases));
  return std::max<Index>({1, chain.reach_down, jumps - 1 - chain.reach_down});
}

// Rates between two regular levels that lie `by` apart.
Matrix jump(const BoundedJumpChain& chain, Index by) {
  const Index k = by + chain.reach_down;
  const Index phases = chain.jump_per_s.front().rows();
  if (k < 0 || k >= static_cast<Index>(chain.jump_per_s.size())) return Matrix::Zero(phases, phases);
  return chain.jump_per_s[static_cast<std::size_t>(k)];
}

// Rates near the floor: the boundary's own, or all that would end below 0 added up at level 0.
Matrix jump_near_floor(const BoundedJumpChain& chain, Index from, Index to) {
  if (chain.boundary) {
    const Matrix own = chain.boundary(from, to);
    if (own.size() > 0) return own;
  }
  Matrix result = jump(chain, to - from);
  if (to == 0)
    for (Index below = -1; below - from >= -chain.reach_down; --below) result += jump(chain, below - from);
  return result;
}

template <typename Rates>
Matrix blocks(Index group, Index phases, const Rates& rates) {
  Matrix result(group * phases, group * phases);
  for (Index a = 0; a < group; ++a)
    for (Index b = 0; b < group; ++b) result.block(a * phases, b * phases, phases, phases) = rates(a, b);
  return result;
}

}  // namespace

LevelDependentSolution solve_level_dependent_qbd(const LevelDependentQbd& chain, const LevelDependentOptions& options) {
  check(chain, options);
  std::vector<Level> levels;
  LevelDependentSolution solution;
  for (Index cut = options.first_cut; cut <= options.max_levels; cut *= 2) {
    extend_to(chain, cut, levels);
    static_cast<LevelSolution&>(solution) = solve_cut(levels, cut);
    solution.cut = cut;
    solution.estimated_lost_mass = estimated_mass_above(solution.probability);
    solution.lost_mass_bound = dominated_mass_above(chain, levels, cut);
    const double lost = chain.birth_over_death_above ? solution.lost_mass_bound : solution.estimated_lost_mass;
    solution.message = fmt::format("cut above level {}, lost mass {} {:.1e}", cut,
                                   chain.birth_over_death_above ? "at most" : "about", lost);
    if (lost <= options.tolerance) return solution;
  }
  if (solution.usable()) solution.termination = Termination::kIterationLimit;
  return solution;
}

GroupedChain grouped_levels(const BoundedJumpChain& chain) {
  const Index group = group_of(chain), phases = chain.jump_per_s.front().rows();
  const auto regular = [&](Index groups_up) {
    return blocks(group, phases, [&](Index a, Index b) { return jump(chain, groups_up * group + b - a); });
  };
  const auto lowest = [&](Index a, Index b) { return jump_near_floor(chain, a, b); };
  GroupedChain grouped;
  grouped.group = static_cast<int>(group);
  grouped.chain.repeating = {regular(-1), regular(0), regular(1)};
  grouped.chain.boundary = {{Matrix(), blocks(group, phases, lowest), regular(1)}};
  return grouped;
}

Vector ungrouped_probability(const GroupedChain& grouped, const QbdSolution& solution, Index level) {
  const Vector group = solution.probability(level / grouped.group);
  const Index phases = group.size() / grouped.group;
  return group.segment(level % grouped.group * phases, phases);
}

}  // namespace windtunnel::solvers
