// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/replica_modes.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

namespace {

using solvers::Index;
using ModeChange = solvers::ModulatedPopulation::ModeChange;

Index index_of(const std::vector<ReplicaMode>& modes, const ReplicaMode& wanted) {
  const auto found = std::find_if(modes.begin(), modes.end(), [&](const ReplicaMode& mode) {
    return mode.serving == wanted.serving && mode.starting == wanted.starting && mode.phase == wanted.phase;
  });
  return found - modes.begin();
}

/// Levels first .. last - 1 at one rate.
ModeChange over(Index from, Index to, Index first, Index last, double rate_per_s) {
  return {from, to, first, solvers::Vector::Constant(last - first, rate_per_s)};
}

/// Of one replica that holds `each`, as many prompts computed as requests completed.
double completed_per_s(const SlotRates& rates, double each) {
  const double top = static_cast<double>(rates.completion_per_s.size() - 1),
               low = std::min(std::floor(each), top - 1.0);
  const auto at = static_cast<std::size_t>(low);
  return rates.completion_per_s[at] + (each - low) * (rates.completion_per_s[at + 1] - rates.completion_per_s[at]);
}

}  // namespace

int start_phases(const Duration& start_time) {
  constexpr double kMostPhases = 6.0;
  return static_cast<int>(std::clamp(std::round(1.0 / std::max(start_time.scv, 1e-3)), 1.0, kMostPhases));
}

std::vector<ReplicaMode> replica_modes(Count replicas, const std::optional<Autoscaling>& scaling) {
  if (!scaling) return {{.serving = replicas}};
  std::vector<ReplicaMode> modes;
  const int phases = start_phases(scaling->start_time);
  for (Count serving = scaling->min_replicas; serving <= replicas; ++serving) {
    modes.push_back({.serving = serving});
    for (Count starting = 1; serving + starting <= replicas; ++starting)
      for (int phase = 0; phase < phases; ++phase) modes.push_back({serving, starting, phase});
  }
  return modes;
}

namespace {

/// The modes that lead on from one, and at which levels.
class ModeChanges {
 public:
  ModeChanges(const std::vector<ReplicaMode>& modes, const Autoscaling& scaling, Count most_replicas,
              const std::vector<double>& present)
      : modes_(modes),
        scaling_(scaling),
        most_(most_replicas),
        phases_(start_phases(scaling.start_time)),
        levels_(static_cast<Index>(present.size())),
        first_(static_cast<std::size_t>(most_replicas) + 2, levels_) {
    for (Index i = levels_ - 1; i >= 0; --i)
      for (Count w = 0; w <= wanted_replicas(scaling, present[static_cast<std::size_t>(i)], most_replicas); ++w)
        first_[static_cast<std::size_t>(w)] = i;
  }

  std::vector<ModeChange> all() {
    for (const ReplicaMode& mode : modes_) {
      for (Count wanted = mode.serving + mode.starting + 1; wanted <= most_; ++wanted) start(mode, wanted);
      if (mode.starting > 0) progress(mode);
      for (Count wanted = scaling_.min_replicas; wanted < mode.serving + mode.starting; ++wanted) stop(mode, wanted);
    }
    return std::move(changes_);
  }

 private:
  /// Where exactly so many are wanted.
  void add(const ReplicaMode& from, const ReplicaMode& to, Count wanted, double rate_per_s) {
    const Index low = first_[static_cast<std::size_t>(wanted)], high = first_[static_cast<std::size_t>(wanted) + 1];
    if (low < high && rate_per_s > 0.0)
      changes_.push_back(over(index_of(modes_, from), index_of(modes_, to), low, high, rate_per_s));
  }

  void start(const ReplicaMode& mode, Count wanted) {
    const Count starting = wanted - mode.serving;
    const double rate_per_s = 2.0 / scaling_.interval_s;
    const double phase = mode.phase * static_cast<double>(mode.starting) / static_cast<double>(starting);
    const int low = static_cast<int>(phase);
    add(mode, {mode.serving, starting, low}, wanted, rate_per_s * (1.0 - (phase - low)));
    add(mode, {mode.serving, starting, low + 1}, wanted, rate_per_s * (phase - low));
  }

  void progress(const ReplicaMode& mode) {
    const bool is_last = mode.phase + 1 == phases_;
    const ReplicaMode next = is_last ? ReplicaMode{mode.serving + mode.starting, 0, 0}
                                     : ReplicaMode{mode.serving, mode.starting, mode.phase + 1};
    changes_.push_back(
        over(index_of(modes_, mode), index_of(modes_, next), 0, levels_, phases_ / scaling_.start_time.mean_s));
  }

  /// One that starts is given up first.
  void stop(const ReplicaMode& mode, Count wanted) {
    ReplicaMode next = mode;
    --(mode.starting > 0 ? next.starting : next.serving);
    if (next.starting == 0) next.phase = 0;
    add(mode, next, wanted, static_cast<double>(mode.serving + mode.starting - wanted) / scaling_.stop_delay_s);
  }

  const std::vector<ReplicaMode>& modes_;
  const Autoscaling& scaling_;
  Count most_;
  int phases_;
  Index levels_;
  /// First level at which at least so many are wanted.
  std::vector<Index> first_;
  std::vector<ModeChange> changes_;
};

}  // namespace

std::vector<ModeChange> mode_changes(const std::vector<ReplicaMode>& modes, const Autoscaling& scaling,
                                     Count most_replicas, const std::vector<double>& present) {
  return ModeChanges(modes, scaling, most_replicas, present).all();
}

Completions completions(const SlotRates& rates, double prompt_s, const std::vector<ReplicaMode>& modes,
                        const std::vector<double>& present) {
  const auto levels = static_cast<Index>(present.size()), columns = static_cast<Index>(modes.size());
  Completions all{solvers::Matrix::Zero(levels, columns), solvers::Matrix::Zero(levels, columns)};
  const double slots = static_cast<double>(rates.completion_per_s.size() - 1);
  for (Index i = 1; i < levels; ++i) {
    for (Index mode = 0; mode < columns; ++mode) {
      const double serving = static_cast<double>(modes[static_cast<std::size_t>(mode)].serving);
      if (serving <= 0.0) continue;
      const double each = std::min(present[static_cast<std::size_t>(i)] / serving, slots);
      const double balanced = completed_per_s(rates, each);
      all.per_s(i, mode) = serving * balanced;
      if (each >= slots) continue;
      // balanced = decoding (1 - balanced prompt_s): the share of the time that is left to decode.
      const double decoding = balanced / std::max(0.05, 1.0 - balanced * prompt_s);
      all.per_s(i, mode) = serving * decoding;
      all.prevented_per_arrival(i, mode) = decoding * prompt_s;
    }
  }
  return all;
}

}  // namespace windtunnel::modeling
