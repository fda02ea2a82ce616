// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving_over_time/shared_station.h"

#include <algorithm>
#include <cmath>

#include "modeling/chains/serving/replica/departure_wait.h"

namespace windtunnel::modeling {

namespace {

using solvers::Index;
using solvers::Matrix;
using solvers::PopulationPath;

/// Probability that is not worth a wait of its own.
constexpr double kNegligible = 1e-10;
/// Probability that a step of the chain may misplace.
constexpr double kTolerance = 1e-4;
constexpr int kWaitAtoms = 40;

void add_count(double count, double weight, std::vector<double>& law) {
  const double top = static_cast<double>(law.size() - 1), at = std::min(count, top), low = std::floor(at);
  const auto index = static_cast<std::size_t>(low);
  law[index] += weight * (1.0 - (at - low));
  if (index + 1 < law.size()) law[index + 1] += weight * (at - low);
}

/// Of one replica that holds `each`, as many prompts computed as requests completed.
double completed_per_s(const SlotRates& rates, double each) {
  const double top = static_cast<double>(rates.completion_per_s.size() - 1),
               low = std::min(std::floor(each), top - 1.0);
  const auto at = static_cast<std::size_t>(low);
  return rates.completion_per_s[at] + (each - low) * (rates.completion_per_s[at + 1] - rates.completion_per_s[at]);
}

/// What replicas that share the requests present evenly complete, by level. One with a slot free computes the prompts
/// that come whatever it completes; one whose slots are full as many as it completes.
struct Completions {
  Matrix per_s;
  Matrix prevented_per_arrival;
};

Completions completions(const ReplicaPace& pace, double replicas, const std::vector<double>& present) {
  const auto levels = static_cast<Index>(present.size());
  Completions all{Matrix::Zero(levels, 1), Matrix::Zero(levels, 1)};
  for (Index i = 1; i < levels && replicas > 0.0; ++i) {
    const double each = std::min(present[static_cast<std::size_t>(i)] / replicas, pace.slots());
    const double balanced = completed_per_s(pace.rates, each);
    all.per_s(i, 0) = replicas * balanced;
    if (each >= pace.slots()) continue;
    // balanced = decoding (1 - balanced prompt_s): the share of the time that is left to decode.
    const double decoding = balanced / std::max(0.05, 1.0 - balanced * pace.prompt_s);
    all.per_s(i, 0) = replicas * decoding;
    all.prevented_per_arrival(i, 0) = decoding * pace.prompt_s;
  }
  return all;
}

PopulationPath empty_path(const ReplicaPace& pace, std::vector<double> present, double replicas, double time_s) {
  Completions completed = completions(pace, replicas, present);
  Matrix law = Matrix::Zero(completed.per_s.rows(), 1);
  law(0, 0) = 1.0;
  return PopulationPath({.population = std::move(present),
                         .departures_per_s = std::move(completed.per_s),
                         .prevented_per_arrival = std::move(completed.prevented_per_arrival),
                         .changes = {}},
                        std::move(law), time_s, kTolerance);
}

/// Splits a weight between the two lattice points around `count`, so that the mean stays.
void add_at(double count, double weight, const std::vector<double>& present, Eigen::Ref<solvers::Vector> law) {
  const auto above = std::upper_bound(present.begin(), present.end(), count);
  const Index at = above == present.end() ? law.size() - 1 : (above - present.begin()) - 1;
  if (at + 1 >= law.size()) {
    law(at) += weight;
    return;
  }
  const double low = present[static_cast<std::size_t>(at)], high = present[static_cast<std::size_t>(at) + 1];
  law(at) += weight * (high - count) / (high - low);
  law(at + 1) += weight * (count - low) / (high - low);
}

}  // namespace

LoadStation::LoadStation(const ReplicaPace& pace, std::vector<double> present, double replicas, double time_s)
    : pace_(&pace), replicas_(replicas), path_(empty_path(pace, std::move(present), replicas, time_s)) {}

double LoadStation::mean_present() const {
  double mean = 0.0;
  for (Index i = 0; i < path_.law().rows(); ++i)
    mean += path_.population().population[static_cast<std::size_t>(i)] * path_.law().row(i).sum();
  return mean;
}

double LoadStation::variance_present() const {
  const double mean = mean_present();
  double variance = 0.0;
  for (Index i = 0; i < path_.law().rows(); ++i)
    variance +=
        std::pow(path_.population().population[static_cast<std::size_t>(i)] - mean, 2.0) * path_.law().row(i).sum();
  return variance;
}

void LoadStation::advance_to(double time_s, const PopulationPath::Arrivals& arrivals_per_s) {
  path_.advance_to(time_s, arrivals_per_s);
}

void LoadStation::add_requests(double mean) {
  // A second in which they come and nobody leaves.
  solvers::ModulatedPopulation nobody_leaves = path_.population();
  nobody_leaves.departures_per_s.setZero();
  PopulationPath arriving(std::move(nobody_leaves), path_.law());
  arriving.advance_to(1.0, [&](double) { return mean; });
  path_.set_law(arriving.law());
}

void LoadStation::set_replicas(double replicas) {
  replicas_ = replicas;
  return_.reset();
  Completions completed = completions(*pace_, replicas, path_.population().population);
  path_.set_departures(std::move(completed.per_s), std::move(completed.prevented_per_arrival));
}

void LoadStation::join(const LoadStation& other) {
  const std::vector<double>& present = path_.population().population;
  Matrix law = Matrix::Zero(path_.law().rows(), 1);
  for (Index i = 0; i < law.rows(); ++i) {
    if (path_.law()(i, 0) < kNegligible) continue;
    for (Index j = 0; j < law.rows(); ++j) {
      const double weight = path_.law()(i, 0) * other.path_.law()(j, 0);
      if (weight < kNegligible * kNegligible) continue;
      add_at(present[static_cast<std::size_t>(i)] + present[static_cast<std::size_t>(j)], weight, present, law.col(0));
    }
  }
  path_.set_law(law / law.sum());
  set_replicas(replicas_ + other.replicas_);
}

/// Seconds until so many are completed, all slots held.
double LoadStation::wait_for(double departures) const {
  const double each = pace_->rates.completion_per_s.back();
  if (replicas_ > 0.0) return departures / (each * replicas_);
  return return_->first - path_.time_s() + departures / (each * return_->second);
}

void LoadStation::add_waits(double present, double weight, LatencyLaw& waits) const {
  const double ahead = present - replicas_ * pace_->slots() + 1.0;
  for (const LatencyLaw::Atom& atom : departure_wait(ahead)) waits.add(wait_for(atom.value_s), weight * atom.weight);
}

void LoadStation::add_to(LoadView& view, double copies, double weight, double arrival_per_s) const {
  const double slots = pace_->slots();
  LatencyLaw waits;
  view.replicas += copies * replicas_;
  view.arrival_per_replica_s += weight * arrival_per_s / std::max(1.0, replicas_);
  for (Index i = 0; i < path_.law().rows(); ++i) {
    const double probability = path_.law()(i, 0);
    if (probability < kNegligible) continue;
    const double present = path_.population().population[static_cast<std::size_t>(i)];
    view.present += copies * probability * present;
    view.waiting += copies * probability * std::max(0.0, present - replicas_ * slots);
    if (weight <= 0.0) continue;
    const double each = replicas_ > 0.0 ? present / replicas_ : slots;
    add_count(each, weight * probability, view.slots_held);
    // It comes to one that holds the fewest.
    add_count(std::floor(each), weight * probability, view.slots_found);
    if (each >= slots) add_waits(present, weight * probability, waits);
  }
  if (waits.is_empty()) return;
  for (const LatencyLaw::Atom& atom : waits.condensed(kWaitAtoms)) view.waits.push_back(atom);
}

}  // namespace windtunnel::modeling
