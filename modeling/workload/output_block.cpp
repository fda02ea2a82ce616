// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/output_block.h"

namespace windtunnel::modeling {

namespace {

double logits(const LocalShape& s) {
  return s.tokens * s.vocabulary;
}

/// Cross entropy in 32 bits: read, exponentiate, write; kept for the backward pass. Out of place, the logits, their
/// 32-bit copy and its gradient live at once and every operation is a trip of its own.
void write_loss(TemplateWriter& w) {
  constexpr double kWide = 4.0;
  const double elements = logits(w.shape());
  if (w.traits().fused_cross_entropy)
    return w.stream("cross entropy", elements * (kActivationBytes + 2.0 * kWide), elements * kWide);
  w.stream("cast logits", elements * (kActivationBytes + kWide), elements * (kActivationBytes + kWide));
  w.stream("exponentiate logits", elements * 2.0 * kWide);
  w.stream("normalise logits", elements * 2.0 * kWide);
  w.stream("cross entropy", elements * 2.0 * kWide, elements * kWide);
}

/// Both inputs, side by side, to one; column-parallel over the tensor ranks and gathered behind.
ProductShape joining_product(const LocalShape& s) {
  return {s.tokens, s.hidden / s.tensor, 2.0 * s.hidden};
}

double norms_bytes(const TemplateWriter& w) {
  return 2.0 * 2.0 * w.shared_hidden_bytes();
}

}  // namespace

void write_output_forward(TemplateWriter& w) {
  const LocalShape& s = w.shape();
  w.elementwise("final norm", 2.0 * w.shared_hidden_bytes(), 2.0 * w.shared_hidden_bytes());
  w.gather_sequence("gather head input", Operand::kNeedsCast);
  w.kernel(w.product("logits", {s.tokens, s.vocabulary, s.hidden}, Precision::kBf16, kActivationBytes),
           DependencyKind::kStreamed);
  write_loss(w);
}

void write_output_backward(TemplateWriter& w) {
  const LocalShape& s = w.shape();
  w.stream("cross entropy gradient", logits(s) * (4.0 + kActivationBytes));
  Operator weight_gradient = w.product("logits weight gradient", {s.hidden, s.vocabulary, s.tokens}, Precision::kBf16,
                                       2.0 * kMainGradientBytes);
  weight_gradient.deferrable = true;
  w.kernel(w.product("logits input gradient", {s.tokens, s.hidden, s.vocabulary}, Precision::kBf16, kActivationBytes));
  w.kernel(std::move(weight_gradient));
  w.reduce_sequence("reduce head gradient", DependencyKind::kComplete);
  w.elementwise("final norm gradient", 3.0 * w.shared_hidden_bytes());
}

void write_module_input_forward(TemplateWriter& w) {
  const LocalShape& s = w.shape();
  w.stream("look up next tokens", 2.0 * w.hidden_bytes(), s.tokens * 8.0);
  w.reduce_sequence("reduce next embeddings", DependencyKind::kComplete);
  w.elementwise("norms of both inputs", norms_bytes(w), w.saved(2.0 * w.shared_hidden_bytes()));
  w.gather_sequence("gather both inputs");
  w.forward_product("joining projection", joining_product(s), Operand::kFromFusedKernel, DependencyKind::kStreamed);
  w.reduce_sequence("share joined state", DependencyKind::kStreamed);
}

void write_module_input_backward(TemplateWriter& w) {
  w.gather_sequence("gather joined gradient");
  w.backward_products("joining projection", joining_product(w.shape()), Operand::kNeedsCast, true);
  w.elementwise("norms of both inputs gradient", 1.5 * norms_bytes(w));
  w.stream("add to next embedding gradient", 3.0 * w.hidden_bytes());
}

}  // namespace windtunnel::modeling
