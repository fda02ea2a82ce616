// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/health/job_chain.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

constexpr solvers::Index kMostDrawnStates = 40;

using solvers::Index;

/// Of a stage that failures never let end; above 0, so that the chain stays one class.
constexpr double kSlowest_per_s = 1e-250;

enum class Phase { kProductive, kCheckpoint, kLost, kRecovery, kResize, kMaintenance, kWaiting };

struct JobState {
  std::size_t level = 0;
  Phase phase = Phase::kProductive;
  /// In recovery.
  std::size_t route = 0;
  int stage = 0;
  auto operator<=>(const JobState&) const = default;
};

/// Probabilities of next states.
using Choices = std::vector<std::pair<JobState, double>>;

class JobChainBuilder {
 public:
  explicit JobChainBuilder(const JobChainProblem& problem) : problem_(problem) { number(first_state()); }

  solvers::Generator build() {
    for (std::size_t k = 0; k < states_.size(); ++k) leave(states_[k]);
    return solvers::Generator(static_cast<Index>(states_.size()), transitions_);
  }
  const std::vector<JobState>& states() const { return states_; }

 private:
  const JobLevel& level(const JobState& state) const { return problem_.levels[state.level]; }

  JobState first_state() const {
    return problem_.levels.front().runs ? work(0).front().first : JobState{.level = 0, .phase = Phase::kWaiting};
  }

  /// The parts of the time between two stops, in their shares.
  Choices work(std::size_t level) const {
    const UpShares& up = problem_.levels[level].up;
    Choices choices;
    const auto add = [&](Phase phase, double share) {
      if (share > 0.0) choices.push_back({{.level = level, .phase = phase}, share});
    };
    add(Phase::kProductive, up.productive_ratio);
    add(Phase::kCheckpoint, up.checkpoint_ratio);
    add(Phase::kLost, up.lost_ratio);
    return choices;
  }

  /// The first stage of a route from `stage` on that takes time, or work.
  Choices next_stage(std::size_t level, std::size_t route, int stage) const {
    for (; stage < kRecoveryStages; ++stage) {
      if (problem_.routes[route].stages[stage].mean_s > 0.0)
        return {{{.level = level, .phase = Phase::kRecovery, .route = route, .stage = stage}, 1.0}};
    }
    return work(level);
  }

  Choices recovery(std::size_t level) const {
    if (!problem_.levels[level].runs) return {{{.level = level, .phase = Phase::kWaiting}, 1.0}};
    Choices choices;
    for (std::size_t route = 0; route < problem_.routes.size(); ++route) {
      for (const auto& [state, probability] : next_stage(level, route, 0))
        choices.push_back({state, problem_.routes[route].share * probability});
    }
    return choices;
  }

  void move(const JobState& from, const JobState& to, double rate) {
    if (rate > 0.0 && !(from == to)) transitions_.push_back({number(from), number(to), rate});
  }

  void move(const JobState& from, const Choices& choices, double rate) {
    for (const auto& [to, probability] : choices) move(from, to, rate * probability);
  }

  /// A stop: some also take the job to a level with fewer nodes, the others leave it where it is.
  void stop(const JobState& from, double rate) {
    const double failures = level(from).failure_per_s;
    double kept = 1.0;
    for (const LevelMove& fall : problem_.moves) {
      if (fall.from != from.level || fall.to < fall.from || failures == 0.0) continue;
      const double probability = std::min(kept, fall.rate_per_s / failures);
      move(from, recovery(fall.to), rate * probability);
      kept -= probability;
    }
    move(from, recovery(from.level), rate * kept);
  }

  /// Nodes come back. A waiting job restarts, a running one takes the replicas in, a recovering one goes on recovering.
  void rise(const JobState& from) {
    for (const LevelMove& rise : problem_.moves) {
      if (rise.from != from.level || rise.to > rise.from) continue;
      JobState to = from;
      to.level = rise.to;
      if (from.phase == Phase::kWaiting) {
        move(from, recovery(rise.to), rise.rate_per_s);
      } else if (from.phase == Phase::kRecovery || from.phase == Phase::kMaintenance) {
        move(from, to, rise.rate_per_s);
      } else {
        const Choices resizing = {{{.level = rise.to, .phase = Phase::kResize}, 1.0}};
        move(from, problem_.resize_s > 0.0 ? resizing : work(rise.to), rise.rate_per_s);
      }
    }
  }

  /// Where nothing stops the job, nodes fall away all the same.
  void fall_without_stops(const JobState& from) {
    for (const LevelMove& fall : problem_.moves) {
      if (fall.from == from.level && fall.to > fall.from) move(from, recovery(fall.to), fall.rate_per_s);
    }
  }

