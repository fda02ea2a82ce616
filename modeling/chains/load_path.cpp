// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/load_path.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace windtunnel::modeling {

namespace {

using solvers::Index;
using solvers::Matrix;
using solvers::PopulationPath;

constexpr double kNegligible = 1e-10;
/// Probability that a step of the chain may misplace.
constexpr double kTolerance = 1e-4;
/// Cells of the lattice of requests present: their number per e-fold, without and with modes.
constexpr double kFineCells = 256.0;
constexpr double kCoarseCells = 64.0;
/// Start times of at least this scv are random; the most states of a chain with their modes.
constexpr double kRandomStart = 0.5;
constexpr std::size_t kMostStates = 20'000;
/// Cells of the time that a number of departures takes: probability, and the normal quantile of the middle.
struct WaitCell {
  double weight = 0.0;
  double normal = 0.0;
};
constexpr std::array<WaitCell, 8> kWaitCells = {{{0.2, -1.28155},
                                                 {0.2, -0.52440},
                                                 {0.2, 0.0},
                                                 {0.2, 0.52440},
                                                 {0.1, 1.03643},
                                                 {0.07, 1.51410},
                                                 {0.025, 2.10836},
                                                 {0.005, 2.80703}}};
constexpr int kWaitAtoms = 40;

/// Quantile of a gamma variable of shape k and scale 1. Wilson, Hilferty, Proceedings of the National Academy of
/// Sciences 17, 1931.
double gamma_quantile(double k, double normal) {
  const double root = 1.0 - 1.0 / (9.0 * k) + normal / (3.0 * std::sqrt(k));
  return k * std::pow(std::max(0.0, root), 3.0);
}

/// Most requests that can be present: all slots, and what comes beyond the least that is served meanwhile.
double most_present(const ServingSystem& system, const LoadEpisode& episode, const SlotRates& rates) {
  const Transient& transient = episode.transient;
  const double slots = static_cast<double>(rates.completion_per_s.size() - 1), each = rates.completion_per_s.back();
  const double all = slots * static_cast<double>(system.pool.replicas);
  constexpr int kSteps = 4000;
  const double step_s = transient.horizon_s / kSteps;
  double backlog = 0.0, largest = 0.0;
  for (int i = -kSteps; i < kSteps; ++i) {
    const double time_s = (i + 0.5) * step_s;
    const Count serving =
        episode.scaling ? episode.scaling->min_replicas : replicas_up(transient, system.pool.replicas, time_s);
    const double arrival = system.arrivals.rate_per_s * arrival_factor(transient, time_s);
    backlog = std::max(0.0, backlog + step_s * (arrival - 0.95 * each * static_cast<double>(serving)));
    largest = std::max(largest, backlog);
  }
  return 2.0 * all + 1.2 * largest + 10.0 * std::sqrt(all + largest) + 100.0;
}

void add_count(double count, double weight, std::vector<double>& law) {
  const double top = static_cast<double>(law.size() - 1), at = std::min(count, top), low = std::floor(at);
  const auto index = static_cast<std::size_t>(low);
  law[index] += weight * (1.0 - (at - low));
  if (index + 1 < law.size()) law[index + 1] += weight * (at - low);
}

struct Population {
  double mean = 0.0;
  double std = 0.0;
};

Population population_of(const PopulationPath& path) {
  Population all;
  double square = 0.0;
  for (Index i = 0; i < path.law().rows(); ++i) {
    const double present = path.population().population[static_cast<std::size_t>(i)];
    const double weight = path.law().row(i).sum();
    all.mean += present * weight;
    square += present * present * weight;
  }
  all.std = std::sqrt(std::max(0.0, square - all.mean * all.mean));
  return all;
}

}  // namespace

LoadPath::LoadPath(const ServingSystem& system, const LoadEpisode& episode, const ReplicaPace& pace)
    : episode_(episode),
      pace_(pace),
      slots_(static_cast<double>(pace.rates.completion_per_s.size() - 1)),
      replicas_(system.pool.replicas),
      rate_per_s_(system.arrivals.rate_per_s),
      is_pooled_(system.balancer == LoadBalancer::kShortestQueue || system.pool.replicas == 1),
      modes_({{.serving = system.pool.replicas}}),
      jumps_s_(jump_times_s(episode.transient)) {
  const double most = most_present(system, episode, pace.rates);
  present_ = solvers::population_lattice(most, kFineCells);
  // Long enough to forget where it started; before 0 nothing is lost.
  const double scaling_s = episode.scaling ? episode.scaling->start_time.mean_s + episode.scaling->stop_delay_s : 0.0;
  const double before_s = 30.0 * pace.request_s + 10.0 * scaling_s;
  time_s_ = -before_s;
  solvers::ModulatedPopulation population;
  if (episode.scaling && episode.scaling->start_time.scv >= kRandomStart) {
    std::vector<double> coarse = solvers::population_lattice(most, kCoarseCells);
    std::vector<ReplicaMode> modes = replica_modes(replicas_, *episode.scaling);
    if (coarse.size() * modes.size() <= kMostStates) {
      present_ = std::move(coarse);
      modes_ = std::move(modes);
      population.changes = mode_changes(modes_, *episode.scaling, replicas_, present_);
    }
  }
  if (episode.scaling && population.changes.empty())
    schedule_.emplace(*episode.scaling, replicas_, time_s_, pace.request_s);
  population.population = present_;
  Completions completed = completions_at(time_s_);
  population.departures_per_s = std::move(completed.per_s);
  population.prevented_per_arrival = std::move(completed.prevented_per_arrival);
  Matrix law = Matrix::Zero(population.levels(), population.modes());
  law(0, 0) = 1.0;
  stations_.push_back({PopulationPath(std::move(population), std::move(law), time_s_, kTolerance), 1.0});
  advance_to(0.0);
  if (!(episode.transient.replica_failure && episode.transient.replica_failure->at_s == 0.0)) return;
  lose_replicas(0.0);
}

