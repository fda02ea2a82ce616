// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/step/split_backward.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <queue>
#include <stdexcept>

#include "solvers/precedence/gaussian_max.h"

namespace windtunnel::modeling {

namespace {

constexpr Moments kNotYet{-1.0, 0.0};
constexpr double kNever = std::numeric_limits<double>::infinity();

enum class Kind { kForward, kInputGradient, kWeightGradient };

Moments later_of(const Moments& a, const Moments& b) {
  if (a.variance_s2 + b.variance_s2 <= 0.0) return a.mean_s >= b.mean_s ? a : b;
  const solvers::GaussianMaximum joined =
      solvers::gaussian_maximum(a.mean_s, a.variance_s2, b.mean_s, b.variance_s2, 0.0);
  return {joined.mean_s, joined.variance_s2};
}

Moments share_of(const Moments& whole, double part_s) {
  const double ratio = whole.mean_s > 0.0 ? part_s / whole.mean_s : 0.0;
  return {part_s, whole.variance_s2 * ratio};
}

/// The three tasks of one unit; `backward` is the whole of it.
Moments task_time(const PipelineProblem& p, Kind kind, Count chunk, Count micro_batch) {
  if (kind == Kind::kForward) return unit_time(p, true, chunk, micro_batch);
  const Moments& whole = unit_time(p, false, chunk, micro_batch);
  const double weight_s = p.deferrable_s.empty() ? 0.5 * whole.mean_s : std::min(whole.mean_s, p.deferrable_s[chunk]);
  return share_of(whole, kind == Kind::kWeightGradient ? weight_s : whole.mean_s - weight_s);
}

/// Micro-batches that enter at one end. Chunk g of its way runs on rank g % pipeline, or mirrored.
struct Direction {
  bool mirrored = false;
  Count first_micro_batch = 0;
  Count micro_batches = 0;
  /// [chunk][micro-batch]: ends of the tasks that others wait for.
  std::vector<Moments> forward_end;
  std::vector<Moments> gradient_end;
};

/// What one rank has to do for one direction: fixed orders, next positions, weight gradients that wait.
struct Queue {
  std::vector<PipelineStep> forwards;
  std::vector<PipelineStep> gradients;
  std::size_t next_forward = 0;
  std::size_t next_gradient = 0;
  std::deque<PipelineStep> weights;
  /// Forwards whose weight gradient is not done.
  Count in_flight = 0;
  Count most_in_flight = 0;
};

class Schedule {
 public:
  explicit Schedule(const PipelineProblem& problem)
      : p_(problem),
        chunks_(static_cast<Count>(problem.forward.size())),
        rank_free_(problem.pipeline),
        busy_s_(problem.pipeline, 0.0) {
    const bool dual = p_.schedule == PipelineSchedule::kDualPipe;
    const Count second = dual ? p_.micro_batches / 2 : 0;
    add_direction(false, 0, p_.micro_batches - second);
    if (second > 0) add_direction(true, p_.micro_batches - second, second);
  }

  PipelineTime solve() {
    std::priority_queue<double, std::vector<double>, std::greater<>> clock;
    clock.push(0.0);
    while (left_ > 0) {
      if (clock.empty()) throw std::logic_error("the pipeline order waits for itself");
      const double now_s = clock.top();
      while (!clock.empty() && clock.top() <= now_s) clock.pop();
      for (Count rank = 0; rank < p_.pipeline; ++rank) {
        // A task without duration ends where it begins: look again.
        while (rank_free_[rank].mean_s <= now_s) {
          const double next_s = run_one(rank, now_s);
          if (next_s < kNever && next_s > now_s) clock.push(next_s);
          if (!ran_) break;
          clock.push(rank_free_[rank].mean_s);
        }
      }
    }
    return summary();
  }

 private:
  void add_direction(bool mirrored, Count first, Count micro_batches) {
    const std::size_t cells = static_cast<std::size_t>(chunks_ * micro_batches);
    directions_.push_back(
        {mirrored, first, micro_batches, std::vector<Moments>(cells, kNotYet), std::vector<Moments>(cells, kNotYet)});
    queues_.emplace_back();
    for (Count rank = 0; rank < p_.pipeline; ++rank) {
      const Count stage = mirrored ? p_.pipeline - 1 - rank : rank;
      Queue queue;
      const PipelineSchedule order =
          p_.virtual_stages > 1 ? PipelineSchedule::kInterleaved : PipelineSchedule::kOneForwardOneBackward;
      Count warm = 0;
      for (const PipelineStep& step : pipeline_order(order, p_.pipeline, p_.virtual_stages, micro_batches, stage)) {
        (step.forward ? queue.forwards : queue.gradients).push_back(step);
        if (queue.gradients.empty()) ++warm;
      }
      // One direction may hold on every rank what the first rank of 1F1B holds (ZB-H1); of two, each holds what 1F1B
      // would, p + 1 in all (DualPipe README). Two more whose weight gradients wait keep the gaps filled.
      const bool alone = p_.schedule == PipelineSchedule::kZeroBubble;
      queue.most_in_flight = (alone ? std::max(warm, p_.pipeline) : warm) + 2;
      left_ += 3 * static_cast<Count>(queue.forwards.size());
      queues_.back().push_back(std::move(queue));
    }
  }

  static std::size_t cell(const Direction& way, Count chunk, Count micro_batch) {
    return static_cast<std::size_t>(chunk * way.micro_batches + micro_batch);
  }