  /// Work, checkpoints and work that will be lost take turns at a pace at which each returns as often as the others, so
  /// their shares stay what they were at the start. A stop may end any of them.
  void work_on(const JobState& state) {
    const Choices parts = work(state.level);
    const auto here = std::find_if(parts.begin(), parts.end(), [&](const auto& part) { return part.first == state; });
    const auto next = here + 1 == parts.end() ? parts.begin() : here + 1;
    move(state, next->first, problem_.turns_per_s / here->second);
    if (level(state).failure_per_s > 0.0)
      stop(state, level(state).failure_per_s);
    else
      fall_without_stops(state);
    if (problem_.maintenance_per_s > 0.0)
      move(state, {.level = state.level, .phase = Phase::kMaintenance}, problem_.maintenance_per_s);
    rise(state);
  }

  void recover(const JobState& state) {
    const Duration& stage = problem_.routes[state.route].stages[state.stage];
    const double failures = problem_.strikes_in_recovery ? level(state).failure_per_s : 0.0;
    const double complement = laplace_complement(stage, failures);
    const double end =
        complement > 0.0 ? failures * laplace_transform(stage, failures) / complement : 1.0 / stage.mean_s;
    move(state, next_stage(state.level, state.route, state.stage + 1), std::max(end, kSlowest_per_s));
    if (failures > 0.0)
      stop(state, failures);
    else
      fall_without_stops(state);
    rise(state);
  }

  void leave(const JobState state) {  // a copy: states_ grows
    if (state.phase == Phase::kRecovery) return recover(state);
    if (state.phase == Phase::kWaiting) return rise(state);
    if (state.phase != Phase::kResize && state.phase != Phase::kMaintenance) return work_on(state);
    const double duration_s = state.phase == Phase::kResize ? problem_.resize_s : problem_.maintenance_s;
    move(state, work(state.level), 1.0 / duration_s);
    fall_without_stops(state);
    rise(state);
  }

  Index number(const JobState& state) {
    const auto [place, is_new] = numbers_.try_emplace(state, static_cast<Index>(states_.size()));
    if (is_new) states_.push_back(state);
    return place->second;
  }

  const JobChainProblem& problem_;
  std::map<JobState, Index> numbers_;
  std::vector<JobState> states_;
  std::vector<solvers::Transition> transitions_;
};

std::string phase_name(const JobState& state, const std::vector<RecoveryRoute>& routes) {
  static const std::array<std::string, kRecoveryStages> stages = {"detect", "localize", "restart"};
  switch (state.phase) {
    case Phase::kProductive:
      return "productive";
    case Phase::kCheckpoint:
      return "checkpoint";
    case Phase::kLost:
      return "rework";
    case Phase::kRecovery:
      return stages[static_cast<std::size_t>(state.stage)] +
             (routes.size() > 1 ? ", " + routes[state.route].name : std::string());
    case Phase::kResize:
      return "resize";
    case Phase::kMaintenance:
      return "maintenance";
    case Phase::kWaiting:
      return "waiting for nodes";
  }
  return "";
}

void add_share(const JobState& state, double probability, const JobLevel& level, JobChain& chain) {
  const std::array<double*, kRecoveryStages> stages = {&chain.detect_ratio, &chain.localize_ratio,
                                                       &chain.restart_ratio};
  switch (state.phase) {
    case Phase::kProductive:
      chain.productive_ratio += probability;
      chain.work_ratio += probability * level.speed_ratio;
      break;
    case Phase::kCheckpoint:
      chain.checkpoint_ratio += probability;
      break;
    case Phase::kLost:
      chain.lost_ratio += probability;
      break;
    case Phase::kRecovery:
      *stages[static_cast<std::size_t>(state.stage)] += probability;
      break;
    case Phase::kResize:
      chain.resize_ratio += probability;
      break;
    case Phase::kMaintenance:
      chain.maintenance_ratio += probability;
      break;
    case Phase::kWaiting:
      chain.waiting_ratio += probability;
      break;
  }
}

}  // namespace

JobChain solve_job_chain(const JobChainProblem& problem) {
  JobChainBuilder builder(problem);
  const solvers::Generator generator = builder.build();
  JobChain chain;
  chain.solution = solvers::solve_stationary(generator);
  chain.states = generator.states();
  for (solvers::Index from = 0; from < generator.states() && generator.states() <= kMostDrawnStates; ++from) {
    for (const auto [to, rate] : generator.outgoing().row(from)) chain.drawn.push_back({from, to, rate});
  }
  chain.transitions = generator.transitions();
  if (!chain.solution.usable()) throw NoAnswerError("chain of the job: " + chain.solution.message);
  for (std::size_t k = 0; k < builder.states().size(); ++k) {
    const JobState& state = builder.states()[k];
    const JobLevel& level = problem.levels[state.level];
    const double probability = chain.solution.probability(static_cast<Index>(k));
    add_share(state, probability, level, chain);
    const bool struck = level.runs && (problem.strikes_in_recovery || state.phase <= Phase::kLost) &&
                        state.phase != Phase::kResize && state.phase != Phase::kMaintenance;
    chain.stops_per_s += struck ? probability * level.failure_per_s : 0.0;
    const std::string prefix = problem.levels.size() > 1 && level.runs && !level.name.empty() ? level.name + ": " : "";
    chain.state_names.push_back(prefix + phase_name(state, problem.routes));
  }
  return chain;
}

}  // namespace windtunnel::modeling
