// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/link_chain.h"

#include <algorithm>
#include <bit>

#include "modeling/spec/spec_error.h"
#include "solvers/explore.h"

namespace windtunnel::modeling {

namespace {

/// Least share of the cycle a class is off the wire: keeps the off rate finite when traffic fills the step.
constexpr double kLeastOffShare = 1e-3;

struct LinkState {
  int blocking = -1;    ///< index into the blocking classes, -1: none
  unsigned hidden = 0;  ///< bit set of hidden classes on the wire
  int health = 0;
  bool operator==(const LinkState&) const = default;
  int active() const { return (blocking >= 0 ? 1 : 0) + std::popcount(hidden); }
};

struct LinkStateHash {
  std::size_t operator()(const LinkState& state) const {
    return static_cast<std::size_t>(state.blocking + 1) + 64u * state.hidden +
           65536u * static_cast<std::size_t>(state.health);
  }
};

class LinkModel {
 public:
  explicit LinkModel(const LinkProblem& problem) : step_s_(problem.step_s), health_(problem.health) {
    for (const LinkClass& traffic : problem.classes) (traffic.hidden ? hidden_ : blocking_).push_back(traffic);
    for (const LinkClass& traffic : blocking_) blocking_busy_s_ += traffic.busy_s;
  }

  double speed(const LinkState& state) const { return health_ ? health_->states[state.health].speed_ratio : 1.0; }
  /// Rate each active class receives, relative to the whole healthy link.
  double share(const LinkState& state) const { return state.active() == 0 ? 1.0 : speed(state) / state.active(); }

  template <typename Emit>
  void successors(const LinkState& state, Emit&& emit) const {
    for (std::size_t c = 0; c < blocking_.size() && state.blocking < 0; ++c) {
      emit(LinkState{static_cast<int>(c), state.hidden, state.health}, start_rate(blocking_[c], blocking_busy_s_));
    }
    if (state.blocking >= 0 && share(state) > 0.0)
      emit(LinkState{-1, state.hidden, state.health}, end_rate(blocking_[state.blocking], state));
    for (std::size_t c = 0; c < hidden_.size(); ++c) {
      const unsigned bit = 1u << c;
      if (!(state.hidden & bit)) {
        emit(LinkState{state.blocking, state.hidden | bit, state.health}, start_rate(hidden_[c], hidden_[c].busy_s));
      } else if (share(state) > 0.0) {
        emit(LinkState{state.blocking, state.hidden & ~bit, state.health}, end_rate(hidden_[c], state));
      }
    }
    if (!health_) return;
    for (const ComponentTransition& transition : health_->transitions) {
      if (health_->states[state.health].name != transition.from) continue;
      emit(LinkState{state.blocking, state.hidden, index_of(transition.to)}, transition.rate_per_s.value);
    }
  }

  const std::vector<LinkClass>& blocking() const { return blocking_; }
  const std::vector<LinkClass>& hidden() const { return hidden_; }

 private:
  double start_rate(const LinkClass& traffic, double busy_s) const {
    return traffic.transfers_per_step / std::max(step_s_ - busy_s, kLeastOffShare * step_s_);
  }
  double end_rate(const LinkClass& traffic, const LinkState& state) const {
    return share(state) * traffic.transfers_per_step / traffic.busy_s;
  }
  int index_of(const std::string& name) const {
    for (std::size_t k = 0; k < health_->states.size(); ++k) {
      if (health_->states[k].name == name) return static_cast<int>(k);
    }
    throw NoAnswerError("link health state '" + name + "' is not defined");
  }

  double step_s_;
  const Component* health_;
  std::vector<LinkClass> blocking_;
  std::vector<LinkClass> hidden_;
  double blocking_busy_s_ = 0.0;
};

/// Expectations over the stationary law, link not down.
struct LinkAverages {
  std::array<double, kCommGroups> on{};
  std::array<double, kCommGroups> served{};
  double busy = 0.0;
  double jammed = 0.0;
  double used = 0.0;
  double up = 0.0;
};

LinkAverages averages(const LinkModel& model, const std::vector<LinkState>& states,
                      const solvers::Vector& probability) {
  LinkAverages sum;
  for (std::size_t i = 0; i < states.size(); ++i) {
    const LinkState& state = states[i];
    const double p = probability(static_cast<int>(i));
    if (model.speed(state) <= 0.0) continue;
    sum.up += p;
    if (state.active() == 0) continue;
    sum.busy += p;
    sum.used += p * model.speed(state);
    if (model.share(state) < 1.0) sum.jammed += p;
    const auto serve = [&](CommGroup group) {
      sum.on[static_cast<int>(group)] += p;
      sum.served[static_cast<int>(group)] += p * model.share(state);
    };
    if (state.blocking >= 0) serve(model.blocking()[state.blocking].group);
    for (std::size_t c = 0; c < model.hidden().size(); ++c) {
      if (state.hidden & (1u << c)) serve(model.hidden()[c].group);
    }
  }
  return sum;
}

}  // namespace

std::vector<LinkClass> link_classes(const std::array<TrafficLoad, kCommGroups>& traffic, bool scale_up) {
  std::vector<LinkClass> classes;
  for (int group = 0; group < kCommGroups; ++group) {
    const double busy = scale_up ? traffic[group].scale_up_busy_s : traffic[group].scale_out_busy_s;
    if (busy > 0.0 && traffic[group].transfers > 0.0) {
      classes.push_back({static_cast<CommGroup>(group), traffic[group].hidden, traffic[group].transfers, busy});
    }
  }
  return classes;
}

LinkSolution solve_link(const LinkProblem& problem) {
  LinkSolution result;
  result.slowdown.fill(1.0);
  if (problem.classes.empty()) {
    result.solution.termination = solvers::Termination::kConverged;
    result.solution.message = "no traffic";
    return result;
  }
  const LinkModel model(problem);
  const auto space = solvers::explore<LinkState, LinkStateHash>(
      LinkState{}, [&](const LinkState& state, const auto& emit) { model.successors(state, emit); });
  result.solution = solvers::solve_stationary(space.generator);
  if (!result.solution.usable()) throw NoAnswerError("chain of link " + problem.name + ": " + result.solution.message);
  result.states = space.generator.states();
  result.transitions = space.generator.transitions();
  const LinkAverages sum = averages(model, space.states, result.solution.probability);
  double on = 0.0;
  double served = 0.0;
  for (int group = 0; group < kCommGroups; ++group) {
    if (sum.served[group] > 0.0) result.slowdown[group] = sum.on[group] / sum.served[group];
    on += sum.on[group];
    served += sum.served[group];
  }
  result.utilization_ratio = sum.used / sum.up;
  result.congestion_slowdown_ratio = served > 0.0 ? on / served : 1.0;
  result.congestion_probability = sum.busy > 0.0 ? sum.jammed / sum.busy : 0.0;
  return result;
}

}  // namespace windtunnel::modeling
