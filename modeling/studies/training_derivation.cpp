// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "modeling/costs/service_times.h"
#include "modeling/studies/derivations.h"

namespace windtunnel::modeling {
namespace {

DerivationSection layout_section(const PlacedTraining& placed) {
  DerivationSection section{.title = "Where the ranks are"};
  section.paragraphs.push_back(
      "Ranks are numbered tensor first, then context, data, pipeline, and fill the scale-up domains in that order: a "
      "group's communication stays inside a domain or crosses between them.");
  section.rows.push_back({"group", "ranks", "in one domain", "domains"});
  for (int group = 0; group < kCommGroups; ++group) {
    const GroupPlacement& place = placed.placement.groups[static_cast<std::size_t>(group)];
    if (place.size > 1)
      section.rows.push_back({to_string(static_cast<CommGroup>(group)), std::to_string(place.size),
                              std::to_string(place.local), std::to_string(place.domains)});
  }
  return section;
}

std::vector<std::string> operator_row(const Operator& op, const OperatorTime& time) {
  const bool talks = op.kind == OperatorKind::kCollective;
  return {to_string(op.segment) + " " + to_string(op.pass),
          op.name,
          op.flop > 0.0 ? fmt::format("{:.4g}", op.flop / 1e9) : "",
          fmt::format("{:.4g}", (talks ? op.message_bytes : op.memory_bytes) / 1e6),
          fmt::format("{:.4g}", 1e6 * time.mean_s),
          std::string(kActivityNames[static_cast<std::size_t>(time.activity)])};
}

DerivationSection operator_section(const PlacedTraining& placed, const Machine& machine) {
  DerivationSection section{.title = "Operators of one layer, one micro-batch, one device"};
  section.paragraphs.push_back(
      "A kernel takes the longer of its arithmetic and its memory traffic, each at the rate its shape reaches, and the "
      "launch; a collective takes its latencies and the bytes that cross the slower tier. Times are those on an idle "
      "network.");
  section.equations.push_back(
      {"t = \\max\\left(\\frac{F}{P \\eta}, \\frac{B}{W \\beta}\\right) + t_0, \\quad t_{comm} = k l + \\frac{n-1}{n} "
       "\\frac{B}{w}",
       fmt::format(
           "t = max(FLOP / (peak x efficiency), bytes / (bandwidth x efficiency)) + launch; memory {:.4g} TB/s, "
           "scale-up {:.4g} GB/s, scale-out {:.4g} GB/s, launch {:.3g} us",
           machine.profile.memory.bandwidth_bytes_per_s.value / 1e12,
           machine.profile.scale_up.bandwidth_bytes_per_s.value / 1e9,
           machine.profile.scale_out.bandwidth_bytes_per_s.value / 1e9, 1e6 * machine.software.launch_s.value)});
  const ServiceTimes times = service_times(placed.graph, placed.placement, machine, LinkSlowdowns{});
  section.rows.push_back({"pass", "operator", "GFLOP", "MB", "us", "the device"});
  for (const Segment segment : {Segment::kDenseLayer, Segment::kExpertLayer}) {
    for (const Pass pass : {Pass::kForward, Pass::kRecompute, Pass::kBackward, Pass::kUpdate}) {
      for (const int vertex : placed.graph.members(segment, pass))
        section.rows.push_back(operator_row(placed.graph.at(vertex), times[static_cast<std::size_t>(vertex)]));
    }
  }
  return section;
}

std::string milliseconds(double seconds) {
  return fmt::format("{:.4g} ms", 1e3 * seconds);
}

/// Mean time of one micro-batch on one rank, all its chunks.
double rank_time_s(const TrainingStep& step, const Placement& placement) {
  double busy = 0.0;
  for (const double one : step.pipeline.busy_s) busy += one;
  return busy / static_cast<double>(placement.pipeline) / static_cast<double>(placement.micro_batches);
}

DerivationSection pipeline_section(const PlacedTraining& placed, const TrainingStep& step) {
  const Placement& placement = placed.placement;
  const double one_s = rank_time_s(step, placement);
  const auto n = static_cast<double>(placement.micro_batches);
  const double bubble = (static_cast<double>(placement.pipeline) - 1.0) / static_cast<double>(placement.virtual_stages);
  DerivationSection section{.title = "From layers to a step"};
  section.paragraphs.push_back(fmt::format(
      "{} micro-batches pass through {} ranks with {} chunks each. If all chunks were equal and hand-overs free, the "
      "pipeline would take n + (p - 1) / v micro-batch times; unrolled over its schedule, every start waiting for the "
      "rank and for the neighbour, it takes {}.",
      placement.micro_batches, placement.pipeline, placement.virtual_stages,
      milliseconds(step.pipeline.makespan.mean_s)));
  section.equations.push_back({"T = \\left(n + \\frac{p-1}{v}\\right)(f + b)",
                               fmt::format("({:.0f} + {:.4g}) x {} = {} in the ideal case", n, bubble,
                                           milliseconds(one_s), milliseconds((n + bubble) * one_s))});
  section.rows = {{"part of the step", "time"},
                  {"pipeline", milliseconds(step.pipeline.makespan.mean_s)},
                  {"gradient exchange not hidden", milliseconds(step.tail.gradients_exposed_s)},
                  {"optimizer", milliseconds(step.tail.optimizer_s)},
                  {"gathering of weights not hidden", milliseconds(step.tail.weights_exposed_s)},
                  {"host", milliseconds(step.tail.overhead_s)},
                  {"step without jitter", milliseconds(step.ideal_s())}};
  return section;
}

/// The device chain's transitions, between the states that its record names.
void add_device_arrows(const PlacedTraining& placed, const TrainingStep& step, double straggler_s, Report& report) {
  const auto record = std::find_if(report.chains.begin(), report.chains.end(),
                                   [](const ChainRecord& chain) { return chain.name == "device"; });
  if (record == report.chains.end()) return;
  const DeviceChain chain = build_device_chain(activity_program(step, placed.placement, straggler_s));
  if (chain.states.size() != record->state_probabilities.size()) return;
  for (std::size_t from = 0; from < chain.states.size(); ++from) {
    for (const auto [to, rate] : chain.generator.outgoing().row(static_cast<solvers::Index>(from)))
      record->arrows.push_back({static_cast<int>(from), static_cast<int>(to), rate});
  }
}

}  // namespace

void derive_training(const PlacedTraining& placed, const TrainingStep& step, double straggler_s, const Machine& machine,
                     Report& report) {
  if (!placed.training.service_times) {
    report.derivation.push_back(layout_section(placed));
    report.derivation.push_back(operator_section(placed, machine));
    add_device_arrows(placed, step, straggler_s, report);
  }
  report.derivation.push_back(pipeline_section(placed, step));
}

}  // namespace windtunnel::modeling