double LoadPath::arrival_per_s(double time_s) const {
  return rate_per_s_ * arrival_factor(episode_.transient, time_s);
}

double LoadPath::station_arrival_per_s(double time_s) const {
  // With nobody left to serve they wait where they will be served.
  const Count serving = up(time_s) > 0 ? up(time_s) : replicas_;
  return is_pooled_ ? arrival_per_s(time_s) : arrival_per_s(time_s) / static_cast<double>(serving);
}

double LoadPath::replicas_within(const ReplicaMode& mode, double time_s) const {
  if (schedule_) return static_cast<double>(schedule_->serving());
  if (episode_.scaling) return static_cast<double>(mode.serving);
  if (is_pooled_) return static_cast<double>(up(time_s));
  return up(time_s) > 0 ? 1.0 : 0.0;
}

Completions LoadPath::completions_at(double time_s) const {
  if (modes_.size() > 1) return completions(pace_.rates, pace_.prompt_s, modes_, present_);
  const auto serving = static_cast<Count>(replicas_within(modes_.front(), time_s));
  return completions(pace_.rates, pace_.prompt_s, {{.serving = serving}}, present_);
}

void LoadPath::set_completions(double time_s) {
  const Completions completed = completions_at(time_s);
  for (Station& station : stations_) station.path.set_departures(completed.per_s, completed.prevented_per_arrival);
}

double LoadPath::next_event_s() const {
  const auto jump = std::upper_bound(jumps_s_.begin(), jumps_s_.end(), time_s_);
  const double jump_s = jump == jumps_s_.end() ? kNoLimit : *jump;
  return schedule_ ? std::min(jump_s, schedule_->next_event_s()) : jump_s;
}

void LoadPath::advance_to(double time_s) {
  while (time_s_ < time_s) {
    const double event_s = next_event_s(), until_s = std::min(event_s, time_s);
    // Rates are those of the stretch, not of the jump at its end.
    const auto arrivals = [&](double at_s) { return station_arrival_per_s(std::min(at_s, until_s - 1e-9)); };
    for (Station& station : stations_) station.path.advance_to(until_s, arrivals);
    time_s_ = until_s;
    if (until_s == event_s) pass_event();
  }
}

void LoadPath::pass_event() {
  if (!schedule_ || schedule_->next_event_s() > time_s_) return jump(time_s_);
  const Count before = schedule_->serving();
  const Population present = population_of(stations_.front().path);
  schedule_->pass_event(present.mean, present.std);
  if (schedule_->serving() != before) set_completions(time_s_);
}

void LoadPath::jump(double time_s) {
  const std::optional<ReplicaFailure>& failure = episode_.transient.replica_failure;
  if (!failure) return;
  if (time_s == failure->at_s) lose_replicas(time_s);
  if (time_s != failure->at_s + failure->duration_s) return;
  set_completions(time_s);
  if (is_pooled_ || failure->replicas == replicas_) return;
  const double back = static_cast<double>(failure->replicas) / static_cast<double>(replicas_);
  solvers::ModulatedPopulation population = stations_.front().path.population();
  Matrix empty = Matrix::Zero(population.levels(), 1);
  empty(0, 0) = 1.0;
  stations_.front().share = 1.0 - back;
  stations_.push_back({PopulationPath(std::move(population), std::move(empty), time_s), back});
}

/// What the lost replicas held comes to the others, to each a Poisson number, and is work done twice [A: as that many
/// more requests].
void LoadPath::lose_replicas(double time_s) {
  PopulationPath& path = stations_.front().path;
  const Count left = up(time_s), lost = replicas_ - left;
  const double each = population_of(path).mean / (is_pooled_ ? static_cast<double>(replicas_) : 1.0);
  const double held = each * static_cast<double>(lost) / (is_pooled_ || left == 0 ? 1.0 : static_cast<double>(left));
  solvers::ModulatedPopulation nobody_leaves = path.population();
  nobody_leaves.departures_per_s.setZero();
  PopulationPath arriving(std::move(nobody_leaves), path.law());
  const double more = held * (pace_.restarted_ratio + (is_pooled_ || left == 0 ? 0.0 : 1.0));
  arriving.advance_to(1.0, [&](double) { return more; });
  path.set_law(arriving.law());
  set_completions(time_s);
}

