// SPDX-License-Identifier: Apache-2.0
// How many training layouts per second and core a survey estimates: Llama 3.1 405B on 1,024 H100, every legal tensor x
// pipeline x data x virtual stages x micro-batch x recompute x ZeRO stage. Fails when an estimate is not a time.
#include <fmt/format.h>

#include <cmath>

#include "bench/cpu_clock.h"
#include "modeling/cluster/machine.h"
#include "modeling/spec/read_spec.h"
#include "modeling/studies/training/layout_survey.h"

namespace {

using namespace windtunnel::modeling;

constexpr Count kDevices = 1024;

std::vector<Training> layouts(const Training& base) {
  std::vector<Training> all;
  for (Count tensor : {1, 2, 4, 8}) {
    for (Count pipeline : {1, 2, 4, 8, 16}) {
      const Count data = kDevices / (tensor * pipeline);
      for (Count stages : {1, 2, 4, 7}) {
        if (pipeline == 1 && stages > 1) continue;
        for (Count micro_batch : {1, 2, 4}) {
          if (base.global_batch % (data * micro_batch) != 0) continue;
          for (Recompute recompute : {Recompute::kNone, Recompute::kSelective, Recompute::kFull}) {
            for (int zero : {0, 1, 2}) {
              Training one = base;
              one.parallelism = {.tensor = tensor, .pipeline = pipeline, .data = data, .virtual_stages = stages};
              one.micro_batch = micro_batch;
              one.recompute = recompute;
              one.zero_stage = zero;
              one.schedule = stages > 1 ? PipelineSchedule::kInterleaved : PipelineSchedule::kOneForwardOneBackward;
              all.push_back(one);
            }
          }
        }
      }
    }
  }
  return all;
}

}  // namespace

int main() {
  std::vector<std::string> warnings;
  const Spec spec = read_spec(YamlDocument::parse(
      "study: training\nmodel: {name: llama-3.1-405b}\ncluster: {device: h100-sxm-80gb, num_devices: 1024}\n"
      "training: {sequence_length: 8192, global_batch: 4096, micro_batch: 1, parallelism: {tensor: 8, pipeline: 8, "
      "data: 16}}\n",
      "bench.yaml"));
  const Machine machine = load_machine(spec.cluster, spec.study, warnings);
  const std::vector<Training> all = layouts(*spec.training);
  long long estimated = 0;
  std::size_t templates = 0;
  const windtunnel::bench::CpuClock clock;
  double elapsed_s = 0.0;
  // Whole surveys, templates included, until a second has passed.
  while (elapsed_s < 1.0) {
    LayoutSurvey survey(spec.model, machine);
    for (const Training& training : all) {
      const LayoutEstimate estimate = survey.estimate(training);
      if (!std::isfinite(estimate.step_s) || estimate.step_s <= 0.0) {
        fmt::print(stderr, "a layout has no step time\n");
        return 1;
      }
      ++estimated;
    }
    templates = survey.templates();
    elapsed_s = clock.seconds();
  }
  fmt::print("{} layouts ({} sets of layer templates) per survey, {:.0f} layouts per second on one core\n", all.size(),
             templates, static_cast<double>(estimated) / elapsed_s);
  return 0;
}
