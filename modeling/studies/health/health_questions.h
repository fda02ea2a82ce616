// SPDX-License-Identifier: Apache-2.0
// What operators ask of a job's health, beyond where its time goes: spares for missions, how flat the optimum is, what
// each rate and each stage of recovery is worth, what a failure takes down, drain or run on.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "modeling/studies/health/availability.h"

namespace windtunnel::modeling {

struct HealthQuestions {
  /// Smallest number of spares with which the job is never short of nodes in the horizon with 99, 99.9, 99.99 %.
  std::optional<Count> mission_spares_99;
  std::optional<Count> mission_spares_999;
  std::optional<Count> mission_spares_9999;
  /// False: the chain is too large to be searched in a second, the three above are unknown.
  bool missions_known = false;
  /// Mean time until the first shortage of nodes, from all up.
  std::optional<double> exhaustion_mean_s;
  /// Why a number above is missing; empty: none is.
  std::string missing;
  double optimal_interval_s = 0.0;
  /// Within 1 % of the best productive share.
  IntervalRange nearly_optimal;
  /// d ln goodput_ratio / d ln input, by central differences of one percent through the chains.
  std::vector<Measure> elasticities;
  /// What a change buys, in points of goodput_ratio (the same as ettr_ratio unless the job is elastic).
  std::vector<Measure> gains;
};

/// kDirect leaves out what takes many answers: mission spares, elasticities, gains.
enum class Ask { kDirect, kAll };
HealthQuestions ask_about_health(const JobHealth& health, const AvailabilityAnswer& answer, Ask ask = Ask::kAll);

std::vector<Measure> question_measures(const HealthQuestions& questions);
std::vector<Breakdown> question_breakdowns(const JobHealth& health, const AvailabilityAnswer& answer,
                                           const HealthQuestions& questions);

/// Share of the time that is lost to slow components when the job runs on (at the speed ratios given, one per slow
/// state), and when each is drained at once by a restart.
Breakdown drain_or_run_on(const JobHealth& health, const AvailabilityAnswer& answer,
                          const std::vector<double>& job_speed_ratios);

/// A number of spares as a measure; infinite where no number is enough.
inline double as_measure(const std::optional<Count>& spares) {
  return spares ? static_cast<double>(*spares) : std::numeric_limits<double>::infinity();
}

}  // namespace windtunnel::modeling
