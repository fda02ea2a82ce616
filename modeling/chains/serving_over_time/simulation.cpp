// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving_over_time/simulation.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <stdexcept>

#include "modeling/chains/serving/engine/batching_engine.h"
#include "modeling/chains/serving/replica/replica_chain.h"
#include "modeling/chains/serving/simulation/samples.h"

namespace windtunnel::modeling {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

/// What is counted in the middle of a window, summed over repetitions.
struct Census {
  double replicas = 0.0;
  double present = 0.0;
  double waiting = 0.0;
};

enum class ReplicaState { kOff, kStarting, kServing, kDraining };

struct Replica {
  ServingEngine engine;
  ReplicaState state = ReplicaState::kServing;
  double ready_s = kNever;
};

/// One repetition.
class EpisodeRun {
 public:
  EpisodeRun(const ServingSystem& system, const LoadEpisode& episode, double warm_up_s, std::uint64_t seed);
  /// Adds what it sees, by window.
  void play(std::vector<Samples>& windows, std::vector<Census>& census);

 private:
  struct Wanted {
    double at_s = 0.0;
    Count replicas = 0;
  };

  const ServingSystem& system_;
  const LoadEpisode& episode_;
  solvers::RandomSource random_;
  double peak_per_s_ = 0.0;
  std::vector<Replica> replicas_;
  /// Nobody serves: they wait here.
  std::deque<LiveRequest> stranded_;
  std::deque<Wanted> wanted_;
  double now_s_ = 0.0, next_arrival_s_ = 0.0, next_look_s_ = kNever;
  /// Measured requests under way.
  Count measured_ = 0;
  std::size_t turn_ = 0;
  std::vector<Samples>* windows_ = nullptr;

  ServingEngine fresh() { return ServingEngine(system_.pool.rules, system_.pool.time, random_); }
  bool is_measured(const LiveRequest& request) const {
    return request.arrival_s >= 0.0 && request.arrival_s < episode_.transient.horizon_s;
  }
  void schedule_arrival();
  void arrive();
  void place(const LiveRequest& request);
  void done(const LiveRequest& request, double now_s);
  Replica* least_present();
  Replica* chosen();
  double next_jump_s() const;
  void jump();
  void lose(Count count);
  void look();
  void start(Count count);
  void stop(Count count);
  Count running() const;
  void count(Census& census) const;
  bool step(double until_s);
};

EpisodeRun::EpisodeRun(const ServingSystem& system, const LoadEpisode& episode, double warm_up_s, std::uint64_t seed)
    : system_(system), episode_(episode), random_(seed), now_s_(-warm_up_s) {
  peak_per_s_ = system.arrivals.rate_per_s * largest_factor(episode.transient);
  for (Count i = 0; i < system.pool.replicas; ++i) replicas_.push_back({.engine = fresh()});
  if (episode.scaling) {
    for (std::size_t i = static_cast<std::size_t>(episode.scaling->min_replicas); i < replicas_.size(); ++i)
      replicas_[i].state = ReplicaState::kOff;
    next_look_s_ = now_s_ + random_.uniform() * episode.scaling->interval_s;
  }
  schedule_arrival();
}

/// Poisson at a rate that changes, by thinning. Lewis, Shedler, Naval Research Logistics Quarterly 26, 1979.
void EpisodeRun::schedule_arrival() {
  next_arrival_s_ = now_s_;
  do {
    next_arrival_s_ += random_.exponential() / peak_per_s_;
  } while (random_.uniform() * peak_per_s_ >=
           system_.arrivals.rate_per_s * arrival_factor(episode_.transient, next_arrival_s_));
}

void EpisodeRun::arrive() {
  double u = system_.classes.size() > 1 ? random_.uniform() : 0.0;
  std::size_t index = 0;
  while (index + 1 < system_.classes.size() && u > system_.classes[index].share) u -= system_.classes[index++].share;
  LiveRequest request{.arrival_s = now_s_,
                      .request_class = static_cast<int>(index),
                      .priority = system_.classes[index].priority,
                      .prompt_tokens = system_.classes[index].prompt.sample(random_),
                      .output_tokens = system_.classes[index].output.sample(random_)};
  if (is_measured(request)) ++measured_;
  place(request);
  schedule_arrival();
}

/// From its beginning, at a replica that serves.
void EpisodeRun::place(const LiveRequest& request) {
  LiveRequest anew = request;
  const Count hit = std::min<Count>(anew.prompt_tokens - 1, std::llround(system_.pool.rules.prefix_cache_hit_ratio *
                                                                         static_cast<double>(anew.prompt_tokens)));
  anew.to_prefill = anew.prompt_tokens - hit;
  anew.cached = static_cast<double>(hit);
  anew.produced = 0;
  Replica* replica = chosen();
  if (!replica) {
    stranded_.push_back(anew);
  } else if (!replica->engine.submit(anew, now_s_) && is_measured(anew)) {
    --measured_;
  }
}

Replica* EpisodeRun::least_present() {
  Replica* best = nullptr;
  // Ties go to any of them.
  int ties = 0;
  for (Replica& replica : replicas_) {
    if (replica.state != ReplicaState::kServing) continue;
    const Count here = replica.engine.present();
    if (best && here > best->engine.present()) continue;
    ties = best && here == best->engine.present() ? ties + 1 : 1;
    if (random_.uniform() * ties < 1.0) best = &replica;
  }
  return best;
}

Replica* EpisodeRun::chosen() {
  if (system_.balancer == LoadBalancer::kShortestQueue) return least_present();
  std::vector<Replica*> serving;
  for (Replica& replica : replicas_)
    if (replica.state == ReplicaState::kServing) serving.push_back(&replica);
  if (serving.empty()) return nullptr;
  if (system_.balancer == LoadBalancer::kRoundRobin) return serving[turn_++ % serving.size()];
  const double at = random_.uniform() * static_cast<double>(serving.size());
  return serving[std::min(serving.size() - 1, static_cast<std::size_t>(at))];
}

void EpisodeRun::done(const LiveRequest& request, double now_s) {
  if (!is_measured(request)) return;
  const double overhead_s = system_.pool.time.request_overhead_s + system_.pool.time.token_overhead_s;
  Sample sample{.request_class = request.request_class,
                .ttft_s = request.first_token_s - request.arrival_s + overhead_s,
                .e2e_s = now_s - request.arrival_s + overhead_s};
  if (request.output_tokens > 1)
    sample.tpot_s = (now_s - request.first_token_s) / static_cast<double>(request.output_tokens - 1);
  const double window = request.arrival_s / episode_.transient.horizon_s * kLoadWindows;
  (*windows_)[std::min(windows_->size() - 1, static_cast<std::size_t>(window))].push_back(sample);
  --measured_;
}

double EpisodeRun::next_jump_s() const {
  const std::optional<ReplicaFailure>& failure = episode_.transient.replica_failure;
  if (!failure) return kNever;
  if (now_s_ < failure->at_s) return failure->at_s;
  return now_s_ < failure->at_s + failure->duration_s ? failure->at_s + failure->duration_s : kNever;
}

void EpisodeRun::jump() {
  const std::optional<ReplicaFailure>& failure = episode_.transient.replica_failure;
  if (now_s_ < failure->at_s + failure->duration_s) return lose(failure->replicas);
  for (Replica& replica : replicas_) replica.state = ReplicaState::kServing;
  std::deque<LiveRequest> stranded;
  stranded.swap(stranded_);
  for (const LiveRequest& request : stranded) place(request);
}

void EpisodeRun::lose(Count count) {
  std::vector<LiveRequest> held;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const std::vector<LiveRequest> here = replicas_[i].engine.held_requests();
    held.insert(held.end(), here.begin(), here.end());
    replicas_[i] = {.engine = fresh(), .state = ReplicaState::kOff};
  }
  for (const LiveRequest& request : held) place(request);
}

