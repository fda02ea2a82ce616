// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving_over_time/latencies.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/chains/serving/loops/open_loop.h"
#include "modeling/chains/serving/replica/cycle_noise.h"
#include "modeling/chains/serving/replica/first_token.h"
#include "modeling/chains/serving/replica/request_latency.h"
#include "modeling/chains/serving_over_time/requests_present.h"

namespace windtunnel::modeling {

namespace {

/// Loads of one replica beyond which its prompts would never be computed are those of a full one.
constexpr double kMostPrefillShare = 0.9;

/// The slots of one replica as a law whose last entry is "all held".
SlotPopulation population_of(const std::vector<double>& law) {
  SlotPopulation population{.law = law, .wait_probability = law.back()};
  set_moments(population);
  return population;
}

std::vector<double> mixed(const std::vector<double>& a, const std::vector<double>& b, double share_of_b) {
  std::vector<double> law(a.size());
  for (std::size_t n = 0; n < law.size(); ++n) law[n] = (1.0 - share_of_b) * a[n] + share_of_b * b[n];
  return law;
}

class LoadFollower {
 public:
  LoadFollower(const ServingSystem& system, const RequestLimits& limits, double resolution)
      : system_(system), limits_(limits), engine_(engine_of(system.pool, system.classes)) {
    engine_.resolve(resolution);
    ReplicaArrivals arrivals{system.arrivals.rate_per_s / static_cast<double>(system.pool.replicas), 1.0};
    arrivals.rate_per_s = std::min(arrivals.rate_per_s, 0.9 * saturated_requests_per_s(engine_));
    solved_ = solve_engine(engine_, system.classes, arrivals);
    const double computed = 1.0 - engine_.rules().prefix_cache_hit_ratio;
    for (const RequestClass& one : system.classes)
      own_.push_back(class_quanta(one, computed, solved_.quanta.quantum_tokens, resolution));
  }

  ReplicaPace pace() const {
    const double slots = static_cast<double>(solved_.rates.completion_per_s.size() - 1);
    return {.rates = solved_.rates,
            .prompt_s =
                engine_.is_chunked() ? marginal_prompt_s(engine_, solved_.population.mean_slots) : solved_.prefill_s,
            .request_s = request_s(slots),
            .restarted_ratio = 0.5 * (1.0 + engine_.work().decode_scv)};
  }

  /// Seconds of a request on a replica that holds so many.
  double request_s(double held) const {
    const auto at = static_cast<std::size_t>(
        std::clamp(std::round(held), 1.0, static_cast<double>(solved_.rates.iteration_s.size() - 1)));
    return solved_.rates.iteration_s[at] * (engine_.work().decode_iterations + 1.0);
  }

  std::vector<ClassAnswer> answers(const LoadView& found, const std::vector<double>& held_later) const {
    SolvedEngine then = solved_;
    then.population = population_of(held_later);
    const ReplicaArrivals arrivals{prompts_per_s(found, then.population), 1.0};
    return request_answers(engine_, system_.classes, first_tokens(found), noise(then, arrivals), limits_);
  }

 private:
  /// Prompts that one replica starts per second: those that come, or those for which slots are freed.
  double prompts_per_s(const LoadView& found, const SlotPopulation& population) const {
    const double full = population.law.back(), freed = solved_.rates.completion_per_s.back();
    const double most = kMostPrefillShare / std::max(1e-12, marginal_prompt_s(engine_, population.mean_slots));
    return std::min(most, (1.0 - full) * found.arrival_per_replica_s + full * freed);
  }

  std::vector<LatencyLaw> first_tokens(const LoadView& found) const {
    std::vector<LatencyLaw> laws(system_.classes.size(), LatencyLaw(engine_.resolution()));
    const SlotPopulation population = population_of(found.slots_found);
    const double rate_per_s = prompts_per_s(found, population);
    const double k = engine_.work().decode_iterations;
    for (const LatencyLaw::Atom& node : state_nodes(engine_, population)) {
      const double decoding = engine_.is_chunked() ? node.value_s * k / (k + 1.0) : node.value_s;
      const PrefillBacklog backlog = solve_prefill_backlog(engine_, solved_.quanta, {rate_per_s, 1.0}, decoding);
      for (std::size_t i = 0; i < laws.size(); ++i) add_first_token(engine_, backlog, own_[i], node.weight, laws[i]);
    }
    for (std::size_t i = 0; i < laws.size(); ++i) {
      add_idle_first_token(engine_, own_[i], population.law.front(), laws[i]);
      for (const LatencyLaw::Atom& wait : found.waits)
        add_after_slot(engine_, own_[i], wait.value_s, wait.weight, laws[i]);
    }
    return laws;
  }

  std::vector<GapNoise> noise(const SolvedEngine& then, const ReplicaArrivals& arrivals) const {
    // As a decoding sequence sees it: a replica with n of them is met n times as often.
    MeanCycle mean;
    double weight = 0.0;
    for (std::size_t n = 1; n < then.population.law.size(); ++n) {
      const double decoding = then.population.law[n] * (static_cast<double>(n) - then.rates.in_prefill[n]);
      mean.decoding += decoding;
      mean.cycle_s += then.population.law[n] * static_cast<double>(n) * then.rates.iteration_s[n];
      weight += then.population.law[n] * static_cast<double>(n);
    }
    // Nobody there: it decodes alone.
    if (weight < 1e-6) mean = {1.0, then.rates.iteration_s[1]};
    if (weight >= 1e-6) mean.cycle_s /= weight;
    mean.decoding = std::max(mean.decoding, 1e-3);
    return open_noise(engine_, system_.classes, arrivals, then, mean);
  }

