// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/training/timeline.h"

#include <fmt/format.h>

#include <algorithm>

namespace windtunnel::modeling {

namespace {

constexpr const char* kRanks = "pipeline ranks";
constexpr const char* kTraffic = "communication";
constexpr const char* kLayer = "inside a layer";

class Writer {
 public:
  Writer(const PlacedTraining& placed, const TrainingAnswer& answer)
      : placed_(placed),
        step_(answer.coupled.step()),
        chain_(answer.chain),
        spans_(pipeline_spans(step_.pipeline_problem)) {
    timeline_.title = fmt::format("one step of {} on {} devices",
                                  placed.model.name.empty() ? "a transformer" : placed.model.name, placed.num_devices);
    timeline_.total_s = chain_.mean_s;
  }

  Timeline write() {
    for (Count rank = 0; rank < placed_.placement.pipeline; ++rank) write_rank(rank);
    if (!placed_.training.service_times) write_layer();
    return std::move(timeline_);
  }

 private:
  int add_track(const std::string& group, const std::string& name) {
    timeline_.tracks.push_back({group, name});
    return static_cast<int>(timeline_.tracks.size()) - 1;
  }

  void add(int track, const std::string& name, const std::string& category, double start_s, double end_s,
           std::vector<std::pair<std::string, double>> details = {}) {
    end_s = std::min(end_s, timeline_.total_s);
    if (end_s > start_s)
      timeline_.spans.push_back({track, name, category, start_s, end_s - start_s, std::move(details)});
  }

  void write_rank(Count rank) {
    const int track = add_track(kRanks, fmt::format("rank {}", rank));
    // The new weights are gathered before the first forward that needs them.
    const double begin = step_.tail.weights_exposed_s;
    add(track, "gather weights", "data_comm", 0.0, begin);
    const int traffic = add_track(kTraffic, fmt::format("rank {} beside compute", rank));
    const double busy_end =
        spans_.empty() ? write_closed_form(track, rank, begin) : write_pieces(track, traffic, rank, begin);
    write_tail(track, std::max(busy_end, begin + step_.pipeline.makespan.mean_s));
  }

  /// Work and bubble as two bars.
  double write_closed_form(int track, Count rank, double begin) {
    const double busy = step_.pipeline.busy_s[rank];
    add(track, "forward and backward", "compute", begin, begin + busy);
    add(track, "bubble", "pipeline_wait", begin + busy, begin + step_.pipeline.makespan.mean_s);
    return begin + step_.pipeline.makespan.mean_s;
  }

  double write_pieces(int track, int traffic, Count rank, double begin) {
    double end = begin;
    double wire_free = 0.0;
    for (const PipelineSpan& span : spans_) {
      if (span.rank != rank) continue;
      const Count chunk = span.virtual_stage * placed_.placement.pipeline + rank;
      const double start = std::max(end, begin + span.start_s);
      end = std::max(start, begin + span.end_s);
      add(track, fmt::format("{}{}", span.forward ? "F" : "B", span.micro_batch), span.forward ? "forward" : "backward",
          start, end, {{"micro_batch", static_cast<double>(span.micro_batch)}, {"chunk", static_cast<double>(chunk)}});
      wire_free = write_hidden(traffic, placed_.placement.chunks[chunk], span.forward, std::max(start, wire_free));
    }
    return end;
  }

  /// Traffic of one run of a chunk that its rank does not wait for, one class after the other.
  double write_hidden(int track, const ModelChunk& chunk, bool forward, double start) {
    for (int group = 0; group < kCommGroups; ++group) {
      double hidden = 0.0;
      for (Segment segment : kAllSegments) {
        for (Pass pass : {Pass::kForward, Pass::kRecompute, Pass::kBackward}) {
          if (forward != (pass == Pass::kForward)) continue;
          const TemplateTraffic& load =
              step_.templates[static_cast<int>(segment)][static_cast<int>(pass)].traffic[group];
          hidden += instances(chunk, segment) * std::max(0.0, load.total_s - load.exposed_s);
        }
      }
      add(track, to_string(static_cast<CommGroup>(group)), "communication", start, start + hidden);
      start += hidden;
    }
    return start;
  }

  void write_tail(int track, double start) {
    const auto next = [&](const char* name, const char* category, double duration) {
      add(track, name, category, start, start + duration);
      start += duration;
    };
    next("exchange gradients", "data_comm", step_.tail.gradients_exposed_s);
    next("optimizer", "optimizer", step_.tail.optimizer_s);
    next("host", "optimizer", step_.tail.overhead_s);
    add(track, "wait for stragglers", "straggler_wait", start, timeline_.total_s);
  }

  void write_layer() {
    const int track = add_track(kLayer, "activities of each template, in sequence");
    double start = 0.0;
    for (Segment segment : kAllSegments) {
      for (Pass pass : {Pass::kForward, Pass::kRecompute, Pass::kBackward}) {
        const TemplateTime& one = step_.templates[static_cast<int>(segment)][static_cast<int>(pass)];
        for (const ActivitySpan& span : one.spans) {
          const std::string activity(kActivityNames[static_cast<int>(span.activity)]);
          add(track, fmt::format("{} {}: {}", to_string(segment), to_string(pass), activity), activity, start,
              start + span.duration_s);
          start += span.duration_s;
        }
      }
    }
  }

  const PlacedTraining& placed_;
  const TrainingStep& step_;
  const StepChain& chain_;
  std::vector<PipelineSpan> spans_;
  Timeline timeline_;
};

}  // namespace

Timeline training_timeline(const PlacedTraining& placed, const TrainingAnswer& answer) {
  return Writer(placed, answer).write();
}

}  // namespace windtunnel::modeling
