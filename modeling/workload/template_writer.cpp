// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/template_writer.h"

#include "modeling/workload/layer_segments.h"

namespace windtunnel::modeling {

namespace {

bool is_narrow(Precision precision) {
  return bytes_per_element(precision) < 1.5;
}

}  // namespace

TemplateWriter::TemplateWriter(OperatorGraph& graph, const Model& model, const Training& training,
                               const KernelTraits& traits)
    : graph_(graph),
      model_(model),
      training_(training),
      traits_(traits),
      view_(model),
      shape_(local_shape(model, training)) {}

void TemplateWriter::begin(Segment segment, Pass pass) {
  if (segment != segment_) {
    view_ = template_view(model_, segment);
    shape_ = local_shape(view_, training_);
  }
  segment_ = segment;
  pass_ = pass;
  last_ = -1;
  product_share_ = 1.0;
}

int TemplateWriter::add(Operator op, const std::vector<Dependency>& producers) {
  op.segment = segment_;
  op.pass = pass_;
  last_ = graph_.add(std::move(op), producers);
  return last_;
}

std::vector<Dependency> TemplateWriter::after_last(DependencyKind kind) const {
  if (last_ < 0) return {};
  return {{last_, kind}};
}

void TemplateWriter::stream(const std::string& name, double bytes, double saved_bytes, double kernels) {
  add({.name = name,
       .kind = OperatorKind::kStream,
       .memory_bytes = bytes,
       .kernels = kernels,
       .saved_bytes = saved_bytes},
      after_last(DependencyKind::kComplete));
}

void TemplateWriter::elementwise(const std::string& name, double bytes, double saved_bytes) {
  const double trips = traits_.fused_elementwise ? 1.0 : 2.0;
  stream(name, trips * bytes, saved_bytes, trips);
}

void TemplateWriter::kernel(Operator op, DependencyKind kind) {
  add(std::move(op), after_last(kind));
}

void TemplateWriter::collective(const std::string& name, Collective kind, CommGroup group, double bytes,
                                DependencyKind dependency) {
  add({.name = name, .kind = OperatorKind::kCollective, .collective = kind, .group = group, .message_bytes = bytes},
      after_last(dependency));
}

void TemplateWriter::prefetched(const std::string& name, Collective kind, CommGroup group, double bytes) {
  const int before = last_;
  add({.name = name,
       .kind = OperatorKind::kCollective,
       .collective = kind,
       .group = group,
       .message_bytes = bytes,
       .rate_ratio = traits_.sharded_exchange_ratio,
       .prefetched = true},
      {});
  last_ = before;
}

void TemplateWriter::copy_beside(const std::string& name, double bytes) {
  if (bytes <= 0.0) return;
  const int before = last_;
  add({.name = name, .kind = OperatorKind::kHost, .message_bytes = bytes, .kernels = 0.0}, {});
  last_ = before;
}

/// Reads 16 bits, writes 8 bits and their transpose.
void TemplateWriter::cast(const std::string& name, double elements) {
  if (is_narrow(training_.precision)) stream(name, elements * (kActivationBytes + 2.0));
}

Operator TemplateWriter::product(const std::string& name, const ProductShape& s, Precision precision,
                                 double output_bytes) const {
  const double element = bytes_per_element(precision);
  return {.name = name,
          .kind = OperatorKind::kMatrixProduct,
          .rows = s.rows,
          .columns = s.columns,
          .depth = s.depth,
          .batch = s.batch,
          .grouped = s.grouped,
          .precision = precision,
          .flop = 2.0 * s.batch * s.rows * s.columns * s.depth,
          .memory_bytes =
              s.batch * (element * (s.rows * s.depth + s.depth * s.columns) + output_bytes * s.rows * s.columns),
          .kernels = s.kernels};
}

void TemplateWriter::forward_product(const std::string& name, const ProductShape& s, Operand input,
                                     DependencyKind kind) {
  const ProductShape done{product_share_ * s.rows, s.columns, s.depth, s.batch, s.kernels, s.grouped};
  if (input == Operand::kNeedsCast) cast(name + " input cast", done.batch * done.rows * done.depth);
  add(product(name, done, training_.precision, kActivationBytes), after_last(kind));
}

void TemplateWriter::backward_products(const std::string& name, const ProductShape& s, Operand gradient,
                                       bool reduce_between, DependencyKind kind) {
  if (gradient == Operand::kNeedsCast) cast(name + " gradient cast", s.batch * s.rows * s.columns);
  const std::vector<Dependency> incoming = after_last(DependencyKind::kComplete);
  add(product(name + " input gradient", {s.rows, s.depth, s.columns, s.batch, s.kernels, s.grouped},
              training_.precision, kActivationBytes),
      after_last(kind));
  if (reduce_between) reduce_sequence("reduce " + name + " gradient", DependencyKind::kComplete);
  const int towards_input = last_;
  // Reads the input and the gradient, adds into the 32-bit gradient: 8 bytes of traffic per weight.
  Operator weight = product(name + " weight gradient", {s.depth, s.columns, s.rows, s.batch, s.kernels, s.grouped},
                            training_.precision, 2.0 * kMainGradientBytes);
  weight.deferrable = true;
  add(std::move(weight), incoming);
  last_ = towards_input;
}

double TemplateWriter::gathered_bytes() const {
  return traits_.narrow_gathers && is_narrow(training_.precision) ? 1.0 : kActivationBytes;
}

void TemplateWriter::gather_sequence(const std::string& name, Operand carried) {
  if (shape_.tensor <= 1.0 || !training_.sequence_parallel) return;
  const double element = carried == Operand::kFromFusedKernel ? gathered_bytes() : kActivationBytes;
  collective(name, Collective::kAllGather, CommGroup::kTensor, element * shape_.tokens * shape_.hidden);
}

void TemplateWriter::reduce_sequence(const std::string& name, DependencyKind kind) {
  if (shape_.tensor <= 1.0) return;
  collective(name, training_.sequence_parallel ? Collective::kReduceScatter : Collective::kAllReduce,
             CommGroup::kTensor, hidden_bytes(), kind);
}

bool TemplateWriter::selects(SelectiveRecompute what) const {
  return training_.recompute == Recompute::kSelective && traits_.selective == what;
}

double TemplateWriter::saved(double bytes) const {
  if (training_.recompute == Recompute::kFull || pass_ != Pass::kForward) return 0.0;
  return selects(SelectiveRecompute::kEverySecondProduct) ? 0.5 * bytes : bytes;
}

double TemplateWriter::saved_elementwise(double bytes) const {
  return selects(SelectiveRecompute::kActivations) ? 0.0 : saved(bytes);
}

double TemplateWriter::saved_operand(double elements) const {
  return saved((is_narrow(training_.precision) ? 1.0 : kActivationBytes) * elements);
}

}  // namespace windtunnel::modeling
