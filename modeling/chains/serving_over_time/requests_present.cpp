// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving_over_time/requests_present.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

namespace {

/// Cells of the lattice of requests present per e-fold.
constexpr double kCells = 256.0;
/// Two stations are compared this often while a request stays.
constexpr double kLooksPerRequest = 40.0;

/// Most requests that can be present: all slots, and what comes beyond the least that is served meanwhile.
double most_present(const ServingSystem& system, const LoadEpisode& episode, const ReplicaPace& pace) {
  const Transient& transient = episode.transient;
  const double each = pace.rates.completion_per_s.back();
  const double all = pace.slots() * static_cast<double>(system.pool.replicas);
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

}  // namespace

LoadPath::LoadPath(const ServingSystem& system, const LoadEpisode& episode, const ReplicaPace& pace)
    : episode_(episode),
      pace_(&pace),
      replicas_(system.pool.replicas),
      rate_per_s_(system.arrivals.rate_per_s),
      is_balanced_(system.balancer == LoadBalancer::kShortestQueue || system.pool.replicas == 1),
      jumps_s_(jump_times_s(episode.transient)) {
  // At rest it settles at once.
  if (episode.scaling || episode.transient.load_curve) time_s_ = -settling_time_s(episode, pace.request_s);
  groups_.push_back({first_station(system), is_balanced_ ? 1.0 : static_cast<double>(replicas_)});
  if (!schedule_) groups_.front().station.settle(arrival_per_s(time_s_ - 1e-9) / groups_.front().copies);
  advance_to(0.0);
  const std::optional<ReplicaFailure>& failure = episode.transient.replica_failure;
  if (failure && failure->at_s == 0.0) lose_replicas(*failure);
}

LoadStation LoadPath::first_station(const ServingSystem& system) {
  const std::vector<double> present = solvers::population_lattice(most_present(system, episode_, *pace_), kCells);
  if (episode_.scaling) schedule_.emplace(*episode_.scaling, replicas_, time_s_, pace_->request_s);
  const Count together = schedule_ ? schedule_->serving() : is_balanced_ ? replicas_ : 1;
  return {*pace_, present, static_cast<double>(together), time_s_};
}

double LoadPath::arrival_per_s(double time_s) const {
  return rate_per_s_ * arrival_factor(episode_.transient, time_s);
}

double LoadPath::serving() const {
  double all = 0.0;
  for (const Group& group : groups_) all += group.copies * group.station.replicas();
  return all;
}

double LoadPath::next_event_s() const {
  const auto jump = std::upper_bound(jumps_s_.begin(), jumps_s_.end(), time_s_);
  const double jump_s = jump == jumps_s_.end() ? kNoLimit : *jump;
  return schedule_ ? std::min(jump_s, schedule_->next_event_s()) : jump_s;
}

void LoadPath::advance_to(double time_s) {
  while (time_s_ < time_s) {
    const double event_s = next_event_s(), until_s = std::min(event_s, time_s);
    while (time_s_ < until_s) advance_stations(until_s);
    if (until_s == event_s) pass_event();
  }
}

/// Up to `time_s`; a little of it while two stations are being evened out.
void LoadPath::advance_stations(double time_s) {
  const bool is_uneven = is_balanced_ && groups_.size() > 1;
  const double until_s = is_uneven ? std::min(time_s, time_s_ + pace_->request_s / kLooksPerRequest) : time_s;
  const std::size_t fewest = fewest_per_replica();
  double copies = 0.0;
  for (const Group& group : groups_) copies += group.copies;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const double share = !is_balanced_ ? 1.0 / copies : i == fewest ? 1.0 : 0.0;
    // Rates are those of the stretch, not of the jump at its end.
    groups_[i].station.advance_to(until_s,
                                  [&](double at_s) { return share * arrival_per_s(std::min(at_s, time_s - 1e-9)); });
  }
  time_s_ = until_s;
  if (is_uneven && fewest_per_replica() != fewest) {
    groups_[fewest].station.join(groups_[fewest_per_replica()].station);
    groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(fewest_per_replica()));
  }
}

