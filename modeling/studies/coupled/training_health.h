// SPDX-License-Identifier: Apache-2.0
// Training with failures: the health of the job and the speed that the training model gives each of its states, and
// from both goodput and the time to train.
#pragma once

#include <optional>
#include <vector>

#include "modeling/chains/health/time_to_finish.h"
#include "modeling/studies/health/availability.h"
#include "modeling/studies/health/health_questions.h"
#include "modeling/studies/training/training.h"

namespace windtunnel::modeling {

struct TrainingHealth {
  JobHealth health;
  AvailabilityAnswer availability;
  HealthQuestions questions;
  /// Step time of the healthy job over the step time in each slow state, 0..1.
  std::vector<double> slow_speed_ratios;
  /// Share of productive time lost to slow devices and links, the states taken as independent.
  double slow_loss_ratio = 0.0;
  /// Work that counts, over what the job without failures, checkpoints and slow parts would do.
  double goodput_ratio = 0.0;
  /// Work of the whole run in seconds at full speed; empty without training.tokens.
  std::optional<double> work_s;
  std::optional<WorkPassage> passage;
};

TrainingHealth solve_training_health(const Spec& spec, const PlacedTraining& placed, const TrainingAnswer& answer,
                                     const Machine& machine, Ask ask, std::vector<std::string>& warnings);

/// Adds to the report of the training study; its activities then include checkpoints, recovery and waiting.
void write_training_health(const Spec& spec, const TrainingHealth& health, const TrainingAnswer& answer,
                           Report& report);

}  // namespace windtunnel::modeling
