// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/training_graph.h"

#include <numeric>

#include "modeling/spec/spec_error.h"
#include "modeling/workload/model_flop.h"
#include "test/catch.h"
#include "test/modeling/small_profile.h"

using namespace windtunnel::modeling;

namespace {

double step_flop(const OperatorGraph& graph, const Model& model, const Training& training) {
  const double micro_batches = static_cast<double>(training.global_batch / training.micro_batch);
  double flop = 0.0;
  for (Pass pass : {Pass::kForward, Pass::kBackward}) {
    flop += static_cast<double>(model.num_hidden_layers) * totals(graph, Segment::kDenseLayer, pass).flop;
    flop += totals(graph, Segment::kHead, pass).flop;
  }
  return micro_batches * flop;
}

/// Causal attention does half of the full matrix forward; the backward kernel computes the scores again (5 products,
/// not 4).
double attention_flop(const Model& m, const Training& t) {
  const double scores =
      static_cast<double>(t.global_batch * t.sequence_length * t.sequence_length * m.num_attention_heads);
  return static_cast<double>(m.num_hidden_layers) * scores * (2.0 + 5.0) * static_cast<double>(m.head_dim);
}

}  // namespace

TEST_CASE("forward and backward products do 6 FLOP per weight and token", "[workload]") {
  const Model model = small_gpt();
  const Training training = small_training();
  const OperatorGraph graph = build_training_graph(model, training, {});
  const double tokens = static_cast<double>(training.global_batch * training.sequence_length);
  CHECK(step_flop(graph, model, training) ==
        Approx(6.0 * active_weights(model) * tokens + attention_flop(model, training)).epsilon(1e-12));
}

TEST_CASE("tensor, context and data parallelism share the work of a layer", "[workload]") {
  const Model model = small_gpt();
  Training whole = small_training();
  Training split = whole;
  split.parallelism = {.tensor = 4, .context = 2, .expert_tensor = 1};
  const TemplateTotals one = totals(build_training_graph(model, whole, {}), Segment::kDenseLayer, Pass::kForward);
  const TemplateTotals eighth = totals(build_training_graph(model, split, {}), Segment::kDenseLayer, Pass::kForward);
  CHECK(eighth.flop == Approx(one.flop / 8.0).epsilon(1e-12));
}

TEST_CASE("a GPT layer keeps 34 s b h bytes, 5 a s^2 b more without a fused kernel", "[workload][memory]") {
  // Korthikanti et al., arXiv:2205.05198, equation 1.
  const Model model = small_gpt();
  Training training = small_training();
  const double sbh = static_cast<double>(training.sequence_length * training.micro_batch * model.hidden_size);
  const double scores = static_cast<double>(model.num_attention_heads * training.sequence_length *
                                            training.sequence_length * training.micro_batch);
  const auto saved = [&](const Training& t, bool fused) {
    return totals(build_training_graph(model, t, {.fused_attention = fused}), Segment::kDenseLayer, Pass::kForward)
        .saved_bytes;
  };
  CHECK(saved(training, true) == Approx(34.0 * sbh).epsilon(1e-12));
  CHECK(saved(training, false) == Approx(34.0 * sbh + 5.0 * scores).epsilon(1e-12));
  SECTION("selective recomputation drops the scores, full keeps only the input") {
    training.recompute = Recompute::kSelective;
    CHECK(saved(training, false) == Approx(34.0 * sbh).epsilon(1e-12));
    training.recompute = Recompute::kFull;
    CHECK(saved(training, false) == Approx(2.0 * sbh).epsilon(1e-12));
  }
  SECTION("tensor and sequence parallelism divide everything: 34 s b h / t") {
    training.parallelism.tensor = 4;
    training.sequence_parallel = true;
    CHECK(saved(training, true) == Approx(34.0 * sbh / 4.0).epsilon(1e-12));
  }
  SECTION("tensor parallelism alone leaves 10 of the 34 whole") {
    training.parallelism.tensor = 4;
    CHECK(saved(training, true) == Approx(10.0 * sbh + 24.0 * sbh / 4.0).epsilon(1e-12));
  }
}

TEST_CASE("full recomputation runs the whole forward pass again, selective only the attention", "[workload]") {
  const Model model = small_gpt();
  Training training = small_training();
  training.recompute = Recompute::kFull;
  const OperatorGraph full = build_training_graph(model, training, {});
  CHECK(totals(full, Segment::kDenseLayer, Pass::kRecompute).flop ==
        totals(full, Segment::kDenseLayer, Pass::kForward).flop);
  training.recompute = Recompute::kSelective;
  const OperatorGraph selective = build_training_graph(model, training, {});
  CHECK(totals(selective, Segment::kDenseLayer, Pass::kRecompute).operators == 1);
  training.recompute = Recompute::kNone;
  CHECK(totals(build_training_graph(model, training, {}), Segment::kDenseLayer, Pass::kRecompute).operators == 0);
}

