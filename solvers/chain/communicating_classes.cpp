// SPDX-License-Identifier: Apache-2.0
#include "solvers/chain/communicating_classes.h"

#include <algorithm>

namespace windtunnel::solvers {
namespace {

/// Depth-first search of Tarjan's algorithm on an explicit stack.
class ClassSearch {
 public:
  explicit ClassSearch(const Generator& q)
      : rates_(q.outgoing()), order_(count(q), kUnvisited), lowest_(count(q), 0), class_of_(count(q), kOpen) {}

  CommunicatingClasses run() {
    for (Index state = 0; state < rates_.rows(); ++state) {
      if (order_[at(state)] == kUnvisited) search_from(state);
    }
    return collect();
  }

 private:
  static constexpr Index kUnvisited = -1;
  static constexpr Index kOpen = -1;
  struct Frame {
    Index state;
    Index next_edge;
  };

  static std::size_t count(const Generator& q) { return static_cast<std::size_t>(q.states()); }
  static std::size_t at(Index state) { return static_cast<std::size_t>(state); }

  void search_from(Index root) {
    enter(root);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      const RateRow row = rates_.row(frame.state);
      if (frame.next_edge < row.size()) {
        follow(frame.state, row[frame.next_edge++].state);
      } else {
        leave();
      }
    }
  }

  void enter(Index state) {
    order_[at(state)] = lowest_[at(state)] = visited_++;
    open_.push_back(state);
    frames_.push_back({state, 0});
  }

  void follow(Index from, Index to) {
    if (order_[at(to)] == kUnvisited) {
      enter(to);
    } else if (class_of_[at(to)] == kOpen) {
      lowest_[at(from)] = std::min(lowest_[at(from)], order_[at(to)]);
    }
  }

  void leave() {
    const Index state = frames_.back().state;
    frames_.pop_back();
    if (lowest_[at(state)] == order_[at(state)]) close_class(state);
    if (!frames_.empty()) {
      Index& parent = lowest_[at(frames_.back().state)];
      parent = std::min(parent, lowest_[at(state)]);
    }
  }

  void close_class(Index root) {
    Index member = kOpen;
    while (member != root) {
      member = open_.back();
      open_.pop_back();
      class_of_[at(member)] = classes_;
    }
    ++classes_;
  }

  CommunicatingClasses collect() {
    CommunicatingClasses result;
    result.members.resize(at(classes_));
    std::vector<bool> left(at(classes_), false);
    for (Index state = 0; state < rates_.rows(); ++state) {
      const Index own = class_of_[at(state)];
      result.members[at(own)].push_back(state);
      for (const auto [to, rate] : rates_.row(state)) {
        if (class_of_[at(to)] != own) left[at(own)] = true;
      }
    }
    for (Index c = 0; c < classes_; ++c) {
      if (!left[at(c)]) result.bottom.push_back(c);
    }
    result.class_of = std::move(class_of_);
    return result;
  }

  const SparseRates& rates_;
  std::vector<Index> order_;
  std::vector<Index> lowest_;
  std::vector<Index> class_of_;
  std::vector<Index> open_;
  std::vector<Frame> frames_;
  Index visited_ = 0;
  Index classes_ = 0;
};

}  // namespace

bool CommunicatingClasses::is_bottom(Index state) const {
  return std::binary_search(bottom.begin(), bottom.end(), class_of[static_cast<std::size_t>(state)]);
}

CommunicatingClasses communicating_classes(const Generator& q) {
  return ClassSearch(q).run();
}

Generator restricted_to(const Generator& q, std::span<const Index> members) {
  GeneratorBuilder builder;
  for (const Index state : members) {
    for (const auto [to, rate] : q.outgoing().row(state)) {
      builder.add(std::lower_bound(members.begin(), members.end(), Index{to}) - members.begin(), rate);
    }
    builder.finish_state();
  }
  return std::move(builder).build();
}

std::vector<bool> can_reach(const SparseRates& incoming, const std::vector<bool>& targets,
                            const std::vector<bool>& blocked) {
  std::vector<bool> reaches = targets;
  std::vector<Index> pending;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (targets[i]) pending.push_back(static_cast<Index>(i));
  }
  while (!pending.empty()) {
    const Index state = pending.back();
    pending.pop_back();
    for (const auto [from, rate] : incoming.row(state)) {
      if (reaches[static_cast<std::size_t>(from)]) continue;
      if (!blocked.empty() && blocked[static_cast<std::size_t>(from)]) continue;
      reaches[static_cast<std::size_t>(from)] = true;
      pending.push_back(from);
    }
  }
  return reaches;
}

}  // namespace windtunnel::solvers
