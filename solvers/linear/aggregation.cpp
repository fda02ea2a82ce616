// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/aggregation.h"

#include <algorithm>

namespace windtunnel::solvers {
namespace {

constexpr std::int32_t kNone = -1;

double flow_of(const RateEntry& entry, Index row, const Vector& weight, FlowOrigin origin) {
  return entry.rate_per_s * weight(origin == FlowOrigin::kRow ? row : entry.state);
}

/// Flow between each two states, both ways together, by its entries in the rows and in the columns.
struct Flows {
  const SparseRates& rows;
  SparseRates columns;
  const Vector& weight;
  FlowOrigin origin;

  /// `state` is kNone where there is none.
  struct Neighbour {
    std::int32_t state = kNone;
    double flow = 0.0;
  };

  /// The strongest neighbour of a state among those that `eligible` admits. An entry both ways counts twice, by the
  /// stronger.
  template <typename Eligible>
  Neighbour strongest(Index state, const Eligible& eligible) const {
    Neighbour best;
    const auto consider = [&](std::int32_t other, double flow) {
      if (flow > best.flow && eligible(other)) best = {other, flow};
    };
    const bool by_row = origin == FlowOrigin::kRow;
    for (const auto [other, rate] : rows.row(state)) consider(other, rate * weight(by_row ? state : other));
    for (const auto [other, rate] : columns.row(state)) consider(other, rate * weight(by_row ? other : state));
    return best;
  }
};

/// Pairs in the order of the states; who finds no free neighbour joins a pair, so that stars coarsen as well.
struct Pairing {
  std::vector<std::int32_t> aggregate_of;
  Index count = 0;

  Pairing(const SparseRates& rates, const Vector& weight, FlowOrigin origin, double pair_strength)
      : aggregate_of(static_cast<std::size_t>(rates.rows()), kNone) {
    std::vector<std::int32_t> members;
    const Flows flows{rates, transposed(rates), weight, origin};
    const auto anyone = [](std::int32_t) { return true; };
    const auto free = [&](std::int32_t j) { return aggregate_of[static_cast<std::size_t>(j)] == kNone; };
    const auto joinable = [&](std::int32_t j) {
      return !free(j) && members[static_cast<std::size_t>(aggregate_of[static_cast<std::size_t>(j)])] < kMaxJoined;
    };
    for (Index i = 0; i < rates.rows(); ++i) {
      std::int32_t& own = aggregate_of[static_cast<std::size_t>(i)];
      if (own != kNone) continue;
      const Flows::Neighbour partner = flows.strongest(i, free);
      const bool weak = pair_strength > 0.0 && partner.flow < pair_strength * flows.strongest(i, anyone).flow;
      const Flows::Neighbour host = weak || partner.state == kNone ? flows.strongest(i, joinable) : Flows::Neighbour{};
      if (host.state != kNone && host.flow >= partner.flow) {
        own = aggregate_of[static_cast<std::size_t>(host.state)];
        ++members[static_cast<std::size_t>(own)];
        continue;
      }
      own = static_cast<std::int32_t>(count++);
      members.push_back(partner.state == kNone ? 1 : 2);
      if (partner.state != kNone) aggregate_of[static_cast<std::size_t>(partner.state)] = own;
    }
  }

  static constexpr std::int32_t kMaxJoined = 4;
};

/// Rows of the aggregates in order: members of aggregate a are order[begin[a]] .. order[begin[a + 1] - 1].
struct MemberLists {
  std::vector<std::int32_t> begin;
  std::vector<std::int32_t> order;

  explicit MemberLists(const Pairing& pairing)
      : begin(static_cast<std::size_t>(pairing.count) + 1, 0), order(pairing.aggregate_of.size()) {
    for (const std::int32_t a : pairing.aggregate_of) ++begin[static_cast<std::size_t>(a) + 1];
    for (std::size_t a = 1; a < begin.size(); ++a) begin[a] += begin[a - 1];
    std::vector<std::int32_t> next = begin;
    for (std::size_t i = 0; i < order.size(); ++i) {
      order[static_cast<std::size_t>(next[static_cast<std::size_t>(pairing.aggregate_of[i])]++)] =
          static_cast<std::int32_t>(i);
    }
  }
};

/// The pattern of the coarse rows and where each fine entry goes.
void merge_rows(const SparseRates& fine, Aggregation& result, const MemberLists& lists) {
  std::vector<std::int32_t> last_position(static_cast<std::size_t>(result.count), kNone);
  result.position.assign(fine.state.size(), kNone);
  for (Index row = 0; row < result.count; ++row) {
    const auto row_begin = static_cast<std::int32_t>(result.coarse.state.size());
    for (std::int32_t m = lists.begin[static_cast<std::size_t>(row)];
         m < lists.begin[static_cast<std::size_t>(row) + 1]; ++m) {
      const auto i = static_cast<std::size_t>(lists.order[static_cast<std::size_t>(m)]);
      for (std::int64_t e = fine.begin[i]; e < fine.begin[i + 1]; ++e) {
        const std::int32_t target =
            result.aggregate_of[static_cast<std::size_t>(fine.state[static_cast<std::size_t>(e)])];
        if (target == row) continue;
        std::int32_t& position = last_position[static_cast<std::size_t>(target)];
        if (position < row_begin) {
          position = static_cast<std::int32_t>(result.coarse.state.size());
          result.coarse.state.push_back(target);
        }
        result.position[static_cast<std::size_t>(e)] = position;
      }
    }
    result.coarse.begin.push_back(static_cast<std::int64_t>(result.coarse.state.size()));
  }
  result.coarse.rate_per_s.resize(result.coarse.state.size());
}

Aggregation pairwise(const SparseRates& rates, const Vector& weight, FlowOrigin origin, double pair_strength) {
  Pairing pairing(rates, weight, origin, pair_strength);
  Aggregation result;
  const MemberLists lists(pairing);
  result.aggregate_of = std::move(pairing.aggregate_of);
  result.count = pairing.count;
  merge_rows(rates, result, lists);
  result.refresh(rates, weight, origin);
  return result;
}

}  // namespace

void Aggregation::refresh(const SparseRates& fine, const Vector& weight, FlowOrigin origin) {
  std::fill(coarse.rate_per_s.begin(), coarse.rate_per_s.end(), 0.0);
  for (Index i = 0; i < fine.rows(); ++i) {
    const auto row = static_cast<std::size_t>(i);
    for (auto e = static_cast<std::size_t>(fine.begin[row]); e < static_cast<std::size_t>(fine.begin[row + 1]); ++e) {
      if (position[e] == kNone) continue;
      const double flow = flow_of({fine.state[e], fine.rate_per_s[e]}, i, weight, origin);
      coarse.rate_per_s[static_cast<std::size_t>(position[e])] += flow;
    }
  }
}

Aggregation aggregate(const SparseRates& rates, const Vector& weight, FlowOrigin origin, double pair_strength) {
  Aggregation first = pairwise(rates, weight, origin, pair_strength);
  Aggregation second = pairwise(first.coarse, Vector::Ones(first.count), origin, pair_strength);
  for (std::int32_t& a : first.aggregate_of) a = second.aggregate_of[static_cast<std::size_t>(a)];
  for (std::int32_t& p : first.position) {
    if (p != kNone) p = second.position[static_cast<std::size_t>(p)];
  }
  first.count = second.count;
  first.coarse = std::move(second.coarse);
  return first;
}

}  // namespace windtunnel::solvers
