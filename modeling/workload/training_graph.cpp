// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/training_graph.h"

#include <algorithm>
#include <stdexcept>

#include "modeling/workload/attention_block.h"
#include "modeling/workload/layer_segments.h"
#include "modeling/workload/mlp_block.h"
#include "modeling/workload/output_block.h"

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

/// Adam on the device, and for the offloaded share on the host: gradients out, new 16-bit weights in.
void write_optimizer(TemplateWriter& w, double parameters) {
  const double on_host = w.training().offload.optimizer_share * parameters;
  if (on_host < parameters) w.stream("adam", kAdamTrafficBytes * (parameters - on_host));
  if (on_host <= 0.0) return;
  w.kernel({.name = "adam on the host",
            .kind = OperatorKind::kHost,
            .memory_bytes = kAdamTrafficBytes * on_host,
            .message_bytes = std::max(w.traits().gradient_exchange_bytes, kActivationBytes) * on_host});
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
  write_optimizer(w, stage == 0 ? parameters : parameters / replicas);
  if (exchanges && stage > 0)
    w.collective("gather weights", Collective::kAllGather, group, w.gathered_bytes() * parameters);
}

void write_updates(TemplateWriter& w, Segment segment, bool exchanged_in_passes) {
  const TemplateParameters parameters = template_parameters(w.whole_model(), w.training(), segment);
  const Parallelism& p = w.training().parallelism;
  w.begin(segment, Pass::kUpdate);
  write_update(w, CommGroup::kData, parameters.shared, shared_replicas(p), exchanged_in_passes);
  write_update(w, CommGroup::kExpertData, parameters.expert, expert_replicas(p), exchanged_in_passes);
}

bool has_experts(const TemplateWriter& w) {
  return w.model().layer.feed_forward == FeedForward::kExperts;
}

void write_layer_body_forward(TemplateWriter& w) {
  write_attention_forward(w);
  if (has_experts(w)) return write_expert_mlp_forward(w);
  write_dense_mlp_forward(w);
}

void write_layer_body_backward(TemplateWriter& w) {
  if (has_experts(w)) {
    write_expert_mlp_backward(w);
  } else {
    write_dense_mlp_backward(w);
  }
  write_attention_backward(w);
}

void write_selected_again(TemplateWriter& w) {
  const bool experts = has_experts(w);
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

/// The share of what a forward pass keeps that waits in the host's memory.
double offloaded_bytes(const TemplateWriter& w, Segment segment) {
  return w.training().offload.activations_share * totals(w.graph(), segment, Pass::kForward).saved_bytes;
}

void write_layer(TemplateWriter& w, Segment segment) {
  const TemplateParameters parameters = template_parameters(w.whole_model(), w.training(), segment);
  const bool recomputes_all = w.training().recompute == Recompute::kFull;
  w.begin(segment, Pass::kForward);
  if (recomputes_all) w.stream("keep layer input", 0.0, w.shared_hidden_bytes());
  gather_weights(w, parameters);
  write_layer_body_forward(w);
  const double offloaded = offloaded_bytes(w, segment);
  w.copy_beside("offload activations", offloaded);
  w.begin(segment, Pass::kRecompute);
  if (recomputes_all) {
    gather_weights(w, parameters);
    write_layer_body_forward(w);
  }
  if (w.training().recompute == Recompute::kSelective) write_selected_again(w);
  w.begin(segment, Pass::kBackward);
  w.copy_beside("fetch activations", offloaded);
  // Full recomputation has gathered them already.
  if (!recomputes_all) gather_weights(w, parameters);
  write_layer_body_backward(w);
  scatter_gradients(w, parameters);
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

void write_head(TemplateWriter& w) {
  w.begin(Segment::kHead, Pass::kForward);
  write_output_forward(w);
  w.begin(Segment::kHead, Pass::kBackward);
  write_output_backward(w);
  write_updates(w, Segment::kHead, false);
}

/// A multi-token prediction module: both inputs to one, a layer of its own, the model's output matrix again.
void write_next_token_module(TemplateWriter& w) {
  const TemplateParameters parameters = template_parameters(w.whole_model(), w.training(), Segment::kNextToken);
  const bool recomputes_all = w.training().recompute == Recompute::kFull;
  w.begin(Segment::kNextToken, Pass::kForward);
  if (recomputes_all) w.stream("keep module input", 0.0, 2.0 * w.shared_hidden_bytes());
  gather_weights(w, parameters);
  write_module_input_forward(w);
  write_layer_body_forward(w);
  write_output_forward(w);
  w.begin(Segment::kNextToken, Pass::kRecompute);
  if (recomputes_all) {
    gather_weights(w, parameters);
    write_module_input_forward(w);
    write_layer_body_forward(w);
  }
  if (w.training().recompute == Recompute::kSelective) write_selected_again(w);
  w.begin(Segment::kNextToken, Pass::kBackward);
  if (!recomputes_all) gather_weights(w, parameters);
  write_output_backward(w);
  write_layer_body_backward(w);
  write_module_input_backward(w);
  scatter_gradients(w, parameters);
  write_updates(w, Segment::kNextToken, fully_sharded(w));
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
  const std::vector<Segment> layers = layer_segments(model);
  for (const Segment segment : kLayerSegments)
    if (std::find(layers.begin(), layers.end(), segment) != layers.end()) write_layer(writer, segment);
  write_head(writer);
  if (model.num_nextn_predict_layers > 0) write_next_token_module(writer);
  return graph;
}

}  // namespace windtunnel::modeling