Count EpisodeRun::running() const {
  return std::count_if(replicas_.begin(), replicas_.end(), [](const Replica& replica) {
    return replica.state == ReplicaState::kServing || replica.state == ReplicaState::kStarting;
  });
}

void EpisodeRun::look() {
  const Autoscaling& scaling = *episode_.scaling;
  double present = 0.0;
  for (const Replica& replica : replicas_) present += static_cast<double>(replica.engine.present());
  const Count wanted = wanted_replicas(scaling, present, system_.pool.replicas);
  while (!wanted_.empty() && wanted_.front().at_s < now_s_ - scaling.stop_delay_s) wanted_.pop_front();
  wanted_.push_back({now_s_, wanted});
  Count most = wanted;
  for (const Wanted& one : wanted_) most = std::max(most, one.replicas);
  if (wanted > running()) start(wanted - running());
  if (most < running()) stop(running() - most);
  next_look_s_ = now_s_ + scaling.interval_s;
}

void EpisodeRun::start(Count count) {
  // One that still drains serves at once; others take their time.
  for (Replica& replica : replicas_)
    if (count > 0 && replica.state == ReplicaState::kDraining) {
      replica.state = ReplicaState::kServing;
      --count;
    }
  const Duration& time = episode_.scaling->start_time;
  for (Replica& replica : replicas_)
    if (count > 0 && replica.state == ReplicaState::kOff) {
      const double ratio = time.scv > 0.0 ? time.scv * random_.gamma(1.0 / time.scv) : 1.0;
      replica.state = ReplicaState::kStarting;
      replica.ready_s = now_s_ + ratio * time.mean_s;
      --count;
    }
}

void EpisodeRun::stop(Count count) {
  for (Replica& replica : replicas_)
    if (count > 0 && replica.state == ReplicaState::kStarting) {
      replica.state = ReplicaState::kOff;
      replica.ready_s = kNever;
      --count;
    }
  for (; count > 0; --count)
    if (Replica* least = least_present())
      least->state = least->engine.is_busy() ? ReplicaState::kDraining : ReplicaState::kOff;
}