TEST_CASE("tensor parallelism exchanges the hidden state four times a layer, twice each way", "[workload]") {
  const Model model = small_gpt();
  Training training = small_training();
  training.parallelism.tensor = 2;
  const double hidden_bytes =
      2.0 * static_cast<double>(training.sequence_length * training.micro_batch * model.hidden_size);
  const OperatorGraph graph = build_training_graph(model, training, {});
  CHECK(totals(graph, Segment::kDenseLayer, Pass::kForward).message_bytes == Approx(2.0 * hidden_bytes));
  CHECK(totals(graph, Segment::kDenseLayer, Pass::kBackward).message_bytes == Approx(2.0 * hidden_bytes));
}

TEST_CASE("ZeRO 3 gathers the weights in every pass, lower stages exchange gradients once a step", "[workload]") {
  const Model model = small_gpt();
  Training training = small_training();
  training.parallelism.data = 4;
  const auto messages = [&](int stage, Pass pass) {
    training.zero_stage = stage;
    return totals(build_training_graph(model, training, {}), Segment::kDenseLayer, pass).message_bytes;
  };
  CHECK(messages(1, Pass::kForward) == 0.0);
  CHECK(messages(1, Pass::kUpdate) > 0.0);
  CHECK(messages(3, Pass::kForward) > 0.0);
  CHECK(messages(3, Pass::kUpdate) == 0.0);
  CHECK(messages(0, Pass::kUpdate) ==
        Approx(messages(1, Pass::kUpdate) * 4.0 / 6.0));  // all-reduce of 4 bytes against 4 out and 2 back
}

TEST_CASE("the graph accepts only earlier producers and numbers operators in program order", "[workload]") {
  OperatorGraph graph;
  CHECK(graph.add({.name = "first"}) == 0);
  CHECK(graph.add({.name = "second"}, {{0, DependencyKind::kStreamed}}) == 1);
  CHECK_THROWS_WITH(graph.add({.name = "third"}, {{2, DependencyKind::kComplete}}),
                    "operator 'third' waits for vertex 2, expected 0..1");
  CHECK(graph.producers(1).front().kind == DependencyKind::kStreamed);
  CHECK(graph.topological_order() == std::vector<int>{0, 1});
  CHECK_THAT(graph.to_dot(), ContainsSubstring("0->1") && ContainsSubstring("style=dashed"));
}

TEST_CASE("routed experts do the work of the active weights, spread over the expert ranks", "[workload][experts]") {
  Model model = small_gpt();
  model.gated_mlp = true;
  model.num_experts = 8;
  model.num_experts_per_tok = 2;
  model.moe_intermediate_size = 512;
  model.num_shared_experts = 1;
  Training training = small_training();
  training.parallelism = {.data = 4, .expert = 4, .expert_tensor = 1};
  const OperatorGraph graph = build_training_graph(model, training, {});
  const double layers = static_cast<double>(model.num_hidden_layers);
  const double tokens = static_cast<double>(training.micro_batch * training.sequence_length);
  const double scores = tokens * static_cast<double>(training.sequence_length * model.num_attention_heads);
  const double attention = scores * 7.0 * static_cast<double>(model.head_dim);
  double flop = 0.0;
  for (Pass pass : {Pass::kForward, Pass::kBackward}) flop += totals(graph, Segment::kExpertLayer, pass).flop;
  const double head = static_cast<double>(model.vocab_size * model.hidden_size);
  CHECK(flop == Approx(6.0 * tokens * (active_weights(model) - head) / layers + attention).epsilon(1e-12));
  CHECK(totals(graph, Segment::kDenseLayer, Pass::kForward).operators == 0);
}

TEST_CASE("tokens travel to their experts and back, twice forward and twice backward", "[workload][experts]") {
  Model model = small_gpt();
  model.num_experts = 8;
  model.num_experts_per_tok = 2;
  model.moe_intermediate_size = 512;
  Training training = small_training();
  training.parallelism = {.data = 4, .expert = 4, .expert_tensor = 1};
  training.expert_imbalance = 1.5;
  const double copies_bytes =
      2.0 * 2.0 * static_cast<double>(training.micro_batch * training.sequence_length * model.hidden_size);
  const OperatorGraph graph = build_training_graph(model, training, {});
  CHECK(totals(graph, Segment::kExpertLayer, Pass::kForward).message_bytes == Approx(2.0 * 1.5 * copies_bytes));
  CHECK(totals(graph, Segment::kExpertLayer, Pass::kBackward).message_bytes == Approx(2.0 * 1.5 * copies_bytes));
}

