// SPDX-License-Identifier: Apache-2.0
#include "solvers/lumping/lumping.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>

#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {
namespace {

using State = std::int32_t;
using Block = std::int32_t;

// States in an order in which each block is one run.
class Partition {
 public:
  explicit Partition(Index states)
      : order_(static_cast<std::size_t>(states)), place_(order_.size()), block_of_(order_.size(), 0) {
    std::iota(order_.begin(), order_.end(), 0);
    std::iota(place_.begin(), place_.end(), 0);
    begin_ = {0};
    end_ = {static_cast<std::int32_t>(states)};
  }

  Block blocks() const { return static_cast<Block>(begin_.size()); }
  Block block_of(State state) const { return block_of_[at(state)]; }
  std::span<const State> members(Block block) const {
    return {order_.data() + begin_[at(block)], static_cast<std::size_t>(end_[at(block)] - begin_[at(block)])};
  }
  std::int32_t size(Block block) const { return end_[at(block)] - begin_[at(block)]; }

  /// Puts `parts` in this order at the front of their block and makes each but the largest (the rest of the block
  /// counts as one more) a block of its own; returns the new ones.
  std::vector<Block> split(Block block, const std::vector<std::vector<State>>& parts);

 private:
  static std::size_t at(std::int32_t i) { return static_cast<std::size_t>(i); }
  void move_to(State state, std::int32_t place);

  std::vector<State> order_;
  std::vector<std::int32_t> place_;
  std::vector<Block> block_of_;
  std::vector<std::int32_t> begin_, end_;
};

void Partition::move_to(State state, std::int32_t place) {
  const std::int32_t from = place_[at(state)];
  const State other = order_[at(place)];
  std::swap(order_[at(from)], order_[at(place)]);
  place_[at(state)] = place;
  place_[at(other)] = from;
}

std::vector<Block> Partition::split(Block block, const std::vector<std::vector<State>>& parts) {
  std::vector<std::pair<std::int32_t, std::int32_t>> runs;
  std::int32_t place = begin_[at(block)];
  for (const std::vector<State>& part : parts) {
    const std::int32_t first = place;
    for (const State state : part) move_to(state, place++);
    runs.emplace_back(first, place);
  }
  if (place < end_[at(block)]) runs.emplace_back(place, end_[at(block)]);
  const auto length = [](const auto& run) { return run.second - run.first; };
  std::swap(
      *std::max_element(runs.begin(), runs.end(), [&](const auto& a, const auto& b) { return length(a) < length(b); }),
      runs.back());
  std::tie(begin_[at(block)], end_[at(block)]) = runs.back();
  runs.pop_back();
  std::vector<Block> created;
  for (const auto& [first, last] : runs) {
    created.push_back(blocks());
    begin_.push_back(first);
    end_.push_back(last);
    for (std::int32_t i = first; i < last; ++i) block_of_[at(order_[at(i)])] = created.back();
  }
  return created;
}

bool nearly_equal(double a, double b, double tolerance_ratio) {
  return std::abs(a - b) <= tolerance_ratio * std::max(std::abs(a), std::abs(b));
}

class Refinement {
 public:
  Refinement(const Generator& q, double tolerance_ratio)
      : outgoing_(q.outgoing()),
        incoming_(q.incoming()),
        tolerance_ratio_(tolerance_ratio),
        partition_(q.states()),
        weight_(static_cast<std::size_t>(q.states()), 0.0) {}

  void separate(const Vector& values);
  void refine();
  const Partition& partition() const { return partition_; }

 private:
  void add_weight(State state, double weight);
  void weigh(Block splitter);
  void split_touched();
  std::vector<std::vector<State>> grouped(std::vector<State>& states, bool others_weigh_nothing) const;
  void enqueue(Block block);