void EpisodeRun::count(Census& census) const {
  for (const Replica& replica : replicas_) {
    census.replicas += replica.state == ReplicaState::kServing ? 1.0 : 0.0;
    census.present += static_cast<double>(replica.engine.present());
    census.waiting += static_cast<double>(replica.engine.waiting());
  }
  census.present += static_cast<double>(stranded_.size());
  census.waiting += static_cast<double>(stranded_.size());
}

/// The next event up to `until_s`. False: there is none.
bool EpisodeRun::step(double until_s) {
  double at_s = std::min({next_arrival_s_, next_look_s_, next_jump_s()});
  Replica* next = nullptr;
  for (Replica& replica : replicas_) {
    const double boundary_s = std::min(replica.engine.boundary_s(), replica.ready_s);
    // At a boundary, what arrived up to it is in the queue.
    if (boundary_s >= at_s) continue;
    at_s = boundary_s;
    next = &replica;
  }
  if (at_s > until_s) return false;
  const bool is_jump = !next && at_s == next_jump_s();
  now_s_ = at_s;
  if (is_jump) {
    jump();
  } else if (!next && at_s == next_look_s_) {
    look();
  } else if (!next) {
    arrive();
  } else if (next->ready_s == at_s) {
    next->ready_s = kNever;
    next->state = ReplicaState::kServing;
  } else {
    next->engine.advance([&](const LiveRequest& request, double now_s) { done(request, now_s); });
    if (next->state == ReplicaState::kDraining && !next->engine.is_busy()) next->state = ReplicaState::kOff;
  }
  return true;
}

void EpisodeRun::play(std::vector<Samples>& windows, std::vector<Census>& census) {
  windows_ = &windows;
  const double window_s = episode_.transient.horizon_s / kLoadWindows;
  for (std::size_t i = 0; i < census.size(); ++i) {
    while (step((static_cast<double>(i) + 0.5) * window_s)) {
    }
    count(census[i]);
  }
  while (step(episode_.transient.horizon_s)) {
  }
  // The load goes on until the last of them is answered.
  while (measured_ > 0 && step(kNever)) {
  }
}

/// Repetitions until so many requests are expected.
Count repetitions(const ServingSystem& system, const Transient& transient, Count requests) {
  const double window_s = transient.horizon_s / kLoadWindows;
  double expected = 0.0;
  for (int i = 0; i < kLoadWindows; ++i)
    expected += window_s * system.arrivals.rate_per_s * arrival_factor(transient, (i + 0.5) * window_s);
  return static_cast<Count>(std::max(1.0, std::ceil(static_cast<double>(requests) / std::max(1.0, expected))));
}

/// Of one window, whose middle the census counted.
LoadPoint point_of(const ServingSystem& system, const Samples& samples, const Census& census, double repeats,
                   const RequestLimits& limits) {
  LoadPoint point{.replicas = census.replicas / repeats,
                  .present = census.present / repeats,
                  .waiting = census.waiting / repeats,
                  .classes = {answer_of(samples, -1, limits)}};
  for (std::size_t c = 0; system.classes.size() > 1 && c < system.classes.size(); ++c) {
    point.classes.push_back(answer_of(samples, static_cast<int>(c), limits));
    point.classes.back().name = system.classes[c].name;
  }
  return point;
}

}  // namespace

LoadAnswer simulate_load(const ServingSystem& system, const LoadEpisode& episode, const RequestLimits& limits,
                         const SimulationOptions& options) {
  if (system.prefill || system.arrivals.kind != ArrivalLaw::Kind::kOpen || system.arrivals.scv != 1.0 ||
      system.arrivals.bursts)
    throw std::invalid_argument("a load over time needs an aggregated system and Poisson arrivals");
  const Count runs = repetitions(system, episode.transient, options.requests);
  const EngineModel engine = engine_of(system.pool, system.classes);
  const double request_s = full_engine(engine, engine.slots()).iteration_s * (engine.work().decode_iterations + 1.0);
  std::vector<Samples> windows(kLoadWindows);
  std::vector<Census> census(kLoadWindows);
  for (Count i = 0; i < runs; ++i)
    EpisodeRun(system, episode, settling_time_s(episode, request_s), options.seed + static_cast<std::uint64_t>(i))
        .play(windows, census);
  LoadAnswer answer;
  long long requests = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const double time_s = (static_cast<double>(i) + 0.5) * episode.transient.horizon_s / kLoadWindows;
    answer.points.push_back(point_of(system, windows[i], census[i], static_cast<double>(runs), limits));
    answer.points.back().time_s = time_s;
    answer.points.back().arrival_per_s = system.arrivals.rate_per_s * arrival_factor(episode.transient, time_s);
    requests += static_cast<long long>(windows[i].size());
  }
  answer.chains.push_back({.name = "load",
                           .purpose = "event simulation of the episode, request by request",
                           .states = requests,
                           .method_requested = "simulation",
                           .method_used = "event simulation",
                           .iterations = runs});
  return answer;
}

}  // namespace windtunnel::modeling
