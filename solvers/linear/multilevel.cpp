// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/multilevel.h"

#include <algorithm>
#include <numeric>

#include "solvers/linear/gauss_seidel.h"
#include "solvers/linear/state_reduction.h"

namespace windtunnel::solvers {
namespace {

// A chain this small is solved by state reduction in a fraction of a sweep over the first level.
constexpr Index kCoarsestStates = 100;
// A level must have fewer states than this share of the one before; else weak flows count as well, else it is the last.
constexpr double kLeastCoarsening = 0.7;
// A partner must take part in this share of the largest flow at the state: halves that barely touch stay apart until
// the end. As in algebraic multigrid, where 1/4 is usual for the strength of a connection; 1/10 keeps the aggregates of
// tandem queues growing.
constexpr double kStrongFlow = 0.1;
constexpr std::int32_t kInside = -1;
constexpr double kWeightFloor = 1e-290;

std::size_t at(Index i) {
  return static_cast<std::size_t>(i);
}

/// What each state loses per second per unit of its mass.
Vector exit_rates(const SparseRates& incoming) {
  Vector exit = Vector::Zero(incoming.rows());
  for (std::size_t k = 0; k < incoming.state.size(); ++k) exit(incoming.state[k]) += incoming.rate_per_s[k];
  return exit;
}

/// Calls visit(j, flow) for the mass that flows between state i and each neighbour j, per second.
template <typename Visit>
void for_each_flow(const SparseRates& incoming, const SparseRates& outgoing, const Vector& weight, Index i,
                   Visit visit) {
  for (const auto [from, rate] : incoming.row(i)) visit(Index{from}, rate * weight(from));
  for (const auto [to, rate] : outgoing.row(i)) visit(Index{to}, rate * weight(i));
}

/// Pairs each state with the free one it exchanges most mass with; those without a strong free neighbour stay alone.
std::vector<std::int32_t> pair_by_flow(const SparseRates& incoming, const SparseRates& outgoing, const Vector& weight,
                                       double strong_flow) {
  std::vector<std::int32_t> pair(at(incoming.rows()), kInside);
  std::int32_t pairs = 0;
  for (Index i = 0; i < incoming.rows(); ++i) {
    if (pair[at(i)] != kInside) continue;
    Index partner = i;
    double most = 0.0;
    double most_free = 0.0;
    for_each_flow(incoming, outgoing, weight, i, [&](Index j, double flow) {
      most = std::max(most, flow);
      if (flow <= most_free || pair[at(j)] != kInside) return;
      most_free = flow;
      partner = j;
    });
    if (most_free < strong_flow * most) partner = i;
    pair[at(i)] = pair[at(partner)] = pairs++;
  }
  return pair;
}

/// Sums of the weights of each aggregate.
Vector gathered_weight(const std::vector<std::int32_t>& aggregate, Index aggregates, const Vector& weight) {
  Vector sum = Vector::Zero(aggregates);
  for (Index i = 0; i < weight.size(); ++i) sum(aggregate[at(i)]) += weight(i);
  return sum;
}

Index count(const std::vector<std::int32_t>& aggregate) {
  return *std::max_element(aggregate.begin(), aggregate.end()) + 1;
}

/// The pattern of the chain of the aggregates, and where each rate goes in it.
struct CoarsePattern {
  SparseRates incoming;
  std::vector<std::int32_t> place;
};

CoarsePattern coarse_pattern(const SparseRates& fine, const std::vector<std::int32_t>& aggregate, Index aggregates) {
  std::vector<std::int64_t> begin(at(aggregates) + 1, 0);
  for (const std::int32_t a : aggregate) ++begin[at(a) + 1];
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<Index> members(aggregate.size());
  std::vector<std::int64_t> next = begin;
  for (std::size_t i = 0; i < aggregate.size(); ++i) members[at(next[at(aggregate[i])]++)] = static_cast<Index>(i);
  CoarsePattern pattern;
  pattern.place.assign(fine.state.size(), kInside);
  std::vector<std::int64_t> place_of(at(aggregates),
                                     -1);  // of the aggregate in the row being built, if >= the row's begin
  for (Index row = 0; row < aggregates; ++row) {
    const auto row_begin = static_cast<std::int64_t>(pattern.incoming.state.size());
    for (std::int64_t m = begin[at(row)]; m < begin[at(row) + 1]; ++m) {
      const std::size_t i = at(members[at(m)]);
      for (std::int64_t k = fine.begin[i]; k < fine.begin[i + 1]; ++k) {
        const std::int32_t from = aggregate[at(fine.state[at(k)])];
        if (from == row) continue;
        if (place_of[at(from)] < row_begin) {
          place_of[at(from)] = static_cast<std::int64_t>(pattern.incoming.state.size());
          pattern.incoming.state.push_back(from);
        }
        pattern.place[at(k)] = static_cast<std::int32_t>(place_of[at(from)]);
      }
    }
    pattern.incoming.begin.push_back(static_cast<std::int64_t>(pattern.incoming.state.size()));
  }
  pattern.incoming.rate_per_s.assign(pattern.incoming.state.size(), 0.0);
  return pattern;
}

/// coarse rate I -> J = sum over i in I, j in J of weight_i rate_ij / weight_I.
void fill_rates(const SparseRates& fine, const std::vector<std::int32_t>& place, const Vector& weight,
                const Vector& coarse_weight, SparseRates& coarse) {
  std::fill(coarse.rate_per_s.begin(), coarse.rate_per_s.end(), 0.0);
  for (std::size_t k = 0; k < place.size(); ++k) {
    if (place[k] != kInside) coarse.rate_per_s[at(place[k])] += fine.rate_per_s[k] * weight(fine.state[k]);
  }
  for (std::size_t k = 0; k < coarse.state.size(); ++k) coarse.rate_per_s[k] /= coarse_weight(coarse.state[k]);
}

/// Aggregates of up to four: pairs of pairs.
std::vector<std::int32_t> aggregate_by_flow(const SparseRates& incoming, const Vector& weight, double strong_flow) {
  std::vector<std::int32_t> pair = pair_by_flow(incoming, transposed(incoming), weight, strong_flow);
  const Index pairs = count(pair);
  CoarsePattern paired = coarse_pattern(incoming, pair, pairs);
  const Vector pair_weight = gathered_weight(pair, pairs, weight);
  fill_rates(incoming, paired.place, weight, pair_weight, paired.incoming);
  const std::vector<std::int32_t> four =
      pair_by_flow(paired.incoming, transposed(paired.incoming), pair_weight, strong_flow);
  for (std::int32_t& a : pair) a = four[at(a)];
  return pair;
}

}  // namespace

AggregationHierarchy::AggregationHierarchy(SparseRates incoming, const Vector& weight) {
  add_levels(std::move(incoming), weight);
}

void AggregationHierarchy::add_levels(SparseRates incoming, Vector weight) {
  for (;;) {
    Level& level = levels_.emplace_back();
    level.incoming = std::move(incoming);
    level.reciprocal_exit = exit_rates(level.incoming).cwiseInverse();
    level.weight = weight;
    if (weight.size() <= kCoarsestStates) return;
    std::vector<std::int32_t> aggregate = aggregate_by_flow(level.incoming, weight, kStrongFlow);
    const double most_states = kLeastCoarsening * static_cast<double>(weight.size());
    if (static_cast<double>(count(aggregate)) > most_states) aggregate = aggregate_by_flow(level.incoming, weight, 0.0);
    const Index aggregates = count(aggregate);
    if (static_cast<double>(aggregates) > most_states) return;
    CoarsePattern pattern = coarse_pattern(level.incoming, aggregate, aggregates);
    const Vector coarse_weight = gathered_weight(aggregate, aggregates, weight);
    fill_rates(level.incoming, pattern.place, weight, coarse_weight, pattern.incoming);
    level.aggregate = std::move(aggregate);
    level.place = std::move(pattern.place);
    incoming = std::move(pattern.incoming);
    weight = coarse_weight;
  }
}

void AggregationHierarchy::cycle(Vector& x) {
  cycle(0, x);
}

void AggregationHierarchy::cycle(std::size_t level, Vector& x) {
  if (level + 1 == levels_.size()) return solve_coarsest(x);
  const Level& here = levels_[level];
  const auto nothing = [](Index) { return 0.0; };
  sweep_both_ways(here.incoming, here.reciprocal_exit, nothing, kWeightFloor, x);
  update_coarser(level, x);
  Vector coarse = levels_[level + 1].weight;
  cycle(level + 1, coarse);
  if (level > 0) cycle(level + 1, coarse);
  const Vector factor = coarse.cwiseQuotient(levels_[level + 1].weight);
  for (Index i = 0; i < x.size(); ++i) x(i) = std::max(kWeightFloor, x(i) * factor(here.aggregate[at(i)]));
  sweep_both_ways(here.incoming, here.reciprocal_exit, nothing, kWeightFloor, x);
}

void AggregationHierarchy::update_coarser(std::size_t level, const Vector& x) {
  const Level& fine = levels_[level];
  Level& coarse = levels_[level + 1];
  coarse.weight = gathered_weight(fine.aggregate, coarse.weight.size(), x);
  fill_rates(fine.incoming, fine.place, x, coarse.weight, coarse.incoming);
  coarse.reciprocal_exit = exit_rates(coarse.incoming).cwiseInverse();
}

void AggregationHierarchy::solve_coarsest(Vector& x) const {
  const Level& coarsest = levels_.back();
  if (x.size() > 2 * kCoarsestStates) {  // aggregation gave up early
    return sweep_both_ways(
        coarsest.incoming, coarsest.reciprocal_exit, [](Index) { return 0.0; }, kWeightFloor, x);
  }
  const StateReduction reduction(transposed(coarsest.incoming), Vector::Zero(x.size()), StateReduction::Storage::kFull);
  if (!reduction.stuck_state()) x = (reduction.stationary() * x.sum()).cwiseMax(kWeightFloor);
}

double AggregationHierarchy::operator_complexity() const {
  double rates = 0.0;
  for (const Level& level : levels_) rates += static_cast<double>(level.incoming.size());
  return rates / static_cast<double>(levels_.front().incoming.size());
}

}  // namespace windtunnel::solvers