  /// When the input of a task is there; negative mean: not known yet.
  Moments ready(const Direction& way, Kind kind, Count chunk, Count m) const {
    if (kind == Kind::kForward && chunk == 0) return {};
    if (kind == Kind::kInputGradient && chunk == chunks_ - 1) return way.forward_end[cell(way, chunk, m)];
    const std::size_t source = cell(way, kind == Kind::kForward ? chunk - 1 : chunk + 1, m);
    const Moments& end = (kind == Kind::kForward ? way.forward_end : way.gradient_end)[source];
    if (end.mean_s < 0.0 || p_.transfer_blocks || p_.pipeline == 1) return end;
    return end + p_.transfer;
  }

  struct Candidate {
    std::size_t direction = 0;
    Kind kind = Kind::kForward;
    PipelineStep step;
    Moments ready;
  };

  Count chunk_of(Count rank, const Direction& way, const PipelineStep& step) const {
    return step.virtual_stage * p_.pipeline + (way.mirrored ? p_.pipeline - 1 - rank : rank);
  }

  /// Considers the next task of one kind in each direction: the one whose input came first, if it is there by `now_s`;
  /// else when the earliest known input comes.
  bool choose(Count rank, Kind kind, double now_s, Candidate& chosen, double& next_s) const {
    bool found = false;
    for (std::size_t d = 0; d < directions_.size(); ++d) {
      const Queue& queue = queues_[d][rank];
      const auto& order = kind == Kind::kForward ? queue.forwards : queue.gradients;
      const std::size_t next = kind == Kind::kForward ? queue.next_forward : queue.next_gradient;
      if (next == order.size()) continue;
      if (kind == Kind::kForward && queue.in_flight >= queue.most_in_flight) continue;
      const PipelineStep& step = order[next];
      const Moments input = ready(directions_[d], kind, chunk_of(rank, directions_[d], step), step.micro_batch);
      if (input.mean_s < 0.0) continue;
      if (input.mean_s > now_s) {
        next_s = std::min(next_s, input.mean_s);
      } else if (!found || input.mean_s < chosen.ready.mean_s) {
        chosen = {d, kind, step, input};
        found = true;
      }
    }
    return found;
  }

  bool choose_weight(Count rank, Candidate& chosen) const {
    for (std::size_t d = 0; d < directions_.size(); ++d) {
      if (queues_[d][rank].weights.empty()) continue;
      chosen = {d, Kind::kWeightGradient, queues_[d][rank].weights.front(), {}};
      return true;
    }
    return false;
  }

  /// Starts the best task that `rank` can start now; returns when the earliest known input comes otherwise.
  double run_one(Count rank, double now_s) {
    double next_s = kNever;
    Candidate task;
    ran_ = choose(rank, Kind::kInputGradient, now_s, task, next_s) ||
           choose(rank, Kind::kForward, now_s, task, next_s) || choose_weight(rank, task);
    if (ran_) run(rank, task);
    return next_s;
  }

  void run(Count rank, const Candidate& task) {
    Direction& way = directions_[task.direction];
    Queue& queue = queues_[task.direction][rank];
    const Count chunk = chunk_of(rank, way, task.step);
    const Moments work = task_time(p_, task.kind, chunk, way.first_micro_batch + task.step.micro_batch);
    Moments start = rank_free_[rank];
    if (task.kind != Kind::kWeightGradient) start = started(task.kind, chunk, start, task.ready);
    const Moments end = start + work;
    rank_free_[rank] = end;
    busy_s_[rank] += work.mean_s;
    --left_;
    if (task.kind == Kind::kForward) {
      way.forward_end[cell(way, chunk, task.step.micro_batch)] = end;
      ++queue.next_forward;
      ++queue.in_flight;
    } else if (task.kind == Kind::kInputGradient) {
      way.gradient_end[cell(way, chunk, task.step.micro_batch)] = end;
      ++queue.next_gradient;
      queue.weights.push_back(task.step);
    } else {
      queue.weights.pop_front();
      --queue.in_flight;
    }
  }

  Moments started(Kind kind, Count chunk, const Moments& free, const Moments& input) const {
    Moments start = later_of(free, input);
    const bool crosses = p_.pipeline > 1 && (kind == Kind::kForward ? chunk > 0 : chunk < chunks_ - 1);
    if (!crosses) return start;
    if (p_.transfer_blocks) start = start + p_.transfer;
    start.mean_s += p_.hand_over_s;
    return start;
  }

  PipelineTime summary() const {
    PipelineTime time;
    for (Count rank = 0; rank < p_.pipeline; ++rank) {
      if (rank_free_[rank].mean_s > time.makespan.mean_s) time.makespan = rank_free_[rank];
    }
    time.busy_s = busy_s_;
    for (Count rank = 0; rank < p_.pipeline; ++rank) {
      time.wait_s.push_back(std::max(0.0, time.makespan.mean_s - busy_s_[rank]));
      time.finish_s.push_back(rank_free_[rank].mean_s);
    }
    return time;
  }

  const PipelineProblem& p_;
  Count chunks_;
  std::vector<Moments> rank_free_;
  std::vector<double> busy_s_;
  std::vector<Direction> directions_;
  /// [direction][rank].
  std::vector<std::vector<Queue>> queues_;
  Count left_ = 0;
  bool ran_ = false;
};

}  // namespace

PipelineTime split_backward_time(const PipelineProblem& problem) {
  return Schedule(problem).solve();
}

}  // namespace windtunnel::modeling