std::size_t LoadPath::fewest_per_replica() const {
  const auto fewest = std::min_element(groups_.begin(), groups_.end(), [](const Group& a, const Group& b) {
    return a.station.mean_present() * b.station.replicas() < b.station.mean_present() * a.station.replicas();
  });
  return static_cast<std::size_t>(fewest - groups_.begin());
}

void LoadPath::pass_event() {
  if (schedule_ && schedule_->next_event_s() <= time_s_) return follow_schedule();
  const std::optional<ReplicaFailure>& failure = episode_.transient.replica_failure;
  if (failure && time_s_ == failure->at_s) lose_replicas(*failure);
  if (failure && time_s_ == failure->at_s + failure->duration_s) bring_back(*failure);
}

void LoadPath::follow_schedule() {
  double mean = 0.0, variance = 0.0;
  for (const Group& group : groups_) {
    mean += group.station.mean_present();
    variance += group.station.variance_present();
  }
  schedule_->pass_event(mean, std::sqrt(variance));
  const double more = static_cast<double>(schedule_->serving()) - serving();
  if (more > 0.0) return add_replicas(more);
  if (more == 0.0) return;
  // [A] What replicas given up still hold is finished by the others.
  join_all();
  groups_.front().station.set_replicas(static_cast<double>(schedule_->serving()));
}

/// What the lost replicas held comes to the others, and is work done twice [A: as that many more requests].
void LoadPath::lose_replicas(const ReplicaFailure& failure) {
  join_all();
  auto& [station, copies] = groups_.front();
  const auto all = static_cast<double>(replicas_), lost = static_cast<double>(failure.replicas);
  const double left = all - lost, held = station.mean_present() * copies * lost / all;
  if (left == 0.0) {
    station.add_requests(held * pace_->restarted_ratio / copies);
    const double back = station.replicas();
    station.set_replicas(0.0);
    return station.set_return(failure.at_s + failure.duration_s, back);
  }
  station.add_requests(is_balanced_ ? held * pace_->restarted_ratio : held * (1.0 + pace_->restarted_ratio) / left);
  if (is_balanced_) station.set_replicas(left);
  if (!is_balanced_) copies = left;
}

void LoadPath::bring_back(const ReplicaFailure& failure) {
  const auto back = static_cast<double>(failure.replicas);
  if (serving() > 0.0) return add_replicas(back);
  groups_.front().station.set_replicas(is_balanced_ ? back : 1.0);
}

void LoadPath::add_replicas(double replicas) {
  const std::vector<double>& present = groups_.front().station.path().population().population;
  groups_.push_back(
      {LoadStation(*pace_, present, is_balanced_ ? replicas : 1.0, time_s_), is_balanced_ ? 1.0 : replicas});
}

void LoadPath::join_all() {
  while (is_balanced_ && groups_.size() > 1) {
    groups_.front().station.join(groups_.back().station);
    groups_.pop_back();
  }
}

LoadView LoadPath::view() const {
  LoadView view{.time_s = time_s_, .arrival_per_s = arrival_per_s(time_s_)};
  view.slots_found.assign(static_cast<std::size_t>(pace_->slots()) + 1, 0.0);
  view.slots_held = view.slots_found;
  double copies = 0.0;
  for (const Group& group : groups_) copies += group.copies;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const auto& [station, alike] = groups_[i];
    const double weight = !is_balanced_ ? alike / copies : i == fewest_per_replica() ? 1.0 : 0.0;
    station.add_to(view, alike, weight, is_balanced_ ? view.arrival_per_s : view.arrival_per_s / copies);
  }
  return view;
}

ChainRecord LoadPath::record() const {
  const solvers::PopulationPath& path = groups_.front().station.path();
  return {.name = "load",
          .purpose = schedule_      ? "requests present, replicas by a schedule, followed through time"
                     : is_balanced_ ? "requests present at all replicas together, followed through time"
                                    : "requests present at one replica, followed through time",
          .states = static_cast<long long>(path.law().size()),
          .transitions = 2 * static_cast<long long>(path.law().size()) - 2,
          .method_requested = "automatic",
          .method_used = "two implicit stages per step, L-stable",
          .iterations = path.steps(),
          .residual = path.largest_step_error(),
          .lost_probability = path.turned_away() / std::max(1.0, rate_per_s_ * episode_.transient.horizon_s)};
}

}  // namespace windtunnel::modeling
