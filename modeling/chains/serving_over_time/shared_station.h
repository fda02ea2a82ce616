// SPDX-License-Identifier: Apache-2.0
// Replicas that share what is present evenly, while load and replicas change: a birth-death chain of the requests
// present, modulated by their number.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "modeling/chains/serving/replica/slot_population.h"
#include "modeling/chains/serving/requests/latency_law.h"
#include "solvers/queues/modulated_population.h"

namespace windtunnel::modeling {

/// How fast one replica works.
struct ReplicaPace {
  SlotRates rates;
  /// Seconds that one more prompt takes from decoding.
  double prompt_s = 0.0;
  /// Seconds of a request on a full replica.
  double request_s = 0.0;
  /// Work that is done twice where a request starts anew, in mean requests: E[length^2] / (2 E[length]^2).
  double restarted_ratio = 0.5;

  double slots() const { return static_cast<double>(rates.completion_per_s.size() - 1); }
};

/// What a request that arrives at one moment finds.
struct LoadView {
  double time_s = 0.0;
  double arrival_per_s = 0.0;
  double arrival_per_replica_s = 0.0;
  /// Means over the system: replicas that serve, requests present, of them without a slot.
  double replicas = 0.0;
  double present = 0.0;
  double waiting = 0.0;
  /// P(n slots held at the replica it comes to), n = 0 .. slots; the last: all of them.
  std::vector<double> slots_found;
  /// The same averaged over the replicas it may come to.
  std::vector<double> slots_held;
  /// Waits for a slot, s; weights sum to slots_found.back().
  std::vector<LatencyLaw::Atom> waits;
};

class LoadStation {
 public:
  /// Empty at `time_s`. `present`: lattice of the requests present.
  LoadStation(const ReplicaPace& pace, std::vector<double> present, double replicas, double time_s);

  double replicas() const { return replicas_; }
  double mean_present() const;
  double variance_present() const;

  void advance_to(double time_s, const solvers::PopulationPath::Arrivals& arrivals_per_s);
  /// Where this rate, held for ever, leads.
  void settle(double arrivals_per_s) { path_.settle(arrivals_per_s); }
  /// A Poisson number of requests at once.
  void add_requests(double mean);
  void set_replicas(double replicas);
  /// None serves until then, and so many afterwards.
  void set_return(double at_s, double replicas) { return_ = {at_s, replicas}; }
  /// Takes in another station, its replicas and what is present there.
  void join(const LoadStation& other);

  /// Adds what `copies` such stations hold, and what a request finds that comes here with probability `weight` while
  /// `arrival_per_s` come here.
  void add_to(LoadView& view, double copies, double weight, double arrival_per_s) const;
  const solvers::PopulationPath& path() const { return path_; }

 private:
  double wait_for(double departures) const;
  void add_waits(double present, double weight, LatencyLaw& waits) const;

  const ReplicaPace* pace_;
  double replicas_ = 1.0;
  solvers::PopulationPath path_;
  /// While none serves: when, and how many then.
  std::optional<std::pair<double, double>> return_;
};

}  // namespace windtunnel::modeling
