// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/attention_block.h"

#include <algorithm>

#include "modeling/spec/parameter_count.h"

namespace windtunnel::modeling {

namespace {

double query_bytes(const LocalShape& s) {
  return kActivationBytes * s.tokens * s.query;
}
double output_bytes(const LocalShape& s) {
  return kActivationBytes * s.tokens * s.attention_output;
}
/// Keys and values of the whole sequence, all heads of this device.
double gathered_key_value_bytes(const LocalShape& s) {
  return kActivationBytes * s.tokens * s.context * s.key_value;
}
/// Scores of this device's queries against the whole sequence, causal mask not applied; of windows and the like their
/// share.
double score_elements(const LocalShape& s) {
  return s.micro_batch * s.heads * (s.sequence / s.context) * s.sequence * s.attended_ratio;
}

bool splits_heads(const TemplateWriter& w) {
  return w.shape().context > 1.0 && w.training().context_exchange == ContextExchange::kAllToAll;
}

/// What the attention kernel of one device works on: some of the queries of all its heads, or all queries of some
/// heads.
struct AttentionCore {
  double queries = 0.0;
  double heads = 0.0;
  double key_value_bytes = 0.0;
};

AttentionCore attention_core(const TemplateWriter& w) {
  const LocalShape& s = w.shape();
  if (!splits_heads(w)) return {s.sequence / s.context, s.heads, gathered_key_value_bytes(s)};
  // A rank needs at least one key-value head: fewer heads than ranks are copied.
  const double one_head = kActivationBytes * s.tokens * s.context * (s.score_width + s.value_width);
  return {s.sequence, s.heads / s.context, std::max(gathered_key_value_bytes(s) / s.context, one_head)};
}

/// A GPT-like plain MLP comes with dropout, whose masks are kept (one byte each); Llama-like models have none.
double dropout_mask_bytes(const TemplateWriter& w) {
  return w.model().gated_mlp ? 0.0 : w.shape().shared_tokens * w.shape().hidden;
}

/// The products between hidden state and queries, keys and values.
struct Projections {
  ProductShape down;  ///< latent attention only: to the compressed queries, keys and values
  ProductShape query;
  ProductShape key_value;
  ProductShape together;  ///< ordinary attention: one product
};

Projections projections(const Model& m, const LocalShape& s) {
  Projections p;
  p.together = {s.tokens, s.projected, s.hidden};
  if (m.o_lora_rank > 0) {
    const double rank = static_cast<double>(m.q_lora_rank);
    const double overlap = m.layer.index_topk > 0 ? 2.0 : 1.0;
    const double compressor = m.layer.compress_ratio > 0 ? 2.0 * overlap * s.value_width : 0.0;
    p.down = {s.shared_tokens, rank + s.value_width + compressor, s.hidden};
    p.query = {s.tokens, s.query, rank > 0.0 ? rank : s.hidden};
    p.key_value = {};
    return p;
  }
  if (!m.has_latent_attention()) return p;
  const double query_rank = static_cast<double>(m.q_lora_rank);
  const double key_value_rank = static_cast<double>(m.kv_lora_rank);
  p.down = {s.shared_tokens, query_rank + key_value_rank + static_cast<double>(m.qk_rope_head_dim), s.hidden};
  p.query = {s.tokens, s.query, query_rank > 0.0 ? query_rank : s.hidden};
  p.key_value = {s.tokens, s.heads * static_cast<double>(m.qk_nope_head_dim + m.v_head_dim), key_value_rank};
  return p;
}

/// The compressed queries, keys and values are small: only they cross the tensor ranks.
void exchange_latents(TemplateWriter& w, const std::string& name, Collective kind, double columns) {
  const bool gathers_nothing = kind == Collective::kAllGather && !w.training().sequence_parallel;
  if (w.shape().tensor <= 1.0 || gathers_nothing) return;
  w.collective(name, kind, CommGroup::kTensor, kActivationBytes * w.shape().tokens * columns);
}

bool has_low_rank(const Model& m) {
  return m.has_latent_attention() || m.o_lora_rank > 0;
}

bool has_state(const TemplateWriter& w) {
  return w.model().layer.mixer != TokenMixer::kAttention;
}

void write_indexer_forward(TemplateWriter& w) {
  const Model& m = w.model();
  if (m.layer.mixer != TokenMixer::kAttention || m.layer.index_topk == 0) return;
  w.forward_product("indexer", {w.shape().tokens, indexer_parameters(m) / w.shape().hidden, w.shape().hidden},
                    Operand::kFromFusedKernel);
}

void write_indexer_backward(TemplateWriter& w) {
  const Model& m = w.model();
  if (m.layer.mixer != TokenMixer::kAttention || m.layer.index_topk == 0) return;
  w.backward_products("indexer", {w.shape().tokens, indexer_parameters(m) / w.shape().hidden, w.shape().hidden},
                      Operand::kNeedsCast);
}

void write_attention_output(TemplateWriter& w) {
  const LocalShape& s = w.shape();
  const Model& m = w.model();
  double columns = s.attention_output;
  if (m.o_lora_rank > 0) {
    // Groups of heads, each to a low rank of its own.
    const double groups = std::max(1.0, static_cast<double>(m.o_groups) / s.tensor);
    const double rank = static_cast<double>(m.o_lora_rank);
    w.forward_product("output down-projection", {s.tokens, rank, columns / groups, groups}, Operand::kNeedsCast);
    columns = groups * rank;
  }
  w.forward_product("attention output", {s.tokens, s.hidden, columns}, Operand::kNeedsCast);
}

void write_attention_output_gradient(TemplateWriter& w) {
  const LocalShape& s = w.shape();
  const Model& m = w.model();
  const double groups = std::max(1.0, static_cast<double>(m.o_groups) / s.tensor);
  const double rank = static_cast<double>(m.o_lora_rank);
  const double columns = m.o_lora_rank > 0 ? groups * rank : s.attention_output;
  w.backward_products("attention output", {s.tokens, s.hidden, columns}, Operand::kNeedsCast, false,
                      DependencyKind::kStreamed);
  if (m.o_lora_rank > 0)
    w.backward_products("output down-projection", {s.tokens, rank, s.attention_output / groups, groups},
                        Operand::kNeedsCast);
}

/// A layer with a state does a fixed amount of work for each token; so does an indexer, for each token and entry.
double mixer_flop(const LocalShape& s) {
  return s.tokens * s.mixer_flop;
}

void write_projections_forward(TemplateWriter& w) {
  const Projections p = projections(w.model(), w.shape());
  if (!has_low_rank(w.model())) {
    w.gather_sequence("gather attention input");
    return w.forward_product("query-key-value", p.together, Operand::kFromFusedKernel, DependencyKind::kStreamed);
  }
  w.forward_product("latent down-projection", p.down, Operand::kFromFusedKernel);
  w.elementwise("latent norms", 2.0 * kActivationBytes * p.down.rows * p.down.columns,
                w.saved(kActivationBytes * p.down.rows * p.down.columns));
  exchange_latents(w, "gather latents", Collective::kAllGather, p.down.columns);
  w.forward_product("query up-projection", p.query, Operand::kFromFusedKernel);
  if (p.key_value.columns > 0.0) w.forward_product("key-value up-projection", p.key_value, Operand::kFromFusedKernel);
}

void write_projections_backward(TemplateWriter& w) {
  const Projections p = projections(w.model(), w.shape());
  if (!has_low_rank(w.model())) {
    w.gather_sequence("gather attention input again");
    return w.backward_products("query-key-value", p.together, Operand::kNeedsCast, true);
  }
  if (p.key_value.columns > 0.0) w.backward_products("key-value up-projection", p.key_value, Operand::kNeedsCast);
  w.backward_products("query up-projection", p.query, Operand::kNeedsCast);
  exchange_latents(w, "reduce latent gradients",
                   w.training().sequence_parallel ? Collective::kReduceScatter : Collective::kAllReduce,
                   p.down.columns);
  w.elementwise("latent norms gradient", 3.0 * kActivationBytes * p.down.rows * p.down.columns);
  w.backward_products("latent down-projection", p.down, Operand::kNeedsCast);
}

/// A streamed exchange overlaps with the kernel that consumes it piece by piece; only a ring is one.
DependencyKind after_exchange(const TemplateWriter& w) {
  return w.training().context_exchange == ContextExchange::kRing ? DependencyKind::kStreamed
                                                                 : DependencyKind::kComplete;
}

void write_fused_core(TemplateWriter& w) {
  const LocalShape& s = w.shape();
  const AttentionCore core = attention_core(w);
  // Score and value products over the lower triangle: 2 x 2 s^2 d / 2. The softmax statistics (4 bytes a row) are
  // negligible.
  Operator kernel{.name = "attention", .kind = OperatorKind::kAttention};
  kernel.flop = score_elements(s) * (s.score_width + s.value_width) + mixer_flop(s);
  kernel.memory_bytes = query_bytes(s) + output_bytes(s) + core.key_value_bytes;
  kernel.attended_length = core.queries;
  kernel.saved_bytes = w.saved(output_bytes(s));
  w.kernel(kernel, after_exchange(w));
}

/// One product per head and sequence of the batch.
ProductShape score_shape(const TemplateWriter& w) {
  const LocalShape& s = w.shape();
  const AttentionCore core = attention_core(w);
  return {core.queries, s.sequence, s.score_width, s.micro_batch * core.heads};
}
ProductShape value_shape(const TemplateWriter& w) {
  const LocalShape& s = w.shape();
  const AttentionCore core = attention_core(w);
  return {core.queries, s.value_width, s.sequence, s.micro_batch * core.heads};
}

void write_unfused_core(TemplateWriter& w) {
  const LocalShape& s = w.shape();
  const double scores = score_elements(s);
  const bool keeps_scores = w.training().recompute == Recompute::kNone;
  w.kernel(w.product("scores", score_shape(w), Precision::kBf16, kActivationBytes));
  // Scale, mask and softmax: read and write; dropout: read, write, mask.
  w.stream("softmax", scores * 2.0 * kActivationBytes, keeps_scores ? w.saved(scores * kActivationBytes) : 0.0);
  w.stream("attention dropout", scores * (2.0 * kActivationBytes + 1.0),
           keeps_scores ? w.saved(scores * (kActivationBytes + 1.0)) : 0.0);
  Operator values = w.product("weighted values", value_shape(w), Precision::kBf16, kActivationBytes);
  values.saved_bytes = w.saved(output_bytes(s));
  w.kernel(values);
}

void write_fused_core_gradient(TemplateWriter& w) {
  const LocalShape& s = w.shape();
  const AttentionCore core = attention_core(w);
  // Five products instead of two: the scores are computed again (Dao et al., arXiv:2205.14135).
  Operator kernel{.name = "attention gradient", .kind = OperatorKind::kAttention};
  kernel.flop = score_elements(s) * (3.0 * s.score_width + 2.0 * s.value_width) + 2.0 * mixer_flop(s);
  kernel.memory_bytes = 2.0 * (query_bytes(s) + output_bytes(s) + core.key_value_bytes);
  kernel.attended_length = core.queries;
  w.kernel(kernel, after_exchange(w));
}

void write_unfused_core_gradient(TemplateWriter& w) {
  const LocalShape& s = w.shape();
  const double scores = score_elements(s);
  for (const char* name : {"values gradient", "weights gradient"})
    w.kernel(w.product(name, value_shape(w), Precision::kBf16, kActivationBytes));
  w.stream("attention dropout gradient", scores * (2.0 * kActivationBytes + 1.0));
  w.stream("softmax gradient", scores * 3.0 * kActivationBytes);
  for (const char* name : {"query gradient", "key gradient"})
    w.kernel(w.product(name, score_shape(w), Precision::kBf16, kActivationBytes));
}

void exchange_key_values(TemplateWriter& w, const std::string& name, Collective kind) {
  // Of a layer with a state only the state goes from rank to rank, a few megabytes.
  if (w.shape().context <= 1.0 || has_state(w)) return;
  w.collective(name, kind, CommGroup::kContext, gathered_key_value_bytes(w.shape()), after_exchange(w));
}

/// All-to-all between tokens and heads, of queries, keys and values together or of the output alone.
void exchange_heads(TemplateWriter& w, const std::string& name, double columns) {
  w.collective(name, Collective::kAllToAll, CommGroup::kContext, kActivationBytes * w.shape().tokens * columns);
}

void write_core_kernels(TemplateWriter& w) {
  if (w.traits().fused_attention || has_state(w)) return write_fused_core(w);
  write_unfused_core(w);
}

void write_core_gradient_kernels(TemplateWriter& w) {
  if (w.traits().fused_attention || has_state(w)) return write_fused_core_gradient(w);
  write_unfused_core_gradient(w);
}

void write_core_gradient(TemplateWriter& w) {
  const LocalShape& s = w.shape();
  if (splits_heads(w)) {
    exchange_heads(w, "output gradient to heads", s.attention_output);
    write_core_gradient_kernels(w);
    return exchange_heads(w, "query, key and value gradients to tokens", s.query + s.key_value);
  }
  exchange_key_values(w, "key-value exchange", Collective::kAllGather);
  write_core_gradient_kernels(w);
  exchange_key_values(w, "key-value gradient exchange", Collective::kReduceScatter);
}

double rotated_bytes(const LocalShape& s) {
  return 2.0 * kActivationBytes * s.tokens * (s.query + s.key_value);
}

}  // namespace

void write_attention_core(TemplateWriter& w) {
  if (w.model().layer.mixer == TokenMixer::kNone) return;
  const LocalShape& s = w.shape();
  if (splits_heads(w)) {
    exchange_heads(w, "queries, keys and values to heads", s.query + s.key_value);
    write_core_kernels(w);
    return exchange_heads(w, "attention output to tokens", s.attention_output);
  }
  exchange_key_values(w, "key-value exchange", Collective::kAllGather);
  write_core_kernels(w);
}

void write_attention_norm(TemplateWriter& w) {
  if (w.model().layer.mixer == TokenMixer::kNone) return;
  w.elementwise("attention norm again", w.norm_bytes());
}

void write_attention_projections(TemplateWriter& w) {
  if (w.model().layer.mixer == TokenMixer::kNone) return;
  const LocalShape& s = w.shape();
  write_attention_norm(w);
  write_projections_forward(w);
  write_indexer_forward(w);
  w.elementwise("rotate or bias", rotated_bytes(s));
  write_attention_output(w);
  w.elementwise("attention residual", w.residual_bytes());
}

void write_attention_forward(TemplateWriter& w) {
  if (w.model().layer.mixer == TokenMixer::kNone) return;
  const LocalShape& s = w.shape();
  w.elementwise("attention norm", w.norm_bytes(), w.saved(w.shared_hidden_bytes()));
  write_projections_forward(w);
  write_indexer_forward(w);
  const double normed = w.selects(SelectiveRecompute::kActivations) ? 0.0 : w.saved_operand(s.shared_tokens * s.hidden);
  w.elementwise("rotate or bias", rotated_bytes(s),
                normed + w.saved(kActivationBytes * s.tokens * (s.query + s.key_value)));
  write_attention_core(w);
  write_attention_output(w);
  w.reduce_sequence("scatter attention output", DependencyKind::kStreamed);
  w.elementwise("attention residual", w.residual_bytes(), w.saved(dropout_mask_bytes(w)));
}

void write_attention_backward(TemplateWriter& w) {
  if (w.model().layer.mixer == TokenMixer::kNone) return;
  const LocalShape& s = w.shape();
  w.elementwise("attention residual gradient", w.residual_bytes());
  w.gather_sequence("gather attention output gradient");
  write_attention_output_gradient(w);
  write_core_gradient(w);
  w.elementwise("rotate or bias gradient", rotated_bytes(s));
  write_indexer_backward(w);
  write_projections_backward(w);
  w.elementwise("attention norm gradient", 1.5 * w.norm_bytes());
}

}  // namespace windtunnel::modeling