  const SparseRates& outgoing_;
  SparseRates incoming_;
  double tolerance_ratio_;
  Partition partition_;
  std::vector<double> weight_;
  std::vector<State> touched_;
  std::vector<Block> queue_;
  std::vector<bool> is_queued_;
};

void Refinement::enqueue(Block block) {
  is_queued_.resize(static_cast<std::size_t>(partition_.blocks()), false);
  if (is_queued_[static_cast<std::size_t>(block)]) return;
  is_queued_[static_cast<std::size_t>(block)] = true;
  queue_.push_back(block);
}

void Refinement::separate(const Vector& values) {
  const Block blocks = partition_.blocks();
  for (Block block = 0; block < blocks; ++block) {
    const auto members = partition_.members(block);
    std::vector<State> states(members.begin(), members.end());
    std::sort(states.begin(), states.end(), [&](State a, State b) { return values(a) < values(b); });
    std::vector<std::vector<State>> parts;
    for (const State state : states) {
      if (parts.empty() || values(parts.back().front()) != values(state)) parts.emplace_back();
      parts.back().push_back(state);
    }
    partition_.split(block, parts);
  }
}

void Refinement::add_weight(State state, double weight) {
  double& total = weight_[static_cast<std::size_t>(state)];
  if (total == 0.0) touched_.push_back(state);
  total += weight;
}

// Weight of a state outside: its rate into the splitter. Of a state inside: its rate out of the splitter. The latter
// replaces the diagonal entry of the generator, without which the largest part could not be left out (rate into it =
// rate out of the other part - rate out of the whole, all three known to be equal in the block).
void Refinement::weigh(Block splitter) {
  for (const State inside : partition_.members(splitter)) {
    for (const auto [from, rate] : incoming_.row(inside))
      if (partition_.block_of(from) != splitter) add_weight(from, rate);
    for (const auto [to, rate] : outgoing_.row(inside))
      if (partition_.block_of(to) != splitter) add_weight(inside, rate);
  }
}

// The weight that a majority of states may have is found by voting (Boyer, Moore 1981); only the others are sorted,
// which is what keeps the bound (Valmari, Franceschinis 2010).
std::vector<std::vector<State>> Refinement::grouped(std::vector<State>& states, bool others_weigh_nothing) const {
  const auto weight = [&](State state) { return weight_[static_cast<std::size_t>(state)]; };
  double candidate = weight(states.front());
  std::ptrdiff_t votes = 0;
  for (const State state : states) {
    if (votes == 0) candidate = weight(state);
    votes += weight(state) == candidate ? 1 : -1;
  }
  const auto others = std::partition(states.begin(), states.end(), [&](State state) {
    return nearly_equal(weight(state), candidate, tolerance_ratio_);
  });
  std::sort(others, states.end(), [&](State a, State b) { return weight(a) < weight(b); });
  std::vector<std::vector<State>> parts;
  for (auto state = states.begin(); state != states.end(); ++state) {
    const bool is_new =
        state == states.begin() || state == others ||
        (state > others && !nearly_equal(weight(*state), weight(parts.back().front()), tolerance_ratio_));
    if (is_new) parts.emplace_back();
    parts.back().push_back(*state);
  }
  if (parts.size() == 1 && !others_weigh_nothing) parts.clear();
  return parts;
}

void Refinement::split_touched() {
  std::sort(touched_.begin(), touched_.end(),
            [&](State a, State b) { return partition_.block_of(a) < partition_.block_of(b); });
  for (std::size_t first = 0; first < touched_.size();) {
    const Block block = partition_.block_of(touched_[first]);
    std::size_t last = first;
    while (last < touched_.size() && partition_.block_of(touched_[last]) == block) ++last;
    std::vector<State> states(touched_.begin() + static_cast<std::ptrdiff_t>(first),
                              touched_.begin() + static_cast<std::ptrdiff_t>(last));
    first = last;
    const bool has_untouched = static_cast<std::int32_t>(states.size()) < partition_.size(block);
    const auto parts = grouped(states, has_untouched);
    if (parts.empty()) continue;
    for (const Block created : partition_.split(block, parts)) enqueue(created);
  }
  for (const State state : touched_) weight_[static_cast<std::size_t>(state)] = 0.0;
  touched_.clear();
}

void Refinement::refine() {
  for (Block block = 0; block < partition_.blocks(); ++block) enqueue(block);
  while (!queue_.empty()) {
    const Block splitter = queue_.back();
    queue_.pop_back();
    is_queued_[static_cast<std::size_t>(splitter)] = false;
    weigh(splitter);
    split_touched();
  }
}

// Blocks numbered by their first state, so that the result does not depend on the order of the splits.
std::vector<Index> numbered_blocks(const Partition& partition, Index states, std::vector<Index>& representative) {
  std::vector<Index> number(static_cast<std::size_t>(partition.blocks()), -1), block_of;
  for (State state = 0; state < states; ++state) {
    Index& own = number[static_cast<std::size_t>(partition.block_of(state))];
    if (own < 0) {
      own = static_cast<Index>(representative.size());
      representative.push_back(state);
    }
    block_of.push_back(own);
  }
  return block_of;
}

Generator quotient_of(const Generator& q, const std::vector<Index>& block_of,
                      const std::vector<Index>& representative) {
  GeneratorBuilder builder;
  for (const Index state : representative) {
    for (const auto [to, rate] : q.outgoing().row(state)) {
      const Index target = block_of[static_cast<std::size_t>(to)];
      if (target != builder.current()) builder.add(target, rate);
    }
    builder.finish_state();
  }
  return std::move(builder).build();
}

double largest_deviation(const Generator& q, const std::vector<Index>& block_of, const Generator& quotient) {
  std::vector<double> difference(static_cast<std::size_t>(quotient.states()), 0.0);
  double largest = 0.0;
  for (Index state = 0; state < q.states(); ++state) {
    const Index own = block_of[static_cast<std::size_t>(state)];
    for (const auto [to, rate] : q.outgoing().row(state))
      difference[static_cast<std::size_t>(block_of[static_cast<std::size_t>(to)])] += rate;
    for (const auto [block, rate] : quotient.outgoing().row(own)) {
      double& found = difference[static_cast<std::size_t>(block)];
      largest = std::max(largest, std::abs(found - rate) / std::max(found, rate));
      found = 0.0;
    }
    for (const auto [to, rate] : q.outgoing().row(state)) {
      const Index target = block_of[static_cast<std::size_t>(to)];
      double& left = difference[static_cast<std::size_t>(target)];
      if (left != 0.0 && target != own) largest = 1.0;  // a block that the representative does not enter
      left = 0.0;
    }
  }
  return largest;
}

Lumping make_lumping(const Generator& q, const Partition& partition) {
  std::vector<Index> representative;
  std::vector<Index> block_of = numbered_blocks(partition, q.states(), representative);
  Generator quotient = quotient_of(q, block_of, representative);
  const double deviation = largest_deviation(q, block_of, quotient);
  return {std::move(block_of), std::move(representative), std::move(quotient), deviation};
}

}  // namespace

