// SPDX-License-Identifier: Apache-2.0
// The workload as a graph: what one device computes, moves and sends, and what waits for what.
//
// A training step is a few templates, each a small graph: the embedding, one dense and one mixture-of-experts layer,
// the output head and one module that predicts a further token, each with a forward, a recompute, a backward and an
// update pass. A pipeline stage runs the layer template once per layer it owns, so 126 layers cost as much to model as
// one.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

/// Which template an operator belongs to.
/// kDenseLayer and kExpertLayer are the first kinds of layers without and with experts, kLayerA ... further kinds.
enum class Segment {
  kEmbedding,
  kDenseLayer,
  kExpertLayer,
  kHead,
  kNextToken,
  kLayerA,
  kLayerB,
  kLayerC,
  kLayerD,
  kLayerE,
  kLayerF,
};
inline constexpr int kSegments = 11;
inline constexpr Segment kAllSegments[] = {Segment::kEmbedding, Segment::kDenseLayer, Segment::kExpertLayer,
                                           Segment::kHead,      Segment::kNextToken,  Segment::kLayerA,
                                           Segment::kLayerB,    Segment::kLayerC,     Segment::kLayerD,
                                           Segment::kLayerE,    Segment::kLayerF};
/// The templates that are layers.
inline constexpr Segment kLayerSegments[] = {Segment::kDenseLayer, Segment::kExpertLayer, Segment::kLayerA,
                                             Segment::kLayerB,     Segment::kLayerC,      Segment::kLayerD,
                                             Segment::kLayerE,     Segment::kLayerF};

/// kRecompute is the part of the forward pass that is run again just before the backward pass; kUpdate is the
/// gradient exchange and the optimizer, once per step for each instance of the template.
enum class Pass { kForward, kRecompute, kBackward, kUpdate };
inline constexpr int kPasses = 4;

enum class OperatorKind {
  kMatrixProduct,  ///< rows x depth times depth x columns, `batch` times
  kAttention,      ///< fused causal attention kernel: scores stay on the chip
  kStream,         ///< element-wise, normalisation, optimizer: limited by memory traffic
  kCollective,     ///< communication inside one parallel group
  kHost,           ///< copies between device and host, beside work of the host's processors on its own memory
};

enum class Collective { kAllReduce, kAllGather, kReduceScatter, kAllToAll, kPointToPoint };

/// The parallel group a collective spans; also the class of its traffic on a link.
/// kData: ranks with the same shared weights; kExpertData: ranks with the same experts.
enum class CommGroup { kTensor, kContext, kExpert, kPipeline, kData, kExpertData };
inline constexpr int kCommGroups = 6;
std::string to_string(CommGroup group);
/// As in reports, drawings and traces: "embedding", "layer", "expert layer", "head"; "forward", "recompute", ...
std::string to_string(Segment segment);
std::string to_string(Pass pass);

struct Operator {
  std::string name;
  Segment segment = Segment::kDenseLayer;
  Pass pass = Pass::kForward;
  OperatorKind kind = OperatorKind::kStream;

  /// kMatrixProduct: the shape per device and how many equal products one kernel does.
  double rows = 0.0;
  double columns = 0.0;
  double depth = 0.0;
  double batch = 1.0;
  /// True: `batch` different weights (experts), not one kernel over equal heads.
  bool grouped = false;
  /// Format of the arithmetic.
  Precision precision = Precision::kBf16;
  /// Weights are stored narrower than that and are expanded on the way.
  bool dequantised = false;

  /// Multiplications and additions of one run, per device.
  double flop = 0.0;
  /// Bytes read plus written in device memory (kHost: in the host's) in one run.
  double memory_bytes = 0.0;
  /// kAttention: length of the sequence each query attends to, for the efficiency ramp.
  double attended_length = 0.0;

  /// kCollective: all-reduce, all-to-all and point-to-point: bytes each rank contributes; all-gather and
  /// reduce-scatter: bytes of the whole gathered (or unreduced) tensor. kHost: bytes in the direction that carries
  /// more.
  Collective collective = Collective::kAllReduce;
  CommGroup group = CommGroup::kTensor;
  double message_bytes = 0.0;
  /// All-to-all of copies: how many of the bytes are copies of one token, of which each domain needs only one (1: no
  /// copies).
  double copies = 1.0;
  /// Rate its bytes reach relative to a large collective of this group, 0..1.
  double rate_ratio = 1.0;
  /// True: issued ahead of need (fully sharded weights), waits for nothing in its template.
  bool prefetched = false;

  /// Serving: works on the tokens of all attention ranks (experts and their exchange).
  bool over_ranks = false;

  /// True for gradients of weights: nothing in the backward pass waits for them (zero-bubble schedules move them).
  bool deferrable = false;

  /// Kernels the framework issues for it: what a host that issues them one by one pays.
  double kernels = 1.0;

  /// Activation bytes this operator leaves in memory until its backward pass.
  double saved_bytes = 0.0;
};

/// How a consumer waits for its producer.
enum class DependencyKind {
  kComplete,  ///< starts when the producer has ended
  kStreamed,  ///< may start on the producer's first piece (pipelined collective and matrix product)
};

struct Dependency {
  int producer = 0;
  DependencyKind kind = DependencyKind::kComplete;
};

/// A directed acyclic graph of operators in program order; vertices are numbered 0, 1, ... as added.
class OperatorGraph {
 public:
  OperatorGraph();
  ~OperatorGraph();
  OperatorGraph(OperatorGraph&&) noexcept;
  OperatorGraph& operator=(OperatorGraph&&) noexcept;
  OperatorGraph(const OperatorGraph&) = delete;
  OperatorGraph& operator=(const OperatorGraph&) = delete;

  /// Adds an operator that waits for `producers`; each must be an earlier vertex, so no cycle can arise.
  /// Throws std::invalid_argument otherwise. Returns its number.
  int add(Operator op, const std::vector<Dependency>& producers = {});

  int size() const;
  const Operator& at(int vertex) const;
  std::span<const Dependency> producers(int vertex) const;
  /// Vertices of one template in program order.
  const std::vector<int>& members(Segment segment, Pass pass) const;
  /// A topological order by Boost.Graph; equals program order up to ties.
  std::vector<int> topological_order() const;
  /// Graphviz text, one cluster per template, operators labelled with name and FLOP or bytes.
  std::string to_dot() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// Sums over one template.
struct TemplateTotals {
  double flop = 0.0;
  double memory_bytes = 0.0;
  double message_bytes = 0.0;
  double saved_bytes = 0.0;
  int operators = 0;
};
TemplateTotals totals(const OperatorGraph& graph, Segment segment, Pass pass);

}  // namespace windtunnel::modeling
