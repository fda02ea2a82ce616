// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/links/link_chain.h"

#include <algorithm>
#include <bit>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

/// Least share of the cycle a class is off the wire: keeps the off rate finite when traffic fills the step.
constexpr double kLeastOffShare = 1e-3;

/// States are numbered (health x hidden sets + hidden) x (blocking + 1) + 1 + blocking.
struct LinkState {
  int blocking = -1;    ///< index into the blocking classes, -1: none
  unsigned hidden = 0;  ///< bit set of hidden classes on the wire
  int health = 0;
  int active() const { return (blocking >= 0 ? 1 : 0) + std::popcount(hidden); }
};

class LinkModel {
 public:
  explicit LinkModel(const LinkProblem& problem)
      : step_s_(problem.step_s), health_(problem.health), fabric_(problem.fabric), level_(problem.level) {
    for (const LinkClass& traffic : problem.classes) (traffic.hidden ? hidden_ : blocking_).push_back(traffic);
    for (const LinkClass& traffic : blocking_) blocking_busy_s_ += traffic.busy_s;
  }

  int states() const { return healths() * hidden_sets() * choices(); }
  LinkState state(int number) const {
    return {number % choices() - 1, static_cast<unsigned>(number / choices() % hidden_sets()),
            number / choices() / hidden_sets()};
  }
  double speed(const LinkState& state) const { return health_ ? health_->states[state.health].speed_ratio : 1.0; }

  /// Groups on the wire.
  ClassSet set_of(const LinkState& state) const {
    ClassSet set = 0;
    for_each_active(state, [&](const LinkClass& traffic) { set |= bit(traffic); });
    return set;
  }
  /// Rate the class receives, relative to its whole healthy port.
  double share(const LinkClass& traffic, const LinkState& state) const {
    const double port = speed(state) / std::max(1, state.active());
    const bool crosses = fabric_ && (bit(traffic) & fabric_->crossing()) != 0;
    return crosses ? std::min(port, 1.0 / fabric_->slowdown(set_of(state), level_)) : port;
  }

  template <typename Visit>
  void for_each_active(const LinkState& state, Visit&& visit) const {
    if (state.blocking >= 0) visit(blocking_[state.blocking]);
    for (std::size_t c = 0; c < hidden_.size(); ++c) {
      if (state.hidden >> c & 1u) visit(hidden_[c]);
    }
  }

  std::vector<solvers::Transition> transitions() const {
    std::vector<solvers::Transition> all;
    for (int from = 0; from < states(); ++from) {
      const LinkState here = state(from);
      const auto emit = [&](const LinkState& to, double rate) {
        if (rate > 0.0) all.push_back({from, number(to), rate});
      };
      traffic_transitions(here, emit);
      health_transitions(here, emit);
    }
    return all;
  }

  std::string name(int number) const {
    const LinkState here = state(number);
    std::string name;
    for_each_active(here, [&](const LinkClass& traffic) {
      name += (name.empty() ? "" : " + ") + (traffic.group ? to_string(*traffic.group) : "checkpoint");
    });
    if (name.empty()) name = "idle";
    return here.health > 0 ? name + ", link " + health_->states[here.health].name : name;
  }

  const FabricCongestion* fabric() const { return fabric_; }
  int level() const { return level_; }

 private:
  static ClassSet bit(const LinkClass& traffic) { return traffic.group ? 1u << static_cast<int>(*traffic.group) : 0u; }
  int choices() const { return static_cast<int>(blocking_.size()) + 1; }
  int hidden_sets() const { return 1 << hidden_.size(); }
  int healths() const { return health_ ? static_cast<int>(health_->states.size()) : 1; }
  int number(const LinkState& state) const {
    return (state.health * hidden_sets() + static_cast<int>(state.hidden)) * choices() + 1 + state.blocking;
  }

  template <typename Emit>
  void traffic_transitions(const LinkState& here, const Emit& emit) const {
    for (std::size_t c = 0; c < blocking_.size() && here.blocking < 0; ++c)
      emit(LinkState{static_cast<int>(c), here.hidden, here.health}, start_rate(blocking_[c], blocking_busy_s_));
    if (here.blocking >= 0) emit(LinkState{-1, here.hidden, here.health}, end_rate(blocking_[here.blocking], here));
    for (std::size_t c = 0; c < hidden_.size(); ++c) {
      const bool on = here.hidden >> c & 1u;
      emit(LinkState{here.blocking, here.hidden ^ (1u << c), here.health},
           on ? end_rate(hidden_[c], here) : start_rate(hidden_[c], hidden_[c].busy_s));
    }
  }

