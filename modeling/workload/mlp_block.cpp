// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/mlp_block.h"

namespace windtunnel::modeling {

namespace {

double mlp_dropout_mask_bytes(const TemplateWriter& w) {
  return w.model().gated_mlp ? 0.0 : w.shape().shared_tokens * w.shape().hidden;
}

/// A column-parallel and a row-parallel product with an activation between; `columns` after the tensor split.
struct Mlp {
  const char* name;
  double rows;
  double columns;
  double batch;
  double kernels = 1.0;
  bool grouped = false;
  /// Columns of its input and output; 0: the hidden state's.
  double depth = 0.0;
};

double depth_of(const LocalShape& s, const Mlp& mlp) {
  return mlp.depth > 0.0 ? mlp.depth : s.hidden;
}

ProductShape input_product(const LocalShape& s, const Mlp& mlp) {
  return {mlp.rows / mlp.batch, s.mlp_inputs * mlp.columns, depth_of(s, mlp), mlp.batch, mlp.kernels, mlp.grouped};
}
ProductShape output_product(const LocalShape& s, const Mlp& mlp) {
  return {mlp.rows / mlp.batch, depth_of(s, mlp), mlp.columns, mlp.batch, mlp.kernels, mlp.grouped};
}
double activation_bytes(const Mlp& mlp) {
  return kActivationBytes * mlp.rows * mlp.columns;
}
double activation_traffic_bytes(const TemplateWriter& w, const Mlp& mlp) {
  return (w.shape().mlp_inputs + 1.0) * activation_bytes(mlp);
}

void write_mlp_forward(TemplateWriter& w, const Mlp& mlp, double kept_input_bytes) {
  const LocalShape& s = w.shape();
  const std::string name = mlp.name;
  w.forward_product(name + " input", input_product(s, mlp), Operand::kFromFusedKernel, DependencyKind::kStreamed);
  // Kept: the input of the first product, what the activation function reads, and what the second product reads.
  const double output = w.selects(SelectiveRecompute::kActivations) ? 0.0 : w.saved_operand(mlp.rows * mlp.columns);
  w.elementwise(name + " activation", activation_traffic_bytes(w, mlp),
                kept_input_bytes + w.saved(s.mlp_inputs * activation_bytes(mlp)) + output);
  w.forward_product(name + " output", output_product(s, mlp), Operand::kFromFusedKernel);
}

/// What the first product reads is the output of the norm.
double kept_norm_output(const TemplateWriter& w) {
  if (w.selects(SelectiveRecompute::kActivations)) return 0.0;
  return w.saved_operand(w.shape().shared_tokens * w.shape().hidden);
}

void write_mlp_output_backward(TemplateWriter& w, const Mlp& mlp) {
  w.backward_products(std::string(mlp.name) + " output", output_product(w.shape(), mlp), Operand::kNeedsCast, false,
                      DependencyKind::kStreamed);
  w.elementwise(std::string(mlp.name) + " activation gradient",
                (2.0 * w.shape().mlp_inputs + 1.0) * activation_bytes(mlp));
}

Mlp dense_mlp(const LocalShape& s) {
  return {"mlp", s.tokens, s.mlp, 1.0};
}
Mlp shared_experts(const LocalShape& s) {
  return {"shared experts", s.tokens, s.shared_mlp, 1.0};
}
Mlp routed_experts(const TemplateWriter& w) {
  const LocalShape& s = w.shape();
  return {"experts", s.expert_rows,  s.expert_mlp, s.local_experts, w.traits().grouped_experts ? 1.0 : s.local_experts,
          true,      s.expert_hidden};
}

/// Tokens this rank sends to experts, counted once per expert, in bytes.
double dispatched_bytes(const LocalShape& s) {
  return kActivationBytes * s.shared_tokens * s.copies_per_token * s.expert_hidden;
}
ProductShape router(const LocalShape& s) {
  return {s.shared_tokens, s.experts, s.hidden};
}

/// The hottest rank receives its imbalance times the mean; a deduplicated token crosses to each domain once.
void exchange_tokens(TemplateWriter& w, const std::string& name) {
  w.kernel({.name = name,
            .kind = OperatorKind::kCollective,
            .collective = Collective::kAllToAll,
            .group = CommGroup::kExpert,
            .message_bytes = w.training().expert_imbalance * dispatched_bytes(w.shape()),
            .copies = w.traits().deduplicated_dispatch ? w.shape().copies_per_token : 1.0});
}

/// Softmax, top-k, counts per expert, sort and scatter are kernels of their own in every framework so far.
constexpr double kRoutingKernels = 8.0;
constexpr double kPermutingKernels = 4.0;

/// Experts split over tensor ranks see the tokens of all of them.
void gather_over_expert_tensor(TemplateWriter& w, const std::string& name, Collective kind) {
  if (w.shape().expert_tensor <= 1.0) return;
  w.collective(name, kind, CommGroup::kTensor, dispatched_bytes(w.shape()) * w.shape().expert_tensor);
}

}  // namespace

void write_dense_mlp_forward(TemplateWriter& w) {
  if (w.model().layer.feed_forward == FeedForward::kNone) return;
  w.elementwise("mlp norm", w.norm_bytes(), w.saved(w.shared_hidden_bytes()));
  w.gather_sequence("gather mlp input");
  write_mlp_forward(w, dense_mlp(w.shape()), kept_norm_output(w));
  w.reduce_sequence("scatter mlp output", DependencyKind::kStreamed);
  w.elementwise("mlp residual", w.residual_bytes(), w.saved(mlp_dropout_mask_bytes(w)));
}

void write_dense_mlp_backward(TemplateWriter& w) {
  if (w.model().layer.feed_forward == FeedForward::kNone) return;
  const Mlp mlp = dense_mlp(w.shape());
  w.elementwise("mlp residual gradient", w.residual_bytes());
  w.gather_sequence("gather mlp output gradient");
  write_mlp_output_backward(w, mlp);
  w.gather_sequence("gather mlp input again");
  w.backward_products("mlp input", input_product(w.shape(), mlp), Operand::kFromFusedKernel, true);
  w.elementwise("mlp norm gradient", 1.5 * w.norm_bytes());
}

void write_expert_mlp_forward(TemplateWriter& w) {
  const LocalShape& s = w.shape();
  w.elementwise("mlp norm", w.norm_bytes(), w.saved(w.shared_hidden_bytes()));
  if (s.shared_mlp > 0.0) {
    w.gather_sequence("gather shared experts input");
    write_mlp_forward(w, shared_experts(s), kept_norm_output(w));
    w.reduce_sequence("scatter shared experts output", DependencyKind::kStreamed);
  }
  w.kernel(w.product("router", router(s), Precision::kBf16, kMainGradientBytes));
  // Softmax and choice in 32 bits: three trips over the scores.
  w.stream("choose experts", 3.0 * kMainGradientBytes * s.shared_tokens * s.experts,
           w.saved(kMainGradientBytes * s.shared_tokens * s.experts), kRoutingKernels);
  if (w.model().moe_latent_size > 0)
    w.forward_product("to experts' columns", {s.shared_tokens, s.expert_hidden, s.hidden}, Operand::kFromFusedKernel);
  w.stream("permute tokens", 2.0 * dispatched_bytes(s), 0.0, kPermutingKernels);
  exchange_tokens(w, "dispatch tokens");
  gather_over_expert_tensor(w, "gather dispatched tokens", Collective::kAllGather);
  write_mlp_forward(w, routed_experts(w), w.saved_operand(s.expert_rows * s.expert_hidden));
  gather_over_expert_tensor(w, "scatter expert output", Collective::kReduceScatter);
  exchange_tokens(w, "combine tokens");
  w.stream("weigh and add expert outputs", dispatched_bytes(s) + w.shared_hidden_bytes(),
           w.saved_elementwise(dispatched_bytes(s)), kPermutingKernels);
  if (w.model().moe_latent_size > 0)
    w.forward_product("from experts' columns", {s.shared_tokens, s.hidden, s.expert_hidden}, Operand::kNeedsCast);
  w.elementwise("mlp residual", w.residual_bytes());
}

void write_mlp_elementwise(TemplateWriter& w, bool experts) {
  if (w.model().layer.feed_forward == FeedForward::kNone) return;
  w.elementwise("mlp norm again", w.norm_bytes());
  if (!experts) return w.elementwise("mlp activation again", activation_traffic_bytes(w, dense_mlp(w.shape())));
  if (w.shape().shared_mlp > 0.0)
    w.elementwise("shared experts activation again", activation_traffic_bytes(w, shared_experts(w.shape())));
  w.elementwise("experts activation again", activation_traffic_bytes(w, routed_experts(w)));
}

void write_expert_mlp_backward(TemplateWriter& w) {
  const LocalShape& s = w.shape();
  w.elementwise("mlp residual gradient", w.residual_bytes());
  if (w.model().moe_latent_size > 0)
    w.backward_products("from experts' columns", {s.shared_tokens, s.hidden, s.expert_hidden}, Operand::kNeedsCast);
  w.stream("weigh and add gradient", 2.0 * dispatched_bytes(s) + w.shared_hidden_bytes(), 0.0, kPermutingKernels);
  exchange_tokens(w, "combine gradient");
  gather_over_expert_tensor(w, "gather expert output gradient", Collective::kAllGather);
  write_mlp_output_backward(w, routed_experts(w));
  w.backward_products("experts input", input_product(s, routed_experts(w)), Operand::kFromFusedKernel);
  gather_over_expert_tensor(w, "scatter dispatched gradient", Collective::kReduceScatter);
  exchange_tokens(w, "dispatch gradient");
  w.stream("permute gradient", 2.0 * dispatched_bytes(s), 0.0, kPermutingKernels);
  if (w.model().moe_latent_size > 0)
    w.backward_products("to experts' columns", {s.shared_tokens, s.expert_hidden, s.hidden}, Operand::kNeedsCast);
  if (s.shared_mlp > 0.0) {
    w.gather_sequence("gather shared experts output gradient");
    write_mlp_output_backward(w, shared_experts(s));
    w.gather_sequence("gather shared experts input again");
    w.backward_products("shared experts input", input_product(s, shared_experts(s)), Operand::kFromFusedKernel, true);
  }
  const ProductShape r = router(s);
  w.kernel(w.product("router input gradient", {r.rows, r.depth, r.columns}, Precision::kBf16, kActivationBytes));
  w.kernel(
      w.product("router weight gradient", {r.depth, r.columns, r.rows}, Precision::kBf16, 2.0 * kMainGradientBytes));
  w.elementwise("mlp norm gradient", 1.5 * w.norm_bytes());
}

}  // namespace windtunnel::modeling