/// Seconds until the chain completes so many, all slots held, when the replicas change as told.
double LoadPath::wait_for(double departures, double serving,
                          const std::vector<std::pair<double, double>>& to_come) const {
  const double each = pace_.rates.completion_per_s.back();
  double at_s = 0.0;
  for (const auto& [come_s, now_serving] : to_come) {
    if (departures <= each * serving * (come_s - at_s)) break;
    departures -= each * serving * (come_s - at_s);
    at_s = come_s;
    serving = now_serving;
  }
  return at_s + departures / (each * serving);
}

/// From now on: when, and how many serve then. [A] Of an autoscaler the replicas that start or are wanted now, at their
/// mean times; later decisions are not foreseen.
std::vector<std::pair<double, double>> LoadPath::replicas_to_come(const ReplicaMode& mode, double present) const {
  if (schedule_) return schedule_->to_come(time_s_, present);
  std::vector<std::pair<double, double>> more;
  if (modes_.size() == 1) {
    const auto next = std::upper_bound(jumps_s_.begin(), jumps_s_.end(), time_s_);
    for (auto jump = next; jump != jumps_s_.end(); ++jump)
      more.emplace_back(*jump - time_s_, replicas_within(mode, *jump));
    return more;
  }
  const Autoscaling& scaling = *episode_.scaling;
  const double start_s = scaling.start_time.mean_s, phases = start_phases(scaling.start_time);
  const Count all = mode.serving + mode.starting, wanted = wanted_replicas(scaling, present, replicas_);
  if (mode.starting > 0) more.emplace_back(start_s * (phases - mode.phase) / phases, all);
  if (wanted > all) more.emplace_back(0.5 * scaling.interval_s + start_s, wanted);
  return more;
}

void LoadPath::add_waits(const ReplicaMode& mode, double present, double weight, LatencyLaw& waits) const {
  const double serving = replicas_within(mode, time_s_);
  const auto to_come = replicas_to_come(mode, present);
  for (const WaitCell& cell : kWaitCells)
    waits.add(wait_for(gamma_quantile(present - serving * slots_ + 1.0, cell.normal), serving, to_come),
              weight * cell.weight);
}

void LoadPath::add_station(const Station& station, LoadView& view) const {
  const Matrix& law = station.path.law();
  const double chains = is_pooled_ ? 1.0 : static_cast<double>(std::max<Count>(1, up(time_s_)));
  LatencyLaw waits;
  for (Index m = 0; m < law.cols(); ++m) {
    const ReplicaMode& mode = modes_[static_cast<std::size_t>(m)];
    const double serving = replicas_within(mode, time_s_);
    for (Index i = 0; i < law.rows(); ++i) {
      const double weight = station.share * law(i, m);
      if (weight < kNegligible) continue;
      const double present = present_[static_cast<std::size_t>(i)];
      view.replicas += weight * chains * serving;
      view.present += weight * chains * present;
      view.waiting += weight * chains * std::max(0.0, present - serving * slots_);
      view.arrival_per_replica_s += weight * station_arrival_per_s(time_s_) / std::max(1.0, serving);
      const double each = serving > 0.0 ? present / serving : slots_;
      add_count(each, weight, view.slots_held);
      // The shortest queue sends it to one that holds the fewest.
      add_count(std::floor(each), weight, view.slots_found);
      if (each < slots_) continue;
      add_waits(mode, present, weight, waits);
    }
  }
  if (waits.is_empty()) return;
  for (const LatencyLaw::Atom& atom : waits.condensed(kWaitAtoms)) view.waits.push_back(atom);
}

LoadView LoadPath::view() const {
  LoadView view{.time_s = time_s_, .arrival_per_s = arrival_per_s(time_s_)};
  view.slots_found.assign(pace_.rates.completion_per_s.size(), 0.0);
  view.slots_held = view.slots_found;
  for (const Station& station : stations_) add_station(station, view);
  return view;
}

ChainRecord LoadPath::record() const {
  const PopulationPath& path = stations_.front().path;
  const bool is_modulated = modes_.size() > 1;
  const auto states = static_cast<long long>(path.law().size());
  long long transitions = 2 * (path.population().levels() - 1) * path.population().modes();
  for (const auto& change : path.population().changes) transitions += change.rate_per_s.size();
  return {.name = "load",
          .purpose = is_modulated ? "requests present, replicas that serve and start, followed through time"
                     : schedule_  ? "requests present, replicas scheduled by their mean, followed through time"
                     : is_pooled_ ? "requests present at all replicas together, followed through time"
                                  : "requests present at one replica, followed through time",
          .states = states,
          .transitions = transitions,
          .method_requested = "automatic",
          .method_used = "two implicit stages per step, L-stable",
          .iterations = path.steps(),
          .residual = path.largest_step_error(),
          .lost_probability = path.turned_away() / std::max(1.0, rate_per_s_ * episode_.transient.horizon_s)};
}

}  // namespace windtunnel::modeling
