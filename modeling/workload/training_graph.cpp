// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/training_graph.h"

#include <stdexcept>

#include "modeling/workload/attention_block.h"
#include "modeling/workload/mlp_block.h"

namespace windtunnel::modeling {

namespace {

/// Adam reads gradient, weight and two moments in 32 bits, writes the last three and the 16-bit weight.
constexpr double kAdamTrafficBytes = 30.0;

bool fully_sharded(const TemplateWriter& w) {
  return w.training().zero_stage >= 3;
}

/// ZeRO 3: the weights of the layer arrive just in time, gathered from the ranks that share them.
void gather_weights(TemplateWriter& w, const TemplateParameters& parameters) {
  if (!fully_sharded(w)) return;
  w.prefetched("gather weights", Collective::kAllGather, CommGroup::kData, w.gathered_bytes() * parameters.shared);
  w.prefetched("gather expert weights", Collective::kAllGather, CommGroup::kExpertData,
               w.gathered_bytes() * parameters.expert);
}

void scatter_gradients(TemplateWriter& w, const TemplateParameters& parameters) {
  if (!fully_sharded(w)) return;
  const double bytes = w.traits().gradient_exchange_bytes;
  w.prefetched("scatter gradients", Collective::kReduceScatter, CommGroup::kData, bytes * parameters.shared);
  w.prefetched("scatter expert gradients", Collective::kReduceScatter, CommGroup::kExpertData,
               bytes * parameters.expert);
}

/// Gradient exchange of one kind of weights, Adam in 32 bits, and the new weights back.
void write_update(TemplateWriter& w, CommGroup group, double parameters, double replicas, bool exchanged_in_passes) {
  if (parameters <= 0.0) return;
  const int stage = w.training().zero_stage;
  const bool exchanges = replicas > 1.0 && !exchanged_in_passes;
  w.forget_last();
  if (exchanges) {
    const Collective kind = stage == 0 ? Collective::kAllReduce : Collective::kReduceScatter;
    w.collective("exchange gradients", kind, group, w.traits().gradient_exchange_bytes * parameters);
  }
  w.stream("adam", kAdamTrafficBytes * (stage == 0 ? parameters : parameters / replicas));
  if (exchanges && stage > 0)
    w.collective("gather weights", Collective::kAllGather, group, w.gathered_bytes() * parameters);
}

void write_updates(TemplateWriter& w, Segment segment, bool exchanged_in_passes) {
  const TemplateParameters parameters = template_parameters(w.model(), w.training(), segment);
  const Parallelism& p = w.training().parallelism;
  w.begin(segment, Pass::kUpdate);
  write_update(w, CommGroup::kData, parameters.shared, shared_replicas(p), exchanged_in_passes);
  write_update(w, CommGroup::kExpertData, parameters.expert, expert_replicas(p), exchanged_in_passes);
}

void write_layer_forward(TemplateWriter& w, Segment segment) {
  gather_weights(w, template_parameters(w.model(), w.training(), segment));
  write_attention_forward(w);
  if (segment == Segment::kExpertLayer) {
    write_expert_mlp_forward(w);
  } else {
    write_dense_mlp_forward(w);
  }
}

void write_selected_again(TemplateWriter& w, Segment segment) {
  const bool experts = segment == Segment::kExpertLayer;
  switch (w.traits().selective) {
    case SelectiveRecompute::kNever:
    case SelectiveRecompute::kAttention:
      return write_attention_core(w);
    case SelectiveRecompute::kActivations:
      write_attention_norm(w);
      return write_mlp_elementwise(w, experts);
    case SelectiveRecompute::kEverySecondProduct:
      w.set_product_share(0.5);
      write_attention_projections(w);
      return experts ? write_expert_mlp_forward(w) : write_dense_mlp_forward(w);
  }
}

void write_layer(TemplateWriter& w, Segment segment) {
  w.begin(segment, Pass::kForward);
  if (w.training().recompute == Recompute::kFull) w.stream("keep layer input", 0.0, w.shared_hidden_bytes());
  write_layer_forward(w, segment);
  w.begin(segment, Pass::kRecompute);
  if (w.training().recompute == Recompute::kFull) write_layer_forward(w, segment);
  if (w.training().recompute == Recompute::kSelective) write_selected_again(w, segment);
  w.begin(segment, Pass::kBackward);
  // Full recomputation has gathered them already.
  if (w.training().recompute != Recompute::kFull)
    gather_weights(w, template_parameters(w.model(), w.training(), segment));
  if (segment == Segment::kExpertLayer) {
    write_expert_mlp_backward(w);
  } else {
    write_dense_mlp_backward(w);
  }
  write_attention_backward(w);
  scatter_gradients(w, template_parameters(w.model(), w.training(), segment));
  write_updates(w, segment, fully_sharded(w));
}

void write_embedding(TemplateWriter& w) {
  w.begin(Segment::kEmbedding, Pass::kForward);
  w.stream("look up tokens", 2.0 * w.hidden_bytes(), w.shape().tokens * 8.0);
  w.reduce_sequence("reduce embeddings", DependencyKind::kComplete);
  w.begin(Segment::kEmbedding, Pass::kBackward);
  w.gather_sequence("gather embedding gradient", Operand::kNeedsCast);
  w.stream("add to embedding gradient", 3.0 * w.hidden_bytes());
  write_updates(w, Segment::kEmbedding, false);
}

/// Cross entropy in 32 bits: read, exponentiate, write; kept for the backward pass. Out of place, the logits, their
/// 32-bit copy and its gradient live at once and every operation is a trip of its own.
void write_loss(TemplateWriter& w, double logits) {
  constexpr double kWide = 4.0;
  if (w.traits().fused_cross_entropy)
    return w.stream("cross entropy", logits * (kActivationBytes + 2.0 * kWide), logits * kWide);
  w.stream("cast logits", logits * (kActivationBytes + kWide), logits * (kActivationBytes + kWide));
  w.stream("exponentiate logits", logits * 2.0 * kWide);
  w.stream("normalise logits", logits * 2.0 * kWide);
  w.stream("cross entropy", logits * 2.0 * kWide, logits * kWide);
}

void write_head(TemplateWriter& w) {
  const LocalShape& s = w.shape();
  const double logits = s.tokens * s.vocabulary;
  const ProductShape product{s.tokens, s.vocabulary, s.hidden};
  w.begin(Segment::kHead, Pass::kForward);
  w.elementwise("final norm", 2.0 * w.shared_hidden_bytes(), 2.0 * w.shared_hidden_bytes());
  w.gather_sequence("gather head input", Operand::kNeedsCast);
  w.kernel(w.product("logits", product, Precision::kBf16, kActivationBytes), DependencyKind::kStreamed);
  write_loss(w, logits);
  w.begin(Segment::kHead, Pass::kBackward);
  w.stream("cross entropy gradient", logits * (4.0 + kActivationBytes));
  Operator weight_gradient = w.product("logits weight gradient", {s.hidden, s.vocabulary, s.tokens}, Precision::kBf16,
                                       2.0 * kMainGradientBytes);
  weight_gradient.deferrable = true;
  w.kernel(w.product("logits input gradient", {s.tokens, s.hidden, s.vocabulary}, Precision::kBf16, kActivationBytes));
  w.kernel(std::move(weight_gradient));
  w.reduce_sequence("reduce head gradient", DependencyKind::kComplete);
  w.elementwise("final norm gradient", 3.0 * w.shared_hidden_bytes());
  write_updates(w, Segment::kHead, false);
}

}  // namespace

OperatorGraph build_training_graph(const Model& model, const Training& training, const KernelTraits& traits) {
  if (training.recompute == Recompute::kAuto)
    throw std::logic_error("recompute must be resolved before the graph is built");
  if (training.parallelism.expert_tensor < 1)
    throw std::logic_error("expert_tensor must be resolved before the graph is built");
  OperatorGraph graph;
  TemplateWriter writer(graph, model, training, traits);
  write_embedding(writer);
  if (!model.is_mixture_of_experts() || model.first_k_dense_layers > 0) write_layer(writer, Segment::kDenseLayer);
  if (model.is_mixture_of_experts()) write_layer(writer, Segment::kExpertLayer);
  write_head(writer);
  return graph;
}

}  // namespace windtunnel::modeling
