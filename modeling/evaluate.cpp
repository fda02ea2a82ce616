// SPDX-License-Identifier: Apache-2.0
// Read this first: each line is one stage, in the order the data walks.
#include "modeling/evaluate.h"

#include "modeling/cluster/machine.h"
#include "modeling/spec/spec_error.h"
#include "modeling/studies/availability.h"
#include "modeling/studies/serving.h"
#include "modeling/studies/training.h"

namespace windtunnel::modeling {

namespace {

void reject_what_is_not_modelled(const Spec& spec) {
  if (spec.study == Study::kTraining && spec.reliability)
    throw NoAnswerError(
        "'reliability' is not modelled yet; without it the training study answers for a job that never fails");
}

void evaluate_training(const Spec& spec, Report& report) {
  const Machine machine = load_machine(spec.cluster, spec.study, report.warnings);
  const PlacedTraining placed = place_training(spec, machine);
  check_memory(placed, machine, report.warnings);
  TrainingAnswer answer;
  answer.coupled = couple_step_and_links(placed, machine);
  answer.chain = solve_step_chain(placed, answer.coupled.step, machine);
  answer.activity =
      solve_activity_shares(activity_program(answer.coupled.step, placed.placement, answer.chain.straggler_s()));
  write_training_report(placed, answer, machine, report);
}

void evaluate_availability(const Spec& spec, Report& report) {
  const Machine machine = load_machine(spec.cluster, spec.study, report.warnings);
  const JobHealth health = describe_job_health(spec, machine, report.warnings);
  const AvailabilityAnswer answer = solve_availability(health);
  write_availability_report(spec, health, answer, machine, report);
}

void evaluate_serving(const Spec& spec, const EvaluateOptions& options, Report& report) {
  const Machine machine = load_machine(spec.cluster, spec.study, report.warnings);
  const PlacedServing placed = place_serving(spec, machine, report.warnings);
  const ServingAnswer answer = answer_serving(placed, options.simulated_requests);
  write_serving_report(spec, placed, answer, machine, report);
}

}  // namespace

Report evaluate(const Spec& spec, const EvaluateOptions& options) {
  Report report{.spec_file = spec.file, .study = to_string(spec.study)};
  try {
    reject_what_is_not_modelled(spec);
    if (spec.study == Study::kTraining) evaluate_training(spec, report);
    if (spec.study == Study::kServing) evaluate_serving(spec, options, report);
    if (spec.study == Study::kAvailability) evaluate_availability(spec, report);
  } catch (const NoAnswerError& error) {
    report.failure = error.what();
  }
  return report;
}

}  // namespace windtunnel::modeling
