// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/training/decisions.h"

#include <cmath>

#include "modeling/chains/step/template_schedule.h"
#include "test/catch.h"
#include "test/modeling/small_profile.h"

using namespace windtunnel::modeling;

namespace {

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

Model small_mixture() {
  Model model = small_gpt();
  model.gated_mlp = true;
  model.num_experts = 16;
  model.num_experts_per_tok = 4;
  model.moe_intermediate_size = 512;
  return model;
}

const Operator& named(const OperatorGraph& graph, const std::string& name) {
  for (int vertex = 0; vertex < graph.size(); ++vertex) {
    if (graph.at(vertex).name == name) return graph.at(vertex);
  }
  throw std::out_of_range("no operator " + name);
}

}  // namespace

TEST_CASE("the fuller of two expert ranks holds 2 Phi(sigma / sqrt 2) times the mean", "[studies][experts]") {
  // E[max(X, Y)] of independent log-normals of mean 1: X wins with probability Phi(sigma / sqrt 2) under its own
  // measure.
  const double variation = GENERATE(0.1, 0.5, 1.5);
  const double experts_per_rank = GENERATE(1.0, 16.0);
  const double of_rank = variation / std::sqrt(experts_per_rank);
  const double sigma = std::sqrt(std::log1p(of_rank * of_rank));
  CHECK(expected_imbalance(variation, 2.0, experts_per_rank) ==
        Approx(2.0 * normal_cdf(sigma / std::sqrt(2.0))).epsilon(1e-6));
}

TEST_CASE("more experts on a rank even its load out, more ranks make the fullest fuller", "[studies][experts]") {
  CHECK(expected_imbalance(0.0, 8.0, 4.0) == 1.0);
  CHECK(expected_imbalance(0.5, 1.0, 4.0) == 1.0);
  CHECK(expected_imbalance(0.5, 8.0, 16.0) < expected_imbalance(0.5, 8.0, 4.0));
  CHECK(expected_imbalance(0.5, 8.0, 4.0) < expected_imbalance(0.5, 32.0, 4.0));
}

TEST_CASE("without a pipeline the largest micro-batch is tried first, with one there is only 1", "[studies]") {
  Training training = small_training();
  training.micro_batch = 0;
  training.global_batch = 12;
  training.parallelism = {.data = 2, .expert_tensor = 1};
  CHECK(candidate_micro_batches(training) == std::vector<Count>{6, 3, 2, 1});
  training.parallelism.pipeline = 2;
  CHECK(candidate_micro_batches(training) == std::vector<Count>{1});
  training.micro_batch = 4;
  CHECK(candidate_micro_batches(training) == std::vector<Count>{4});
}

TEST_CASE("deduplicated dispatch says how many copies of a token it carries", "[workload][experts]") {
  Training training = small_training();
  training.parallelism = {.data = 8, .expert = 8, .expert_tensor = 1};
  const KernelTraits plain{};
  const KernelTraits deduplicated{.deduplicated_dispatch = true};
  CHECK(named(build_training_graph(small_mixture(), training, plain), "dispatch tokens").copies == 1.0);
  CHECK(named(build_training_graph(small_mixture(), training, deduplicated), "dispatch tokens").copies == 4.0);
}

TEST_CASE("narrow gathers halve what feeds 8-bit products and leave 16-bit ones alone", "[workload]") {
  Training training = small_training();
  training.parallelism = {.tensor = 4, .expert_tensor = 1};
  training.sequence_parallel = true;
  const auto bytes = [&](Precision precision, bool narrow) {
    training.precision = precision;
    return named(build_training_graph(small_gpt(), training, {.narrow_gathers = narrow}), "gather mlp input")
        .message_bytes;
  };
  CHECK(bytes(Precision::kFp8, true) == 0.5 * bytes(Precision::kFp8, false));
  CHECK(bytes(Precision::kBf16, true) == bytes(Precision::kBf16, false));
}

TEST_CASE("what selective recomputation runs again depends on the generation", "[workload][memory]") {
  Training training = small_training();
  training.recompute = Recompute::kSelective;
  const auto graph = [&](SelectiveRecompute selective) {
    return build_training_graph(small_gpt(), training, {.selective = selective});
  };
  const auto again = [&](SelectiveRecompute selective) {
    return totals(graph(selective), Segment::kDenseLayer, Pass::kRecompute);
  };
  const auto kept = [&](SelectiveRecompute selective) {
    return totals(graph(selective), Segment::kDenseLayer, Pass::kForward).saved_bytes;
  };
  const double forward = totals(graph(SelectiveRecompute::kAttention), Segment::kDenseLayer, Pass::kForward).flop;
  CHECK(again(SelectiveRecompute::kActivations).flop == 0.0);
  const double attention = again(SelectiveRecompute::kAttention).flop;
  CHECK(again(SelectiveRecompute::kEverySecondProduct).flop == Approx(0.5 * (forward - attention)).epsilon(1e-12));
  CHECK(kept(SelectiveRecompute::kActivations) < kept(SelectiveRecompute::kAttention));
  CHECK(kept(SelectiveRecompute::kEverySecondProduct) < kept(SelectiveRecompute::kActivations));
}

TEST_CASE("a layer takes at least the time its kernels take to be issued", "[chains][host]") {
  const Machine machine = small_machine();
  const Model model = small_gpt();
  const Training training = small_training();
  const OperatorGraph graph = build_training_graph(model, training, {});
  const Placement placement = place(model, training, 8);
  const ServiceTimes times = service_times(graph, placement, machine, LinkSlowdowns{});
  double kernels = 0.0;
  for (int vertex : graph.members(Segment::kDenseLayer, Pass::kForward)) kernels += graph.at(vertex).kernels;
  const auto play = [&](double issue_s) {
    return play_template(graph, Segment::kDenseLayer, Pass::kForward, times, placement, {.host_issue_s = issue_s});
  };
  const double device_s = play(0.0).duration.mean_s;
  CHECK(play(0.5 * device_s / kernels).duration.mean_s == device_s);
  const TemplateTime bound = play(2.0 * device_s / kernels);
  CHECK(bound.duration.mean_s == Approx(2.0 * device_s).epsilon(1e-12));
  CHECK(bound.spans.back().activity == Activity::kHostWait);
  CHECK(bound.host_s == bound.duration.mean_s);
  CHECK(bound.spans.back().duration_s == Approx(device_s).epsilon(1e-12));
}