Vector Lumping::lumped(const Vector& distribution) const {
  Vector result = Vector::Zero(blocks());
  for (Index state = 0; state < distribution.size(); ++state)
    result(block_of[static_cast<std::size_t>(state)]) += distribution(state);
  return result;
}

Vector Lumping::unlumped(const Vector& block_value) const {
  Vector result(static_cast<Index>(block_of.size()));
  for (Index state = 0; state < result.size(); ++state)
    result(state) = block_value(block_of[static_cast<std::size_t>(state)]);
  return result;
}

Vector Lumping::block_value(const Vector& state_value) const {
  return state_value(representative);
}

Lumping lump(const Generator& q, std::span<const Vector> distinguish, const LumpingOptions& options) {
  Refinement refinement(q, options.tolerance_ratio);
  for (const Vector& values : distinguish) {
    if (values.size() != q.states())
      throw ChainError(fmt::format("{} values to tell {} states apart", values.size(), q.states()));
    refinement.separate(values);
  }
  for (Block before = -1; before != refinement.partition().blocks();) {
    before = refinement.partition().blocks();
    refinement.refine();
    const Lumping lumping = make_lumping(q, refinement.partition());
    if (lumping.largest_deviation_ratio <= 4.0 * options.tolerance_ratio) return lumping;
  }
  return make_lumping(q, refinement.partition());
}

}  // namespace windtunnel::solvers
