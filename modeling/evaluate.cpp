// SPDX-License-Identifier: Apache-2.0
// Read this first: each line is one stage, in the order the data walks.
#include "modeling/evaluate.h"

#include <fmt/format.h>

#include "modeling/cluster/machine.h"
#include "modeling/cluster/serving_engine.h"
#include "modeling/spec/spec_error.h"
#include "modeling/studies/coupled/serving_health.h"
#include "modeling/studies/coupled/training_health.h"
#include "modeling/studies/health/availability.h"
#include "modeling/studies/health/derivation.h"
#include "modeling/studies/serving/derivation.h"
#include "modeling/studies/serving/over_time.h"
#include "modeling/studies/serving/serving.h"
#include "modeling/studies/serving/trace_fit.h"
#include "modeling/studies/training/derivation.h"
#include "modeling/studies/training/timeline.h"
#include "modeling/studies/training/training.h"
#include "modeling/workload/model_facts.h"

namespace windtunnel::modeling {

namespace {

void evaluate_training(const Spec& spec, const EvaluateOptions& options, Report& report) {
  const Machine machine = load_machine(spec.cluster, spec.study, report.warnings);
  const PlacedTraining placed = place_training(spec, machine);
  check_memory(placed, machine, report.warnings);
  TrainingAnswer answer;
  answer.coupled = couple_step_and_links(placed, machine);
  if (report.detail == Detail::kMeans && !spec.reliability)
    return write_training_means(placed, step_means(step_chain_problem(placed, answer.coupled, machine)), machine,
                                report);
  answer.chain = build_step_chain(step_chain_problem(placed, answer.coupled, machine));
  // The user's own service times say how long, not doing what.
  if (!placed.training.service_times)
    answer.activity = solve_activity_shares(
        average_program(answer.coupled, placed.placement, answer.chain.mean_s - answer.coupled.mean_ideal_s()));
  write_training_report(placed, answer, machine, report);
  if (report.detail == Detail::kDerivation) {
    derive_training(placed, answer, machine, report);
  }
  if (options.timeline) report.timeline = training_timeline(placed, answer);
  if (!spec.reliability) return;
  const Ask ask = report.detail <= Detail::kDirect ? Ask::kDirect : Ask::kAll;
  const TrainingHealth health = solve_training_health(spec, placed, answer, machine, ask, report.warnings);
  write_training_health(spec, health, answer, report);
}

void evaluate_availability(const Spec& spec, Report& report) {
  const Machine machine = load_machine(spec.cluster, spec.study, report.warnings);
  const JobHealth health = describe_job_health(spec, machine, {}, report.warnings);
  const AvailabilityAnswer answer = solve_availability(health);
  write_availability_report(spec, health, answer, machine, report);
  if (report.detail == Detail::kDerivation) derive_availability(health, answer, report);
}

void evaluate_serving(const Spec& spec, const EvaluateOptions& options, Report& report) {
  const Machine machine = load_serving_machine(spec, report.warnings);
  const PlacedServing placed = place_serving(spec, machine);
  const ServingAnswer answer = answer_serving(placed, options.simulated_requests);
  const std::optional<PlacedServing> fitted = fitted_to_trace(placed);
  write_serving_report(spec, placed, answer, max_arrival_rate_per_s(fitted.value_or(placed)), machine, report);
  if (fitted && report.detail > Detail::kMeasures) compare_trace_and_fit(placed, *fitted, report);
  if (report.detail == Detail::kDerivation) derive_serving(placed, report);
  if (report.detail > Detail::kMeasures) {
    write_serving_accuracy(placed, answer, report);
    compare_mixed_and_split(placed, answer, report);
  }
  if (spec.transient && answer.failure.empty() && report.detail != Detail::kDirect) {
    const LoadEpisode episode{*spec.transient, spec.serving->autoscaling};
    write_transient(placed, episode, answer_transient(placed, episode, options.simulated_requests), report);
  }
  // Differences are taken without the limits of the SLO, which is what availability is measured by.
  if (!spec.reliability || !answer.failure.empty() || report.detail == Detail::kDirect) return;
  write_serving_health(solve_serving_health(spec, placed, answer, machine, report.warnings), report);
}

/// What was read of the model; training has 16-bit weights.
ModelRecord model_record(const Spec& spec) {
  const ModelFacts facts = model_facts(spec.model, spec.serving.value_or(Serving{}));
  ModelRecord record{.numbers = {{"parameters", facts.parameters},
                                 {"active_parameters", facts.active_parameters},
                                 {"weights_bytes", facts.weights_bytes},
                                 {"kv_bytes_per_token", facts.kv_bytes_per_token},
                                 {"kv_bytes_per_sequence", facts.kv_bytes_per_sequence},
                                 {"prediction_parameters", facts.prediction_parameters},
                                 {"tower_parameters", facts.tower_parameters}},
                     .layers = facts.layers,
                     .precision = facts.precision};
  if (!spec.model.tower.empty()) record.layers += "; encoder of " + spec.model.tower;
  return record;
}

DerivationSection model_section(const ModelRecord& model) {
  DerivationSection section{.title = "The model as it was read"};
  section.paragraphs = {"Layers: " + model.layers + ".", "Precision: " + model.precision + "."};
  section.rows.push_back({"number", "value"});
  for (const Measure& number : model.numbers)
    section.rows.push_back({number.name, fmt::format("{:.6g}", number.value.value_or(0.0))});
  return section;
}

}  // namespace

Report evaluate(const Spec& spec, const EvaluateOptions& options) {
  Report report{.detail = options.detail, .spec_file = spec.file, .study = to_string(spec.study)};
  if (spec.model.hidden_size > 0) report.model = model_record(spec);
  try {
    if (spec.study == Study::kTraining) evaluate_training(spec, options, report);
    if (spec.study == Study::kServing) evaluate_serving(spec, options, report);
    if (spec.study == Study::kAvailability) evaluate_availability(spec, report);
  } catch (const NoAnswerError& error) {
    report.failure = error.what();
  }
  if (report.model && report.detail == Detail::kDerivation)
    report.derivation.insert(report.derivation.begin(), model_section(*report.model));
  return report;
}

}  // namespace windtunnel::modeling