TEST_CASE("latent attention does the FLOP of its weights", "[workload][attention]") {
  Model model = small_gpt();
  model.q_lora_rank = 256;
  model.kv_lora_rank = 128;
  model.qk_nope_head_dim = 64;
  model.qk_rope_head_dim = 32;
  model.v_head_dim = 64;
  const Training training = small_training();
  const OperatorGraph graph = build_training_graph(model, training, {});
  const double tokens = static_cast<double>(training.micro_batch * training.sequence_length);
  const double scores = tokens * static_cast<double>(training.sequence_length * model.num_attention_heads);
  const double head = static_cast<double>(model.vocab_size * model.hidden_size);
  double flop = 0.0;
  for (Pass pass : {Pass::kForward, Pass::kBackward}) flop += totals(graph, Segment::kDenseLayer, pass).flop;
  // Score product 96 wide, value product 64 wide; backward three of the first and two of the second.
  CHECK(
      flop ==
      Approx(6.0 * tokens * (active_weights(model) - head) / 4.0 + scores * (4.0 * 96.0 + 3.0 * 64.0)).epsilon(1e-12));
}

TEST_CASE("a module that predicts a further token does the FLOP of its weights", "[workload][prediction]") {
  Model model = small_gpt();
  model.num_nextn_predict_layers = 1;
  Training training = small_training();
  training.parallelism = {.tensor = 2, .expert_tensor = 1};
  const OperatorGraph graph = build_training_graph(model, training, {});
  const double tokens = static_cast<double>(training.micro_batch * training.sequence_length);
  Model plain = model;
  plain.num_nextn_predict_layers = 0;
  const double weights = active_weights(model) - active_weights(plain);
  const double layer = static_cast<double>(model.hidden_size * model.hidden_size) * 12.0;
  const double projection = 2.0 * static_cast<double>(model.hidden_size * model.hidden_size);
  CHECK(weights == Approx(layer + projection + static_cast<double>(model.vocab_size * model.hidden_size)));
  const double attention =
      tokens * static_cast<double>(training.sequence_length * model.num_attention_heads * model.head_dim) * 7.0;
  double flop = 0.0;
  for (Pass pass : {Pass::kForward, Pass::kBackward}) flop += totals(graph, Segment::kNextToken, pass).flop;
  CHECK(flop == Approx((6.0 * tokens * weights + attention) / 2.0).epsilon(1e-12));
  CHECK(totals(build_training_graph(plain, training, {}), Segment::kNextToken, Pass::kForward).operators == 0);
}

TEST_CASE("full recomputation runs a prediction module again but not its output", "[workload][prediction]") {
  Model model = small_gpt();
  model.num_nextn_predict_layers = 1;
  Training training = small_training();
  training.recompute = Recompute::kFull;
  const OperatorGraph graph = build_training_graph(model, training, {});
  const double head = totals(graph, Segment::kHead, Pass::kForward).flop;
  CHECK(totals(graph, Segment::kNextToken, Pass::kRecompute).flop ==
        Approx(totals(graph, Segment::kNextToken, Pass::kForward).flop - head));
}

TEST_CASE("context ranks see the same scores however they exchange, with other messages", "[workload][context]") {
  const Model model = small_gpt();
  Training training = small_training();
  training.parallelism = {.context = 4, .expert_tensor = 1};
  const auto of = [&](ContextExchange exchange, Pass pass) {
    training.context_exchange = exchange;
    return totals(build_training_graph(model, training, {}), Segment::kDenseLayer, pass);
  };
  const double hidden_bytes =
      2.0 * static_cast<double>(training.micro_batch * training.sequence_length * model.hidden_size);
  for (Pass pass : {Pass::kForward, Pass::kBackward}) {
    const TemplateTotals ring = of(ContextExchange::kRing, pass);
    CHECK(of(ContextExchange::kAllGather, pass).message_bytes == ring.message_bytes);
    CHECK(of(ContextExchange::kAllToAll, pass).flop == Approx(ring.flop).epsilon(1e-12));
    // Query, key and value in, output out, a quarter of the sequence each (Jacobs et al., arXiv:2309.14509,
    // section 3.2).
    CHECK(of(ContextExchange::kAllToAll, pass).message_bytes == Approx(4.0 * hidden_bytes / 4.0));
  }
  CHECK(of(ContextExchange::kRing, Pass::kForward).message_bytes == Approx(2.0 * hidden_bytes));
}

TEST_CASE("model FLOP of published shapes follow 6 N D plus attention", "[workload]") {
  // GPT-3 175B, sequence 2048, batch 1536 (Narayanan et al., arXiv:2104.04473, equation 3 without recompute):
  // 72 B s l h^2 (1 + s/6h + V/12lh).
  const Model gpt3{.num_hidden_layers = 96,
                   .hidden_size = 12288,
                   .num_attention_heads = 96,
                   .num_key_value_heads = 96,
                   .head_dim = 128,
                   .intermediate_size = 49152,
                   .vocab_size = 51200,
                   .gated_mlp = false};
  const Training training{.sequence_length = 2048, .global_batch = 1536};
  const double l = 96, h = 12288, s = 2048, b = 1536, v = 51200;
  CHECK(model_flop_per_step(gpt3, training) ==
        Approx(72.0 * b * s * l * h * h * (1.0 + s / (6.0 * h) + v / (12.0 * l * h))).epsilon(1e-12));
}
