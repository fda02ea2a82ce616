// SPDX-License-Identifier: Apache-2.0
// What must hold whatever the constants are: on shipped devices, layouts people use.
#include <fmt/format.h>

#include "modeling/cluster/machine.h"
#include "modeling/spec/read_spec.h"
#include "modeling/studies/training.h"
#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

std::string layout(const std::string& device, const std::string& extra) {
  return fmt::format(
      "study: training\n"
      "model: {{name: llama-3.1-70b}}\n"
      "cluster: {{device: {}, num_devices: 128}}\n"
      "training:\n"
      "  sequence_length: 8192\n"
      "  global_batch: 256\n"
      "  micro_batch: 1\n"
      "  parallelism: {{tensor: 4, pipeline: 4, data: 8, virtual_stages: 4}}\n"
      "  {}\n",
      device, extra);
}

PlacedTraining placed(const std::string& text, const std::vector<YamlOverride>& overrides) {
  std::vector<std::string> warnings;
  const Spec spec = read_spec(YamlDocument::parse(text, "layout.yaml", overrides));
  return place_training(spec, load_machine(spec.cluster, spec.study, warnings));
}

double step_s(const std::string& text, const std::vector<YamlOverride>& overrides = {}) {
  std::vector<std::string> warnings;
  const Spec spec = read_spec(YamlDocument::parse(text, "layout.yaml", overrides));
  const Machine machine = load_machine(spec.cluster, spec.study, warnings);
  return couple_step_and_links(place_training(spec, machine), machine).step().ideal_s();
}

/// Share of the step that pipeline ranks wait.
double bubble_s(const std::string& text, const std::vector<YamlOverride>& overrides) {
  std::vector<std::string> warnings;
  const Spec spec = read_spec(YamlDocument::parse(text, "layout.yaml", overrides));
  const Machine machine = load_machine(spec.cluster, spec.study, warnings);
  const PipelineTime pipeline = couple_step_and_links(place_training(spec, machine), machine).step().pipeline;
  double wait = 0.0;
  for (double rank : pipeline.wait_s) wait += rank;
  return wait / static_cast<double>(pipeline.wait_s.size());
}

const char* const kDevices[] = {"a100-sxm-80gb", "h100-sxm-80gb", "b200-sxm-180gb"};

}  // namespace

TEST_CASE("more bandwidth is never slower", "[studies][invariants]") {
  const std::string device = GENERATE(from_range(std::begin(kDevices), std::end(kDevices)));
  const std::string path = GENERATE("cluster.scale_up.bandwidth", "cluster.scale_out.bandwidth");
  double before = 1e30;
  for (const char* bandwidth : {"10 GB/s", "50 GB/s", "200 GB/s", "900 GB/s"}) {
    const double now = step_s(layout(device, "recompute: selective"), {{path, bandwidth}});
    CHECK(now <= before * (1.0 + 1e-9));
    before = now;
  }
}

TEST_CASE("a higher ZeRO stage never needs more memory up to stage 2", "[studies][invariants]") {
  const std::string device = GENERATE(from_range(std::begin(kDevices), std::end(kDevices)));
  double before = 1e30;
  for (const char* stage : {"0", "1", "2"}) {
    const double now =
        placed(layout(device, "recompute: selective"), {{"training.zero_stage", stage}}).memory.total_bytes();
    CHECK(now <= before);
    before = now;
  }
}

TEST_CASE("interleaving never lengthens the bubble", "[studies][invariants]") {
  const std::string device = GENERATE(from_range(std::begin(kDevices), std::end(kDevices)));
  double before = 1e30;
  for (const char* stages : {"1", "2", "4", "5"}) {
    // Hand-overs cost a rank time at every chunk: without them the bubble is the schedule's alone.
    const double now =
        bubble_s(layout(device, "recompute: selective"), {{"training.parallelism.virtual_stages", stages}});
    CHECK(now <= before * 1.02);
    before = now;
  }
}

TEST_CASE("hiding communication never makes a step longer", "[studies][invariants]") {
  const std::string device = GENERATE(from_range(std::begin(kDevices), std::end(kDevices)));
  for (const char* kind : {"tensor", "pipeline", "data"}) {
    const std::string path = std::string("training.overlap.") + kind;
    const std::string text = layout(device, "overlap: {tensor: false, pipeline: false, data: false}");
    CHECK(step_s(text, {{path, "true"}}) <= step_s(text) * (1.0 + 1e-9));
  }
}
