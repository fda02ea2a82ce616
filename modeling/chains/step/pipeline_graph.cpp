// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/step/pipeline_graph.h"

#include <stdexcept>

#include "solvers/phase_type/phase_type_fit.h"

namespace windtunnel::modeling {

namespace {

class GraphWriter {
 public:
  GraphWriter(const PipelineProblem& problem, Count replicas)
      : p_(problem), chunks_(static_cast<Count>(problem.forward.size())), replicas_(replicas) {
    if (problem.schedule == PipelineSchedule::kZeroBubble || problem.schedule == PipelineSchedule::kDualPipe)
      throw std::invalid_argument("a schedule that splits the backward pass has no graph");
    if (problem.transfer_blocks || problem.hand_over_s > 0.0)
      throw std::invalid_argument("hand-overs that hold the ranks have no graph");
    for (const Moments& m : problem.forward) durations_.push_back(fit(m));
    for (const Moments& m : problem.backward) durations_.push_back(fit(m));
    durations_.push_back(fit(problem.transfer));
    duration_of_node_.resize(pipeline_graph_nodes(problem, replicas));
  }

  solvers::PrecedenceGraph write() {
    for (Count replica = 0; replica < replicas_; ++replica) {
      for (Count chunk = 0; chunk < chunks_; ++chunk) {
        for (Count m = 0; m < p_.micro_batches; ++m) write_unit(replica, chunk, m);
      }
      for (Count rank = 0; rank < p_.pipeline; ++rank) {
        orders_.emplace_back();
        for (const PipelineStep& s :
             pipeline_order(p_.schedule, p_.pipeline, p_.virtual_stages, p_.micro_batches, rank))
          orders_.back().push_back(node(replica, s.forward, s.virtual_stage * p_.pipeline + rank, s.micro_batch));
      }
    }
    return solvers::PrecedenceGraph(std::move(durations_), std::move(duration_of_node_), std::move(edges_), orders_);
  }

 private:
  static solvers::PhaseType fit(const Moments& m) {
    if (m.mean_s <= 0.0) return {};
    return solvers::fit_phase_type(m.mean_s, m.variance_s2 / (m.mean_s * m.mean_s));
  }
  bool has_transfers() const { return p_.transfer.mean_s > 0.0 && p_.pipeline > 1; }
  Count units() const { return 2 * chunks_ * p_.micro_batches; }
  int node(Count replica, bool forward, Count chunk, Count m) const {
    return static_cast<int>(replica * units() + ((forward ? 0 : chunks_) + chunk) * p_.micro_batches + m);
  }

  void write_unit(Count replica, Count chunk, Count m) {
    const int forward = node(replica, true, chunk, m);
    const int backward = node(replica, false, chunk, m);
    duration_of_node_[forward] = static_cast<int>(chunk);
    duration_of_node_[backward] = static_cast<int>(chunks_ + chunk);
    if (chunk + 1 == chunks_) {
      edges_.push_back({forward, backward});
      return;
    }
    connect(forward, node(replica, true, chunk + 1, m));
    connect(node(replica, false, chunk + 1, m), backward);
  }

  /// Through a node of its own where the hand-over takes time.
  void connect(int before, int after) {
    if (!has_transfers()) return edges_.push_back({before, after});
    const int hop = static_cast<int>(replicas_ * units()) + hops_++;
    duration_of_node_[hop] = static_cast<int>(2 * chunks_);
    edges_.push_back({before, hop});
    edges_.push_back({hop, after});
  }

  const PipelineProblem& p_;
  Count chunks_;
  Count replicas_;
  int hops_ = 0;
  std::vector<solvers::PhaseType> durations_;
  std::vector<int> duration_of_node_;
  std::vector<solvers::PrecedenceEdge> edges_;
  std::vector<std::vector<int>> orders_;
};

}  // namespace

Count pipeline_graph_nodes(const PipelineProblem& problem, Count replicas) {
  const Count chunks = static_cast<Count>(problem.forward.size());
  const bool transfers = problem.transfer.mean_s > 0.0 && problem.pipeline > 1;
  return replicas * problem.micro_batches * (2 * chunks + (transfers ? 2 * (chunks - 1) : 0));
}

solvers::PrecedenceGraph pipeline_graph(const PipelineProblem& problem, Count replicas) {
  return GraphWriter(problem, replicas).write();
}

}  // namespace windtunnel::modeling
