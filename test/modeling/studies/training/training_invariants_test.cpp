// SPDX-License-Identifier: Apache-2.0
// What must hold whatever the constants are: on shipped devices, layouts people use.
#include <fmt/format.h>

#include "modeling/cluster/machine.h"
#include "modeling/spec/read_spec.h"
#include "modeling/studies/training/training.h"
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

TEST_CASE("a higher ZeRO stage never needs more memory", "[studies][invariants]") {
  const std::string device = GENERATE(from_range(std::begin(kDevices), std::end(kDevices)));
  // One layer per rank or twenty; two ranks that share the weights or thirty-two.
  const std::string degrees =
      GENERATE("{tensor: 4, pipeline: 4, data: 8, virtual_stages: 4}", "{tensor: 4, pipeline: 16, data: 2}",
               "{tensor: 1, pipeline: 64, data: 2}", "{tensor: 4, pipeline: 1, data: 32}");
  double before = 1e30;
  for (const char* stage : {"0", "1", "2", "3"}) {
    const double now = placed(layout(device, "recompute: selective"),
                              {{"training.parallelism", degrees}, {"training.zero_stage", stage}})
                           .memory.total_bytes();
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

TEST_CASE("a larger batch never takes less time, also where exchanges hide behind another micro-batch",
          "[studies][training]") {
  // 64 sequences were answered faster than 32 once: nothing runs beside the first micro-batch and the last.
  const std::string text = R"(
study: training
model: {name: deepseek-v3}
cluster: {device: h100-sxm-80gb, num_devices: 256}
training:
  sequence_length: 4096
  global_batch: 32
  recompute: selective
  overlap: {expert: true}
  parallelism: {tensor: 1, pipeline: 8, data: 32, expert: 32, virtual_stages: 2}
)";
  double before = 0.0;
  for (const char* batch : {"32", "64", "96", "128", "256"}) {
    const double time = step_s(text, {{"training.global_batch", batch}});
    CHECK(time > before);
    before = time;
  }
}

TEST_CASE("hiding the exchange with the experts never makes a step longer, DualPipe hides it anyway",
          "[studies][invariants]") {
  const std::string device = GENERATE(from_range(std::begin(kDevices), std::end(kDevices)));
  const std::string text = fmt::format(
      "study: training\n"
      "model: {{name: deepseek-v3}}\n"
      "cluster: {{device: {}, num_devices: 256}}\n"
      "training: {{sequence_length: 4096, global_batch: 2048, micro_batch: 1, recompute: full, expert_imbalance: 1.0,\n"
      "  parallelism: {{pipeline: 8, data: 32, expert: 32}}}}\n",
      device);
  const double exposed = step_s(text, {{"training.overlap", "{expert: false}"}});
  const double hidden = step_s(text, {{"training.overlap", "{expert: true}"}});
  CHECK(hidden < exposed);
  const auto dualpipe = [&](const char* overlap) {
    return step_s(text, {{"training.schedule", "dualpipe"}, {"training.overlap", overlap}});
  };
  CHECK(dualpipe("{}") == dualpipe("{expert: true}"));
  CHECK(dualpipe("{}") < dualpipe("{expert: false}"));
}

TEST_CASE("what waits in the host's memory is not in the device's, and is never faster", "[studies][invariants]") {
  const std::string device = GENERATE(from_range(std::begin(kDevices), std::end(kDevices)));
  const std::string text = layout(device, "recompute: none");
  const MemoryUse kept = placed(text, {}).memory;
  SECTION("optimizer states") {
    const std::vector<YamlOverride> half = {{"training.offload.optimizer", "0.5"}};
    const std::vector<YamlOverride> all = {{"training.offload.optimizer", "1"}};
    CHECK(placed(text, half).memory.optimizer_bytes == Approx(kept.optimizer_bytes / 2.0));
    CHECK(placed(text, all).memory.optimizer_bytes == 0.0);
    CHECK(step_s(text, half) > step_s(text));
    CHECK(step_s(text, all) > step_s(text, half));
  }
  SECTION("activations: hidden while the copies are shorter than the passes") {
    const std::vector<YamlOverride> some = {{"training.offload.activations", "0.01"}};
    const std::vector<YamlOverride> all = {{"training.offload.activations", "1"}};
    CHECK(placed(text, all).memory.activations_bytes < 0.1 * kept.activations_bytes);
    CHECK(placed(text, all).memory.total_bytes() < kept.total_bytes());
    CHECK(step_s(text, some) == Approx(step_s(text)).epsilon(1e-9));
    CHECK(step_s(text, all) > step_s(text));
  }
}

TEST_CASE("checkpoints on the scale-out ports slow the exchange of gradients, the more the oftener",
          "[studies][invariants]") {
  const std::string device = GENERATE(from_range(std::begin(kDevices), std::end(kDevices)));
  const auto with = [&](const std::string& checkpoint) {
    return step_s(layout(device, "overlap: {data: false}") + "reliability:\n  checkpoint: " + checkpoint + "\n");
  };
  const double apart = with("{interval: 10 min, write_time: 5 min}");
  const double rare = with("{interval: 10 min, write_time: 5 min, network: scale_out}");
  const double often = with("{interval: 1 min, write_time: 30 s, network: scale_out}");
  const double copied = with("{memory: {interval: 1 min, copies: 2}, network: scale_out}");
  CHECK(rare > apart);
  CHECK(often > rare);
  // One copy a minute elsewhere is the same traffic as one state a minute to storage.
  CHECK(copied == Approx(often).epsilon(1e-12));
}

TEST_CASE("the dispatcher can be said: deduplicated never slower than once per expert", "[studies][invariants]") {
  const std::string text =
      "study: training\n"
      "model: {name: deepseek-v3}\n"
      "cluster: {device: h100-sxm-80gb, num_devices: 256}\n"
      "training: {sequence_length: 4096, global_batch: 2048, micro_batch: 1, recompute: full, expert_imbalance: 1.0,\n"
      "  parallelism: {pipeline: 8, data: 32, expert: 32}}\n";
  CHECK(step_s(text, {{"training.expert_dispatch", "deduplicated"}}) <
        step_s(text, {{"training.expert_dispatch", "all_to_all"}}));
}

TEST_CASE("a device whose host is unknown refuses to offload", "[studies]") {
  CHECK_THROWS_WITH(step_s(layout("tpu-v5p", "offload: {optimizer: 1}")),
                    ContainsSubstring("tpu-v5p") && ContainsSubstring("node.host_link"));
}
