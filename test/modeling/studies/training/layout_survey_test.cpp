// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/training/layout_survey.h"

#include <fmt/format.h>

#include "modeling/cluster/machine.h"
#include "modeling/spec/read_spec.h"
#include "modeling/studies/training/training.h"
#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

Spec spec_of(int tensor, int pipeline, int data, int stages, int zero) {
  return read_spec(YamlDocument::parse(
      fmt::format(
          "study: training\nmodel: {{name: llama-3.1-70b}}\ncluster: {{device: h100-sxm-80gb, num_devices: 64}}\n"
          "training: {{sequence_length: 8192, global_batch: 128, micro_batch: 1, recompute: full, zero_stage: {}, "
          "parallelism: {{tensor: {}, pipeline: {}, data: {}, virtual_stages: {}}}}}\n",
          zero, tensor, pipeline, data, stages),
      "layout.yaml"));
}

}  // namespace

TEST_CASE("a survey estimates what the whole study answers on an idle network", "[studies][survey]") {
  const auto [tensor, pipeline, data, stages, zero] = GENERATE(table<int, int, int, int, int>(
      {{8, 1, 8, 1, 1}, {8, 4, 2, 1, 1}, {4, 4, 4, 5, 2}, {8, 8, 1, 2, 0}, {2, 8, 4, 10, 1}}));
  const Spec spec = spec_of(tensor, pipeline, data, stages, zero);
  std::vector<std::string> warnings;
  const Machine machine = load_machine(spec.cluster, spec.study, warnings);
  const PlacedTraining placed = place_training(spec, machine);
  LayoutSurvey survey(spec.model, machine);
  const LayoutEstimate estimate = survey.estimate(*spec.training);
  CHECK(estimate.memory_bytes == Approx(placed.memory.total_bytes()).epsilon(1e-12));
  // Contention and the recursion on variances are missing: a few percent.
  CHECK(estimate.step_s == Approx(couple_step_and_links(placed, machine).step().ideal_s()).epsilon(0.06));
}

TEST_CASE("layouts that differ only in pipeline, data and ZeRO stage share their templates", "[studies][survey]") {
  std::vector<std::string> warnings;
  const Spec spec = spec_of(8, 4, 2, 1, 1);
  LayoutSurvey survey(spec.model, load_machine(spec.cluster, spec.study, warnings));
  survey.estimate(*spec.training);
  survey.estimate(*spec_of(8, 2, 4, 4, 2).training);
  CHECK(survey.templates() == 1);
  survey.estimate(*spec_of(4, 4, 4, 1, 1).training);
  CHECK(survey.templates() == 2);
}
