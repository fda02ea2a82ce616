// SPDX-License-Identifier: Apache-2.0
#include "modeling/cluster/placement.h"

#include <numeric>

#include "modeling/cluster/memory.h"
#include "modeling/workload/training_graph.h"
#include "test/catch.h"
#include "test/modeling/small_profile.h"

using namespace windtunnel::modeling;

namespace {

Placement placed(const Model& model, const Training& training) {
  return place(model, training, 8);
}

MemoryUse memory(const Model& model, const Training& training) {
  return memory_per_device(build_training_graph(model, training, {}), model, training, placed(model, training),
                           small_machine());
}

}  // namespace

TEST_CASE("groups fill scale-up domains tensor first, then context, data, pipeline", "[cluster][placement]") {
  Training training = small_training();
  training.parallelism = {.tensor = 4, .pipeline = 2, .data = 16, .context = 1, .expert_tensor = 1};
  const Placement placement = placed(small_gpt(), training);
  CHECK(placement.group(CommGroup::kTensor).local == 4);
  CHECK_FALSE(placement.group(CommGroup::kTensor).spans_domains());
  CHECK(placement.group(CommGroup::kData).local == 2);
  CHECK(placement.group(CommGroup::kData).domains == 8);
  CHECK(placement.group(CommGroup::kPipeline).local == 1);
}

TEST_CASE("layers that do not divide leave the ends lighter", "[cluster][placement]") {
  Model model = small_gpt();
  model.num_hidden_layers = 126;
  Training training = small_training();
  training.parallelism = {.pipeline = 16, .expert_tensor = 1, .virtual_stages = 8};
  const Placement placement = placed(model, training);
  CHECK(placement.chunks.size() == 128);
  CHECK(placement.chunks.front().layers() == 0);
  CHECK(placement.chunks.back().layers() == 0);
  CHECK(placement.chunks[1].layers() == 1);
  const Count sum = std::accumulate(placement.chunks.begin(), placement.chunks.end(), Count{0},
                                    [](Count s, const ModelChunk& c) { return s + c.layers(); });
  CHECK(sum == 126);
}

TEST_CASE("a prediction module leaves the last chunk one layer of four", "[cluster][placement]") {
  Model model = small_gpt();
  model.num_hidden_layers = 61;
  model.num_nextn_predict_layers = 1;
  Training training = small_training();
  training.parallelism = {.pipeline = 4, .expert_tensor = 1, .virtual_stages = 4};
  const Placement placement = placed(model, training);
  for (std::size_t chunk = 0; chunk + 1 < placement.chunks.size(); ++chunk) {
    CHECK(placement.chunks[chunk].layers() == 4);
    CHECK(placement.chunks[chunk].prediction_modules == 0);
  }
  CHECK(placement.chunks.back().layers() == 1);
  CHECK(placement.chunks.back().prediction_modules == 1);
}

TEST_CASE("a prediction module pushes layers off the last chunks, and loses none", "[cluster][placement]") {
  Model model = small_gpt();
  model.num_hidden_layers = 8;
  model.num_nextn_predict_layers = 1;
  Training training = small_training();
  training.parallelism = {.pipeline = 8, .expert_tensor = 1};
  Count layers = 0;
  for (const ModelChunk& chunk : placed(model, training).chunks) layers += chunk.layers();
  CHECK(layers == 8);
}

TEST_CASE("state takes 18 bytes a weight, 6 + 12/d with a distributed optimizer, 18/d fully sharded",
          "[cluster][memory]") {
  // Rajbhandari et al., arXiv:1910.02054, section 5 with 32-bit gradients.
  const Model model = small_gpt();
  Training training = small_training();
  training.parallelism.data = 8;
  const double parameters =
      parameters_on_rank(template_memory(build_training_graph(model, training, {}), model, training),
                         placed(model, training), 0)
          .total();
  const auto state = [&](int stage) {
    training.zero_stage = stage;
    return memory(model, training).state_bytes() / parameters;
  };
  CHECK(state(0) == Approx(18.0));
  CHECK(state(1) == Approx(6.0 + 12.0 / 8.0));
  CHECK(state(2) == Approx(2.0 + 16.0 / 8.0));
  CHECK(state(3) == Approx(18.0 / 8.0));
}

TEST_CASE("a higher ZeRO stage or more recomputation never needs more state or activations", "[cluster][memory]") {
  const Model model = small_gpt();
  Training training = small_training();
  training.parallelism.data = 4;
  double last = memory(model, training).activations_bytes;
  for (Recompute recompute : {Recompute::kSelective, Recompute::kFull}) {
    training.recompute = recompute;
    const double now = memory(model, training).activations_bytes;
    CHECK(now <= last);
    last = now;
  }
}

TEST_CASE("1F1B keeps as many micro-batches as there are ranks behind, interleaving (1 + (p-1)/(p v)) times that",
          "[cluster][memory]") {
  // Korthikanti et al., arXiv:2205.05198, section 4.2.3.
  Training training = small_training();
  training.global_batch = 64;
  training.parallelism = {.pipeline = 4, .expert_tensor = 1};
  Placement placement = placed(small_gpt(), training);
  CHECK(activations_in_flight(PipelineSchedule::kOneForwardOneBackward, placement, 0) == 4.0);
  CHECK(activations_in_flight(PipelineSchedule::kOneForwardOneBackward, placement, 3) == 1.0);
  CHECK(activations_in_flight(PipelineSchedule::kGpipe, placement, 0) == 32.0);
  training.parallelism.virtual_stages = 2;
  placement = placed(small_gpt(), training);
  CHECK(activations_in_flight(PipelineSchedule::kInterleaved, placement, 0) / 2.0 == Approx(4.0 * (1.0 + 3.0 / 8.0)));
}
