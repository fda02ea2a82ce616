// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/step/device_chain.h"

#include <numeric>
#include <optional>

namespace windtunnel::modeling {

namespace {

/// Writes a program span by span.
class Ledger {
 public:
  const ActivityProgram& program() const { return program_; }

  void append(Activity activity, double duration_s) {
    if (duration_s <= 0.0) return;
    program_.time_s[index(activity)] += duration_s;
    if (!first_) first_ = activity;
    if (last_) count(*last_, activity, 1.0);
    last_ = activity;
  }

  /// The same spans `times` in a row.
  void append(const std::vector<ActivitySpan>& spans, double times) {
    if (spans.empty() || times <= 0.0) return;
    for (const ActivitySpan& span : spans) append(span.activity, span.duration_s);
    const double more = times - 1.0;
    for (const ActivitySpan& span : spans) program_.time_s[index(span.activity)] += more * span.duration_s;
    count(spans.back().activity, spans.front().activity, more);
    for (std::size_t k = 1; k < spans.size(); ++k) count(spans[k - 1].activity, spans[k].activity, more);
  }

  /// Everything of another ledger, `times` in a row.
  void append(const Ledger& block, double times) {
    if (!block.first_) return;
    if (!first_) first_ = block.first_;
    if (last_) count(*last_, *block.first_, 1.0);
    last_ = block.last_;
    program_.add(block.program_, times);
    count(*block.last_, *block.first_, times - 1.0);
  }

  /// What comes last leads to what came first.
  void close() {
    if (first_) count(*last_, *first_, 1.0);
  }

 private:
  static int index(Activity activity) { return static_cast<int>(activity); }
  void count(Activity from, Activity to, double times) {
    if (from != to) program_.transitions[index(from)][index(to)] += times;
  }

  ActivityProgram program_;
  std::optional<Activity> first_;
  std::optional<Activity> last_;
};

void append_chunk(Ledger& ledger, const TemplateTimes& templates, const ModelChunk& chunk, Pass pass) {
  for (Segment segment : kAllSegments) {
    ledger.append(templates[static_cast<int>(segment)][static_cast<int>(pass)].spans, instances(chunk, segment));
  }
}

/// None with the user's own times.
std::array<double, 2> host_wait_of(const TrainingStep& step, const Placement& placement, Count rank, Count v) {
  if (step.host_wait_s.empty()) return {};
  return step.host_wait_s[static_cast<std::size_t>(v * placement.pipeline + rank)];
}

/// One micro-batch through all chunks of a rank, each way. The rank's waiting is spread evenly: the chain keeps the
/// share, not the place, of the bubble.
Ledger micro_batch_of(const TrainingStep& step, const Placement& placement, Count rank) {
  const double units = 2.0 * static_cast<double>(placement.micro_batches * placement.virtual_stages);
  const double wait_s = step.pipeline.wait_s[rank] / units;
  Ledger ledger;
  for (Count v = 0; v < placement.virtual_stages; ++v) {
    const std::array<double, 2> host_wait_s = host_wait_of(step, placement, rank, v);
    append_chunk(ledger, step.templates, placement.chunk(rank, v), Pass::kForward);
    ledger.append(Activity::kHostWait, host_wait_s[0]);
    ledger.append(Activity::kPipelineWait, wait_s);
    append_chunk(ledger, step.templates, placement.chunk(rank, v), Pass::kRecompute);
    append_chunk(ledger, step.templates, placement.chunk(rank, v), Pass::kBackward);
    ledger.append(Activity::kHostWait, host_wait_s[1]);
    ledger.append(Activity::kPipelineWait, wait_s);
  }
  return ledger;
}

/// The whole step of a rank, as a cycle.
Ledger step_of(const TrainingStep& step, const Placement& placement, Count rank, double straggler_s) {
  Ledger ledger;
  ledger.append(Activity::kDataComm, step.tail.weights_exposed_s);
  ledger.append(micro_batch_of(step, placement, rank), static_cast<double>(placement.micro_batches));
  ledger.append(Activity::kDataComm, step.tail.gradients_exposed_s);
  ledger.append(Activity::kOptimizer, step.tail.optimizer_s + step.tail.overhead_s);
  ledger.append(Activity::kStragglerWait, straggler_s);
  ledger.close();
  return ledger;
}

}  // namespace

double ActivityProgram::total_s() const {
  return std::accumulate(time_s.begin(), time_s.end(), 0.0);
}

void ActivityProgram::add(const ActivityProgram& part, double times) {
  for (int i = 0; i < kActivities; ++i) {
    time_s[i] += times * part.time_s[i];
    for (int j = 0; j < kActivities; ++j) transitions[i][j] += times * part.transitions[i][j];
  }
}

ActivityProgram activity_program(const TrainingStep& step, const Placement& placement, double straggler_s) {
  ActivityProgram program;
  for (Count rank = 0; rank < placement.pipeline; ++rank) {
    program.add(step_of(step, placement, rank, straggler_s).program(), 1.0 / static_cast<double>(placement.pipeline));
  }
  return program;
}

DeviceChain build_device_chain(const ActivityProgram& program) {
  std::vector<Activity> states;
  std::array<int, kActivities> number{};
  for (int activity = 0; activity < kActivities; ++activity) {
    if (program.time_s[activity] <= 0.0) continue;
    number[activity] = static_cast<int>(states.size());
    states.push_back(static_cast<Activity>(activity));
  }
  std::vector<solvers::Transition> transitions;
  for (Activity from : states) {
    for (Activity to : states) {
      const int i = static_cast<int>(from);
      const int j = static_cast<int>(to);
      if (program.transitions[i][j] > 0.0)
        transitions.push_back({number[i], number[j], program.transitions[i][j] / program.time_s[i]});
    }
  }
  return {states, solvers::Generator(static_cast<int>(states.size()), transitions)};
}

ActivityShares solve_activity_shares(const ActivityProgram& program) {
  // The user's own times on one device: no activity is told apart, so there is nothing to share.
  if (program.total_s() <= 0.0) return {};
  const DeviceChain chain = build_device_chain(program);
  ActivityShares shares;
  shares.solution = solvers::solve_stationary(chain.generator);
  shares.states = static_cast<long long>(chain.states.size());
  shares.transitions = chain.generator.transitions();
  for (std::size_t k = 0; k < chain.states.size(); ++k) {
    shares.probability[static_cast<int>(chain.states[k])] = shares.solution.probability(static_cast<int>(k));
  }
  return shares;
}

}  // namespace windtunnel::modeling
