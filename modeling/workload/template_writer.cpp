// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/template_writer.h"

namespace windtunnel::modeling {

namespace {

bool is_narrow(Precision precision) {
  return bytes_per_element(precision) < 1.5;
}

}  // namespace

TemplateWriter::TemplateWriter(OperatorGraph& graph, const Model& model, const Training& training,
                               const KernelTraits& traits)
    : graph_(graph), model_(model), training_(training), traits_(traits), shape_(local_shape(model, training)) {}

void TemplateWriter::begin(Segment segment, Pass pass) {
  segment_ = segment;
  pass_ = pass;
  last_ = -1;
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

void TemplateWriter::stream(const std::string& name, double bytes, double saved_bytes) {
  add({.name = name, .kind = OperatorKind::kStream, .memory_bytes = bytes, .saved_bytes = saved_bytes},
      after_last(DependencyKind::kComplete));
}

void TemplateWriter::elementwise(const std::string& name, double bytes, double saved_bytes) {
  stream(name, (traits_.fused_elementwise ? 1.0 : 2.0) * bytes, saved_bytes);
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
       .prefetched = true},
      {});
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
          .precision = precision,
          .flop = 2.0 * s.batch * s.rows * s.columns * s.depth,
          .memory_bytes =
              s.batch * (element * (s.rows * s.depth + s.depth * s.columns) + output_bytes * s.rows * s.columns)};
}

void TemplateWriter::forward_product(const std::string& name, const ProductShape& s, Operand input,
                                     DependencyKind kind) {
  if (input == Operand::kNeedsCast) cast(name + " input cast", s.batch * s.rows * s.depth);
  add(product(name, s, training_.precision, kActivationBytes), after_last(kind));
}

void TemplateWriter::backward_products(const std::string& name, const ProductShape& s, Operand gradient,
                                       bool reduce_between, DependencyKind kind) {
  if (gradient == Operand::kNeedsCast) cast(name + " gradient cast", s.batch * s.rows * s.columns);
  const std::vector<Dependency> incoming = after_last(DependencyKind::kComplete);
  add(product(name + " input gradient", {s.rows, s.depth, s.columns, s.batch}, training_.precision, kActivationBytes),
      after_last(kind));
  if (reduce_between) reduce_sequence("reduce " + name + " gradient", DependencyKind::kComplete);
  const int towards_input = last_;
  // Reads the input and the gradient, adds into the 32-bit gradient: 8 bytes of traffic per weight.
  Operator weight = product(name + " weight gradient", {s.depth, s.columns, s.rows, s.batch}, training_.precision,
                            2.0 * kMainGradientBytes);
  weight.deferrable = true;
  add(std::move(weight), incoming);
  last_ = towards_input;
}

void TemplateWriter::gather_sequence(const std::string& name) {
  if (shape_.tensor <= 1.0 || !training_.sequence_parallel) return;
  collective(name, Collective::kAllGather, CommGroup::kTensor, hidden_bytes());
}

void TemplateWriter::reduce_sequence(const std::string& name, DependencyKind kind) {
  if (shape_.tensor <= 1.0) return;
  collective(name, training_.sequence_parallel ? Collective::kReduceScatter : Collective::kAllReduce,
             CommGroup::kTensor, hidden_bytes(), kind);
}

double TemplateWriter::saved(double bytes) const {
  return training_.recompute != Recompute::kFull && pass_ == Pass::kForward ? bytes : 0.0;
}

}  // namespace windtunnel::modeling
