// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/step/template_schedule.h"

#include <algorithm>

namespace windtunnel::modeling {

namespace {

struct Interval {
  double start_s = 0.0;
  double end_s = 0.0;
  double length_s() const { return end_s - start_s; }
};

/// Earliest start and earliest end that the producers allow, and which of them is the last.
struct Readiness {
  double start_s = 0.0;
  double end_s = 0.0;
  int last_producer = -1;
};

class TemplatePlayer {
 public:
  TemplatePlayer(const OperatorGraph& graph, const ServiceTimes& times, const Placement& placement,
                 const OverlapPolicy& policy)
      : graph_(graph), times_(times), placement_(placement), policy_(policy) {}

  TemplateTime play(Segment segment, Pass pass) {
    const std::vector<int>& members = graph_.members(segment, pass);
    if (members.empty()) return {};
    first_vertex_ = members.front();
    played_.assign(members.back() - first_vertex_ + 1, {.start_s = 0.0, .end_s = -1.0});
    for (int vertex : members) {
      kernels_ += graph_.at(vertex).kernels;
      const OperatorKind kind = graph_.at(vertex).kind;
      if (kind == OperatorKind::kCollective) {
        play_collective(vertex);
      } else if (kind == OperatorKind::kHost && pass != Pass::kUpdate) {
        host_copies_s_ += times_[vertex].mean_s;
      } else {
        play_kernel(vertex);
      }
    }
    close();
    return std::move(result_);
  }

 private:
  bool hidden(CommGroup group) const { return policy_.hidden[static_cast<int>(group)]; }

  /// Nothing in the template waits for it: issued ahead of need, or beside the compute of another micro-batch.
  bool runs_aside(const Operator& op) const {
    const bool beside_another = op.group == CommGroup::kExpert && placement_.micro_batches > 1;
    return hidden(op.group) && (op.prefetched || beside_another);
  }

  double piece(int collective_vertex) const {
    return 1.0 / static_cast<double>(std::max<Count>(2, placement_.group(graph_.at(collective_vertex).group).size));
  }

  /// Pieces come from whichever side is the collective; a blocking collective has no pieces.
  double overlap_piece(int producer, int consumer) const {
    for (int vertex : {producer, consumer}) {
      const Operator& op = graph_.at(vertex);
      if (op.kind == OperatorKind::kCollective) return hidden(op.group) ? piece(vertex) : 1.0;
    }
    return 1.0;  // two kernels share the compute resource: nothing to stream
  }

  Readiness readiness(int vertex) const {
    Readiness ready;
    for (const Dependency& dependency : graph_.producers(vertex)) {
      if (dependency.producer < first_vertex_) continue;  // of an earlier template: over before this one starts
      const Interval& producer = played_[dependency.producer - first_vertex_];
      if (producer.end_s < 0.0) continue;
      const double share =
          dependency.kind == DependencyKind::kStreamed ? overlap_piece(dependency.producer, vertex) : 1.0;
      const double start = producer.start_s + share * producer.length_s();
      const double end = producer.end_s + share * times_[vertex].mean_s;
      if (end > ready.end_s) ready.last_producer = dependency.producer;
      ready.start_s = std::max(ready.start_s, start);
      ready.end_s = std::max(ready.end_s, end);
    }
    return ready;
  }

  void span(Activity activity, double duration_s) {
    if (duration_s <= 0.0) return;
    if (!result_.spans.empty() && result_.spans.back().activity == activity) {
      result_.spans.back().duration_s += duration_s;
    } else {
      result_.spans.push_back({activity, duration_s});
    }
  }

  void expose(CommGroup group, double duration_s) {
    if (duration_s <= 0.0) return;
    span(waiting_for(group), duration_s);
    result_.traffic[static_cast<int>(group)].exposed_s += duration_s;
  }

  void play_kernel(int vertex) {
    const OperatorTime& time = times_[vertex];
    const Readiness ready = readiness(vertex);
    const double start = std::max(compute_free_s_, ready.start_s);
    const double end = std::max(start + time.mean_s, ready.end_s);
    const double waited = end - compute_free_s_ - time.mean_s;
    if (waited > 0.0) expose(awaited_group(ready.last_producer), waited);
    span(time.activity, time.mean_s);
    result_.duration.variance_s2 += time.variance_s2;
    if (graph_.at(vertex).deferrable) result_.deferrable_s += time.mean_s;
    played_[vertex - first_vertex_] = {start, end};
    compute_free_s_ = end;
  }

  CommGroup awaited_group(int producer) const {
    return producer >= 0 && graph_.at(producer).kind == OperatorKind::kCollective ? graph_.at(producer).group
                                                                                  : CommGroup::kTensor;
  }

  void play_collective(int vertex) {
    const Operator& op = graph_.at(vertex);
    const OperatorTime& time = times_[vertex];
    count_traffic(op, time);
    double& port_free_s = port_free_s_[static_cast<int>(op.group)];
    if (runs_aside(op)) {
      aside_s_[static_cast<int>(op.group)] += time.mean_s;
      played_[vertex - first_vertex_] = {};
      return;
    }
    const Readiness ready = readiness(vertex);
    double start = std::max(port_free_s, ready.start_s);
    if (!hidden(op.group)) start = std::max(start, compute_free_s_);
    const double end = std::max(start + time.mean_s, ready.end_s);
    played_[vertex - first_vertex_] = {start, end};
    port_free_s = end;
    if (hidden(op.group)) return;
    expose(op.group, end - compute_free_s_);
    result_.duration.variance_s2 += time.variance_s2;
    compute_free_s_ = end;
  }