  const ServingSystem& system_;
  RequestLimits limits_;
  EngineModel engine_;
  SolvedEngine solved_;
  std::vector<PromptQuanta> own_;
};

/// Slots held at a time between the views.
std::vector<double> held_at(const std::vector<LoadView>& views, double time_s) {
  const auto after =
      std::find_if(views.begin(), views.end(), [&](const LoadView& view) { return view.time_s > time_s; });
  if (after == views.begin()) return views.front().slots_held;
  if (after == views.end()) return views.back().slots_held;
  const LoadView& before = *(after - 1);
  return mixed(before.slots_held, after->slots_held, (time_s - before.time_s) / (after->time_s - before.time_s));
}

double mean_wait_s(const LoadView& view) {
  double mean = 0.0;
  for (const LatencyLaw::Atom& atom : view.waits) mean += atom.weight * atom.value_s;
  return mean;
}

}  // namespace

std::string not_covered_over_time(const ServingSystem& system, const LoadEpisode& episode) {
  if (has_priorities(system.classes)) return "priorities over time";
  if (system.balancer == LoadBalancer::kRoundRobin && system.pool.replicas > 1) return "taking turns over time";
  if (system.balancer == LoadBalancer::kRandom && episode.scaling && system.pool.replicas > 1)
    return "an autoscaler behind random placement";
  if (episode.scaling && episode.transient.burst)
    return "a burst beside an autoscaler, whose replicas at that moment are random,";
  return "";
}

namespace {

/// What docs/serving_over_time.md does not hold for: where the chains of the long run are stretched, and where prompts
/// take so much of the time that the load at its height is not one of them.
std::vector<std::string> weak_points(const ServingSystem& system, const LoadEpisode& episode, double prompt_s,
                                     const RequestLimits& limits) {
  constexpr double kMostPeakShare = 0.5;
  std::vector<std::string> warnings;
  ServingSystem random = system;
  random.balancer = LoadBalancer::kRandom;
  const ServingAnswer at_rest = solve_open_loop(random, limits, 1.0);
  if (!at_rest.out_of_range.empty())
    warnings.push_back("transient.*: at arrival_rate outside the checked range of the chains (" + at_rest.out_of_range +
                       ")");
  warnings.insert(warnings.end(), at_rest.warnings.begin(), at_rest.warnings.end());
  const double peak_per_s = system.arrivals.rate_per_s * largest_factor(episode.transient);
  const double share = peak_per_s / static_cast<double>(system.pool.replicas) * prompt_s;
  if (share > kMostPeakShare)
    warnings.push_back(fmt::format(
        "transient.*: at the height of the load prompts take {:.0f} % of the time: while a queue builds up ttft_p99_s "
        "may be several times too low",
        100.0 * share));
  if (episode.transient.replica_failure)
    warnings.push_back(
        "transient.*: percentiles leave out that lost requests are interrupted and prefilled again, see "
        "docs/serving_over_time.md");
  return warnings;
}

}  // namespace

LoadAnswer follow_load(const ServingSystem& system, const LoadEpisode& episode, const RequestLimits& limits) {
  const LoadFollower follower(system, limits, 1.0);
  const ReplicaPace pace = follower.pace();
  LoadPath path(system, episode, pace);
  const double window_s = episode.transient.horizon_s / kLoadWindows;
  std::vector<LoadView> views;
  for (int i = 0; i < kLoadWindows; ++i) {
    path.advance_to((i + 0.5) * window_s);
    views.push_back(path.view());
  }
  LoadAnswer answer{.chains = {path.record()}, .warnings = weak_points(system, episode, pace.prompt_s, limits)};
  for (const LoadView& view : views) {
    const SlotPopulation held = population_of(view.slots_held);
    const double later_s = mean_wait_s(view) + 0.5 * follower.request_s(held.mean_slots);
    answer.points.push_back({.time_s = view.time_s,
                             .arrival_per_s = view.arrival_per_s,
                             .replicas = view.replicas,
                             .present = view.present,
                             .waiting = view.waiting,
                             .classes = follower.answers(view, held_at(views, view.time_s + later_s))});
  }
  return answer;
}

LoadAtRest load_at_rest(const ServingSystem& system, const RequestLimits& limits, double resolution) {
  const LoadFollower follower(system, limits, resolution);
  const ReplicaPace pace = follower.pace();
  const LoadPath path(system, {.transient = {.horizon_s = pace.request_s}}, pace);
  const LoadView view = path.view();
  LoadAtRest rest{.idle_ratio = view.slots_held.front(), .chain = path.record()};
  for (std::size_t n = 0; n < view.slots_held.size(); ++n)
    rest.decoding += view.slots_held[n] * (static_cast<double>(n) - pace.rates.in_prefill[n]);
  rest.point = {.time_s = 0.0,
                .arrival_per_s = view.arrival_per_s,
                .replicas = view.replicas,
                .present = view.present,
                .waiting = view.waiting,
                .classes = follower.answers(view, view.slots_held)};
  return rest;
}

}  // namespace windtunnel::modeling
