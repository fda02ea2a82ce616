// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/step/pipeline.h"

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include "modeling/chains/step/split_backward.h"
#include "solvers/precedence/gaussian_max.h"

namespace windtunnel::modeling {

namespace {

/// Micro-batches that pass through a rank's chunks together: the fewest, at least `pipeline`, that leave no group
/// shorter than the pipeline is long (a shorter one would wait for itself). All of them when there are fewer than
/// ranks.
Count group_size(Count pipeline, Count micro_batches) {
  Count size = std::min(pipeline, micro_batches);
  while (size < micro_batches && micro_batches % size != 0 && micro_batches % size < pipeline) ++size;
  return size;
}

/// Position k in a rank's sequence of forwards: groups of micro-batches pass through all its chunks in turn.
PipelineStep interleaved_forward(Count k, Count group, Count virtual_stages, Count micro_batches) {
  const Count number = k / (group * virtual_stages);
  const Count first = number * group;
  const Count members = std::min(group, micro_batches - first);
  const Count within = k - number * group * virtual_stages;
  return {.forward = true, .micro_batch = first + within % members, .virtual_stage = within / members};
}

PipelineStep interleaved_backward(Count k, Count group, Count virtual_stages, Count micro_batches) {
  PipelineStep step = interleaved_forward(k, group, virtual_stages, micro_batches);
  step.forward = false;
  step.virtual_stage = virtual_stages - 1 - step.virtual_stage;
  return step;
}

/// Forwards a rank runs before its first backward.
Count warm_up(PipelineSchedule schedule, Count pipeline, Count virtual_stages, Count micro_batches, Count rank) {
  const Count total = micro_batches * virtual_stages;
  const Count behind = pipeline - 1 - rank;
  if (schedule == PipelineSchedule::kGpipe) return total;
  if (virtual_stages == 1) return std::min(total, behind);
  return std::min(total, 2 * behind + (virtual_stages - 1) * group_size(pipeline, micro_batches));
}

using RankOrders = std::vector<std::vector<PipelineStep>>;

/// Of all ranks; a fixed point of times asks for the same schedule again and again.
const RankOrders& rank_orders(const PipelineProblem& p) {
  using Shape = std::tuple<PipelineSchedule, Count, Count, Count>;
  thread_local Shape last_shape;
  thread_local RankOrders orders;
  const Shape shape{p.schedule, p.pipeline, p.virtual_stages, p.micro_batches};
  if (shape == last_shape && !orders.empty()) return orders;
  orders.clear();
  for (Count rank = 0; rank < p.pipeline; ++rank)
    orders.push_back(pipeline_order(p.schedule, p.pipeline, p.virtual_stages, p.micro_batches, rank));
  last_shape = shape;
  return orders;
}

/// Ends of every unit, [chunk][micro-batch] per direction; negative mean marks "not yet".
class Recursion {
 public:
  explicit Recursion(const PipelineProblem& problem, std::vector<PipelineSpan>* spans = nullptr)
      : p_(problem),
        spans_(spans),
        forward_end_(problem.forward.size() * problem.micro_batches, kNotYet),
        backward_end_(forward_end_),
        rank_free_(problem.pipeline),
        last_forward_(problem.pipeline, -1) {}

  PipelineTime solve() {
    const RankOrders& orders = rank_orders(p_);
    std::vector<std::size_t> next(p_.pipeline, 0);
    std::size_t left = orders.size() * orders.front().size();
    while (left > 0) {
      const std::size_t before = left;
      for (Count rank = 0; rank < p_.pipeline; ++rank) {
        while (next[rank] < orders[rank].size() && try_run(orders[rank][next[rank]], rank)) {
          ++next[rank];
          --left;
        }
      }
      if (left == before) throw std::logic_error("the pipeline order waits for itself");
    }
    return summary();
  }

 private:
  static constexpr Moments kNotYet{-1.0, 0.0};

  Moments& end_of(bool forward, Count chunk, Count micro_batch) {
    return (forward ? forward_end_ : backward_end_)[chunk * p_.micro_batches + micro_batch];
  }

  Moments maximum(const Moments& a, const Moments& b) {
    if (a.variance_s2 + b.variance_s2 <= 0.0) return a.mean_s >= b.mean_s ? a : b;
    ++joins_;
    const solvers::GaussianMaximum joined =
        solvers::gaussian_maximum(a.mean_s, a.variance_s2, b.mean_s, b.variance_s2, 0.0);
    return {joined.mean_s, joined.variance_s2};
  }

