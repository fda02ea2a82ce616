// SPDX-License-Identifier: Apache-2.0
// Writes the operators of one template in program order: the vocabulary the blocks of a transformer are written in.
#pragma once

#include <string>
#include <vector>

#include "modeling/workload/local_shape.h"
#include "modeling/workload/training_graph.h"

namespace windtunnel::modeling {

/// Activations travel in 16 bits whatever the precision of the products.
inline constexpr double kActivationBytes = 2.0;
/// Gradients of weights are accumulated in 32 bits.
inline constexpr double kMainGradientBytes = 4.0;

/// The shape of one matrix product: `batch` times rows x depth by depth x columns.
struct ProductShape {
  double rows = 0.0;
  double columns = 0.0;
  double depth = 0.0;
  double batch = 1.0;
  /// Kernels the framework issues for all of them.
  double kernels = 1.0;
  /// `batch` different weights.
  bool grouped = false;
};

/// Where an operand comes from: a fused kernel (norm, activation) writes 8 bits itself; others need a cast of their
/// own.
enum class Operand { kFromFusedKernel, kNeedsCast };

class TemplateWriter {
 public:
  TemplateWriter(OperatorGraph& graph, const Model& model, const Training& training, const KernelTraits& traits);

  /// Starts a template; the first operator waits for nothing.
  void begin(Segment segment, Pass pass);
  /// The next operator waits for nothing (what came before was issued ahead of need).
  void forget_last() { last_ = -1; }

  const OperatorGraph& graph() const { return graph_; }
  /// The view of the layer that the template writes.
  const Model& model() const { return view_; }
  const Model& whole_model() const { return model_; }
  const Training& training() const { return training_; }
  const KernelTraits& traits() const { return traits_; }
  const LocalShape& shape() const { return shape_; }
  Segment segment() const { return segment_; }

  /// Each adds one operator after the last one; kStreamed where it may start on the first piece of a collective.
  void stream(const std::string& name, double bytes, double saved_bytes = 0.0, double kernels = 1.0);
  /// Element-wise work that fusion makes one kernel and its absence two trips through memory.
  void elementwise(const std::string& name, double bytes, double saved_bytes = 0.0);
  /// Any operator the functions below do not write.
  void kernel(Operator op, DependencyKind kind = DependencyKind::kComplete);
  void collective(const std::string& name, Collective kind, CommGroup group, double bytes,
                  DependencyKind dependency = DependencyKind::kComplete);
  /// Issued ahead of need; the next operator does not wait for it.
  void prefetched(const std::string& name, Collective kind, CommGroup group, double bytes);
  /// A copy between device and host, either way, that runs beside everything; the next operator does not wait for it.
  void copy_beside(const std::string& name, double bytes);

  /// A product in the layer's precision; with 8 bits or fewer its input is cast first unless a fused kernel wrote it.
  void forward_product(const std::string& name, const ProductShape& shape, Operand input,
                       DependencyKind kind = DependencyKind::kComplete);
  /// Gradient of the input, then of the weight; what follows waits for the first only. `reduce_between`: the input's
  /// gradient is a partial sum over the tensor ranks and is reduced beside the second product.
  void backward_products(const std::string& name, const ProductShape& forward, Operand gradient,
                         bool reduce_between = false, DependencyKind kind = DependencyKind::kComplete);
  /// A product in 16 bits whatever the layer's precision.
  Operator product(const std::string& name, const ProductShape& shape, Precision precision, double output_bytes) const;

  /// Before a column-parallel product: with sequence parallelism the activations are gathered, in 8 bits where the
  /// software and the precision of the product allow.
  void gather_sequence(const std::string& name, Operand carried = Operand::kFromFusedKernel);
  /// After a row-parallel product: partial sums are reduced, with sequence parallelism scattered.
  void reduce_sequence(const std::string& name, DependencyKind kind);

  /// `bytes` where the forward pass keeps them for the backward pass, else 0.
  double saved(double bytes) const;
  /// The same for the output of a norm or an activation function, which element-wise work brings back.
  double saved_elementwise(double bytes) const;
  /// The same for `elements` that only a product reads again: in 8 bits when the product is.
  double saved_operand(double elements) const;
  /// True when `recompute: selective` and the software's selective recomputation is this.
  bool selects(SelectiveRecompute what) const;
  /// From now on forward products do only this share of their rows.
  void set_product_share(double share) { product_share_ = share; }
  /// Bytes of a gathered element that feeds products only.
  double gathered_bytes() const;
  /// Bytes of the activations between blocks: gathered, and as split by sequence parallelism.
  double hidden_bytes() const { return kActivationBytes * shape_.tokens * shape_.hidden; }
  double shared_hidden_bytes() const { return kActivationBytes * shape_.shared_tokens * shape_.hidden; }
  /// A norm reads its input and writes its output; a residual reads two and writes one.
  double norm_bytes() const { return 2.0 * shared_hidden_bytes(); }
  double residual_bytes() const { return 3.0 * shared_hidden_bytes(); }

 private:
  int add(Operator op, const std::vector<Dependency>& producers);
  std::vector<Dependency> after_last(DependencyKind kind) const;
  void cast(const std::string& name, double elements);

  OperatorGraph& graph_;
  const Model& model_;
  const Training& training_;
  const KernelTraits& traits_;
  Model view_;
  LocalShape shape_;
  Segment segment_ = Segment::kEmbedding;
  Pass pass_ = Pass::kForward;
  int last_ = -1;
  double product_share_ = 1.0;
};

}  // namespace windtunnel::modeling