  void count_traffic(const Operator& op, const OperatorTime& time) {
    if (time.mean_s <= 0.0) return;
    TemplateTraffic& traffic = result_.traffic[static_cast<int>(op.group)];
    traffic.total_s += time.mean_s;
    traffic.scale_up_busy_s += time.scale_up_busy_s;
    traffic.scale_out_busy_s += time.scale_out_busy_s;
    ++traffic.transfers;
  }

  /// What still runs when the last kernel ends, traffic aside that did not fit beside it, and the mutual slowdown.
  void close() {
    double end = compute_free_s_;
    for (int group = 0; group < kCommGroups; ++group) {
      if (port_free_s_[group] > end) expose(static_cast<CommGroup>(group), port_free_s_[group] - end);
      end = std::max(end, port_free_s_[group]);
    }
    for (int group = 0; group < kCommGroups; ++group) {
      if (aside_s_[group] > end) expose(static_cast<CommGroup>(group), aside_s_[group] - end);
      end = std::max(end, aside_s_[group]);
    }
    span(Activity::kOffloadWait, host_copies_s_ - end);
    end = std::max(end, host_copies_s_);
    double hidden_s = 0.0;
    for (const TemplateTraffic& traffic : result_.traffic)
      hidden_s += std::max(0.0, traffic.total_s - traffic.exposed_s);
    const double slowed = policy_.compute_slowdown * std::min(hidden_s, end);
    span(Activity::kCompute, slowed);
    const double device_s = end + slowed;
    const double host_s = kernels_ * policy_.host_issue_s;
    span(Activity::kHostWait, host_s - device_s);
    result_.duration.mean_s = std::max(device_s, host_s);
    result_.host_s = host_s;
  }

  const OperatorGraph& graph_;
  const ServiceTimes& times_;
  const Placement& placement_;
  const OverlapPolicy& policy_;
  TemplateTime result_;
  /// By vertex from the template's first; a negative end marks those that were not played.
  std::vector<Interval> played_;
  int first_vertex_ = 0;
  double compute_free_s_ = 0.0;
  double kernels_ = 0.0;
  double host_copies_s_ = 0.0;
  std::array<double, kCommGroups> port_free_s_{};
  std::array<double, kCommGroups> aside_s_{};
};

bool hides_experts_by_habit(const SoftwareGeneration& software, const Training& training) {
  if (training.schedule == PipelineSchedule::kDualPipe) return true;
  switch (software.overlap_expert) {
    case ExpertOverlap::kNever:
      return false;
    case ExpertOverlap::kInterleaved:
      return training.parallelism.virtual_stages > 1;
    case ExpertOverlap::kAlways:
      return true;
  }
  return false;
}

}  // namespace

OverlapPolicy overlap_policy(const SoftwareGeneration& software, const Training& training) {
  const Overlap& requested = training.overlap;
  OverlapPolicy policy;
  const auto set = [&](CommGroup group, std::optional<bool> asked, bool habit) {
    policy.hidden[static_cast<int>(group)] = asked.value_or(habit);
  };
  set(CommGroup::kTensor, requested.tensor, software.overlap_tensor);
  set(CommGroup::kPipeline, requested.pipeline, software.overlap_pipeline);
  set(CommGroup::kData, requested.data, software.overlap_data);
  set(CommGroup::kExpertData, requested.data, software.overlap_data);
  set(CommGroup::kExpert, requested.expert, hides_experts_by_habit(software, training));
  set(CommGroup::kContext, requested.context, software.overlap_context);
  policy.compute_slowdown = software.overlap_compute_slowdown.value;
  policy.host_issue_s = software.training.host_issue_s.value;
  policy.host_pass_s = software.training.host_pass_s.value;
  return policy;
}

TemplateTime play_template(const OperatorGraph& graph, Segment segment, Pass pass, const ServiceTimes& times,
                           const Placement& placement, const OverlapPolicy& policy) {
  return TemplatePlayer(graph, times, placement, policy).play(segment, pass);
}

TemplateTimes play_all_templates(const OperatorGraph& graph, const ServiceTimes& times, const Placement& placement,
                                 const OverlapPolicy& policy) {
  TemplateTimes all;
  for (int segment = 0; segment < kSegments; ++segment) {
    for (int pass = 0; pass < kPasses; ++pass) {
      all[segment][pass] =
          play_template(graph, static_cast<Segment>(segment), static_cast<Pass>(pass), times, placement, policy);
    }
  }
  return all;
}

double chunk_host_wait_s(const TemplateTimes& templates, const ModelChunk& chunk, std::initializer_list<Pass> passes,
                         double host_pass_s) {
  if (host_pass_s <= 0.0) return 0.0;
  double host_s = host_pass_s;
  double played_s = 0.0;
  for (const Pass pass : passes) {
    for (const Segment segment : kAllSegments) {
      const double copies = instances(chunk, segment);
      const TemplateTime& time = templates[static_cast<int>(segment)][static_cast<int>(pass)];
      host_s += copies * time.host_s;
      played_s += copies * time.duration.mean_s;
    }
  }
  return std::max(0.0, host_s - played_s);
}

}  // namespace windtunnel::modeling