  /// Runs the step when its input has arrived.
  bool try_run(const PipelineStep& step, Count rank) {
    const Count chunk = step.virtual_stage * p_.pipeline + rank;
    const Count last = static_cast<Count>(p_.forward.size()) - 1;
    const bool at_the_turn = !step.forward && chunk == last;
    const bool has_neighbour = step.forward ? chunk > 0 : chunk < last;
    Moments start = rank_free_[rank];
    // The turn right behind its own forward waits for one event, not for the later of two.
    const bool follows_itself = at_the_turn && last_forward_[rank] == chunk * p_.micro_batches + step.micro_batch;
    if ((at_the_turn || has_neighbour) && !follows_itself) {
      const Count source = at_the_turn ? chunk : (step.forward ? chunk - 1 : chunk + 1);
      const Moments& input = end_of(at_the_turn || step.forward, source, step.micro_batch);
      if (input.mean_s < 0.0) return false;
      const bool crosses = !at_the_turn && p_.pipeline > 1;
      start = maximum(start, crosses && !p_.transfer_blocks ? input + p_.transfer : input);
      if (crosses && p_.transfer_blocks) start = start + p_.transfer;
      if (crosses) start.mean_s += p_.hand_over_s;
    }
    const Moments& work = unit_time(p_, step.forward, chunk, step.micro_batch);
    const Moments end = start + work;
    end_of(step.forward, chunk, step.micro_batch) = end;
    rank_free_[rank] = end;
    last_forward_[rank] = step.forward ? chunk * p_.micro_batches + step.micro_batch : -1;
    if (spans_) spans_->push_back({step, rank, end.mean_s - work.mean_s, end.mean_s});
    return true;
  }

  PipelineTime summary() const {
    PipelineTime time;
    for (Count rank = 0; rank < p_.pipeline; ++rank) {
      if (rank_free_[rank].mean_s > time.makespan.mean_s) time.makespan = rank_free_[rank];
    }
    for (Count rank = 0; rank < p_.pipeline; ++rank) {
      double busy = 0.0;
      for (Count v = 0; v < p_.virtual_stages; ++v) {
        const Count chunk = v * p_.pipeline + rank;
        busy += static_cast<double>(p_.micro_batches) * (p_.forward[chunk].mean_s + p_.backward[chunk].mean_s);
      }
      time.busy_s.push_back(busy);
      time.wait_s.push_back(std::max(0.0, time.makespan.mean_s - busy));
      time.finish_s.push_back(rank_free_[rank].mean_s);
    }
    time.joins = joins_;
    return time;
  }

  const PipelineProblem& p_;
  std::vector<PipelineSpan>* spans_;
  std::vector<Moments> forward_end_;
  std::vector<Moments> backward_end_;
  std::vector<Moments> rank_free_;
  /// The unit that each rank did last where it was a forward, else -1.
  std::vector<Count> last_forward_;
  long long joins_ = 0;
};

}  // namespace

const Moments& unit_time(const PipelineProblem& problem, bool forward, Count chunk, Count micro_batch) {
  const bool alone = micro_batch == (forward ? 0 : problem.micro_batches - 1);
  const std::vector<Moments>& times = forward ? problem.forward_alone : problem.backward_alone;
  if (alone && !times.empty()) return times[chunk];
  return forward ? problem.forward[chunk] : problem.backward[chunk];
}

std::vector<PipelineStep> pipeline_order(PipelineSchedule schedule, Count pipeline, Count virtual_stages,
                                         Count micro_batches, Count rank) {
  const Count total = micro_batches * virtual_stages;
  const Count warm = warm_up(schedule, pipeline, virtual_stages, micro_batches, rank);
  const Count group = group_size(pipeline, micro_batches);
  std::vector<PipelineStep> order;
  order.reserve(2 * total);
  for (Count k = 0; k < total + warm; ++k) {
    if (k < total) order.push_back(interleaved_forward(k, group, virtual_stages, micro_batches));
    if (k >= warm) order.push_back(interleaved_backward(k - warm, group, virtual_stages, micro_batches));
  }
  return order;
}

namespace {

bool splits_backward(const PipelineProblem& problem) {
  const bool splits =
      problem.schedule == PipelineSchedule::kZeroBubble || problem.schedule == PipelineSchedule::kDualPipe;
  return splits && problem.pipeline > 1;
}

}  // namespace

PipelineTime pipeline_time(const PipelineProblem& problem) {
  return splits_backward(problem) ? split_backward_time(problem) : Recursion(problem).solve();
}

std::vector<PipelineSpan> pipeline_spans(const PipelineProblem& problem) {
  std::vector<PipelineSpan> spans;
  if (!splits_backward(problem)) Recursion(problem, &spans).solve();
  return spans;
}

}  // namespace windtunnel::modeling