  template <typename Emit>
  void health_transitions(const LinkState& here, const Emit& emit) const {
    if (!health_) return;
    for (const ComponentTransition& transition : health_->transitions) {
      if (health_->states[here.health].name != transition.from) continue;
      emit(LinkState{here.blocking, here.hidden, index_of(transition.to)}, transition.rate_per_s.value);
    }
  }

  double start_rate(const LinkClass& traffic, double busy_s) const {
    return traffic.transfers_per_step / std::max(step_s_ - busy_s, kLeastOffShare * step_s_);
  }
  double end_rate(const LinkClass& traffic, const LinkState& state) const {
    return share(traffic, state) * traffic.transfers_per_step / traffic.busy_s;
  }
  int index_of(const std::string& name) const {
    for (std::size_t k = 0; k < health_->states.size(); ++k) {
      if (health_->states[k].name == name) return static_cast<int>(k);
    }
    throw NoAnswerError("link health state '" + name + "' is not defined");
  }

  double step_s_;
  const Component* health_;
  const FabricCongestion* fabric_;
  int level_;
  std::vector<LinkClass> blocking_;
  std::vector<LinkClass> hidden_;
  double blocking_busy_s_ = 0.0;
};

/// Shares within rounding of the full rate are the full rate.
constexpr double kFullShare = 1.0 - 1e-12;

/// Expectations over the stationary law, link not down.
struct LinkAverages {
  std::array<double, kCommGroups> on{};
  std::array<double, kCommGroups> served{};
  double busy = 0.0;
  double jammed = 0.0;
  double used = 0.0;
  double up = 0.0;
};

LinkAverages averages(const LinkModel& model, const solvers::Vector& probability) {
  LinkAverages sum;
  for (int i = 0; i < model.states(); ++i) {
    const LinkState state = model.state(i);
    const double p = probability(i);
    if (model.speed(state) <= 0.0) continue;
    sum.up += p;
    if (state.active() == 0) continue;
    if (model.set_of(state) != 0) sum.busy += p;
    double least = 1.0;
    model.for_each_active(state, [&](const LinkClass& traffic) {
      const double share = model.share(traffic, state);
      sum.used += p * share;
      if (!traffic.group) return;
      sum.on[static_cast<int>(*traffic.group)] += p;
      sum.served[static_cast<int>(*traffic.group)] += p * share;
      least = std::min(least, share);
    });
    if (least < kFullShare) sum.jammed += p;
  }
  return sum;
}

UplinkUse uplink_use(const LinkModel& model, int tier, const solvers::Vector& probability) {
  double on = 0.0;
  double slowdown = 0.0;
  double jammed = 0.0;
  for (int i = 0; i < model.states(); ++i) {
    const LinkState state = model.state(i);
    const ClassSet set = model.set_of(state) & model.fabric()->crossing();
    if (set == 0 || model.speed(state) <= 0.0) continue;
    const double factor = model.fabric()->tier_slowdown(tier, set, model.level());
    on += probability(i);
    slowdown += probability(i) * factor;
    if (factor * model.speed(state) * kFullShare > state.active()) jammed += probability(i);
  }
  return on > 0.0 ? UplinkUse{slowdown / on, jammed / on} : UplinkUse{};
}

}  // namespace

NamedLinkChain named_link_chain(const LinkProblem& problem) {
  const LinkModel model(problem);
  std::vector<std::string> names;
  for (int i = 0; i < model.states(); ++i) names.push_back(model.name(i));
  return {std::move(names), solvers::Generator(model.states(), model.transitions())};
}

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
  const solvers::Generator generator(model.states(), model.transitions());
  result.solution = solvers::solve_stationary(generator);
  if (!result.solution.usable()) throw NoAnswerError("chain of link " + problem.name + ": " + result.solution.message);
  result.states = generator.states();
  result.transitions = generator.transitions();
  const LinkAverages sum = averages(model, result.solution.probability);
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
  for (int tier = 0; problem.fabric && tier < problem.fabric->tiers(); ++tier)
    result.uplinks.push_back(uplink_use(model, tier, result.solution.probability));
  return result;
}

}  // namespace windtunnel::modeling
