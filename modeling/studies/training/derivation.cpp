// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "modeling/costs/service_times.h"
#include "modeling/studies/training/derivation.h"

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
  for (const Segment segment : kLayerSegments) {
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

ChainRecord* find_chain(Report& report, const std::string& name) {
  const auto found = std::find_if(report.chains.begin(), report.chains.end(),
                                  [&](const ChainRecord& chain) { return chain.name == name; });
  return found == report.chains.end() ? nullptr : &*found;
}

void add_arrows(const solvers::Generator& q, ChainRecord& record) {
  for (solvers::Index from = 0; from < q.states(); ++from) {
    for (const auto [to, rate] : q.outgoing().row(from))
      record.arrows.push_back({static_cast<int>(from), static_cast<int>(to), rate});
  }
}

/// The device chain's transitions, between the states that its record names.
void add_device_arrows(const PlacedTraining& placed, const TrainingAnswer& answer, Report& report) {
  ChainRecord* record = find_chain(report, "device");
  if (!record) return;
  const double straggler_s = answer.chain.mean_s - answer.coupled.mean_ideal_s();
  const DeviceChain chain = build_device_chain(activity_program(answer.coupled.step(), placed.placement, straggler_s));
  if (chain.states.size() == record->state_probabilities.size()) add_arrows(chain.generator, *record);
}

/// States of a link chain at the least congested level, and the row of its slowdowns.
void add_link(const LinkProblem& problem, const LinkSolution& solution, Report& report, DerivationSection& section) {
  ChainRecord* record = find_chain(report, "link." + problem.name);
  if (!record) return;
  const NamedLinkChain chain = named_link_chain(problem);
  for (std::size_t i = 0; i < chain.states.size(); ++i)
    record->state_probabilities.push_back(
        {chain.states[i], solution.solution.probability(static_cast<solvers::Index>(i))});
  add_arrows(chain.generator, *record);
  for (const LinkClass& one : problem.classes) {
    const double slowdown = one.group ? solution.slowdown[static_cast<std::size_t>(*one.group)] : 1.0;
    section.rows.push_back({problem.name, one.group ? to_string(*one.group) : "checkpoint", one.hidden ? "yes" : "no",
                            fmt::format("{:.4g}", one.transfers_per_step), milliseconds(one.busy_s),
                            fmt::format("{:.4g}", slowdown)});
  }
}

DerivationSection link_section(const PlacedTraining& placed, const TrainingAnswer& answer, const Machine& machine,
                               Report& report) {
  const StepAtLevel& level = answer.coupled.levels.front();
  DerivationSection section{.title = "What shares a port"};
  section.paragraphs.push_back(fmt::format(
      "A device's port of each network tier is a chain of its own: the state is what is on the wire. A class comes "
      "with its transfers per step over the time it is off, leaves when its transfer is through at the share of the "
      "rate it gets. Its slowdown stretches the step, the longer step thins the traffic: {} rounds until both agree to "
      "{:.1e}.",
      answer.coupled.iterations, answer.coupled.residual));
  section.equations.push_back(
      {"q_{on} = \\frac{n_c}{T - B_c}, \\quad q_{off} = \\frac{s_c n_c}{B_c}, "
       "\\quad S_c = \\frac{1}{E(s_c)}",
       fmt::format("on: transfers / (T - time on), off: share x transfers / busy time, T = {}; "
                   "slowdown = 1 / (mean share while on)",
                   milliseconds(level.step.ideal_s()))});
  section.rows.push_back({"port", "class", "beside compute", "transfers per step", "busy alone", "slowdown"});
  const auto [up, out] = link_problems(placed, level.step, answer.coupled.congestion, 0, machine);
  add_link(up, level.scale_up, report, section);
  add_link(out, level.scale_out, report, section);
  return section;
}

/// A step's kinds of time in the order they come: lumped to one state each, passed through once per step.
struct StepPart {
  std::string name;
  double time_s = 0.0;
  /// Share of the steps that have it.
  double probability = 1.0;
};

std::vector<StepPart> step_parts(const TrainingAnswer& answer) {
  const StepChain& chain = answer.chain;
  std::vector<StepPart> parts = {{"all ranks at work", answer.coupled.mean_ideal_s()},
                                 {"slowest replica", chain.replica_wait_s},
                                 {"slowest device", chain.slow_device_s},
                                 {"longest pause", chain.pause_s},
                                 {"stalls", chain.stall_s, chain.stall_probability}};
  std::erase_if(parts, [&](const StepPart& part) { return part.time_s <= 1e-12 * chain.mean_s; });
  return parts;
}

/// The step chain lumped to its kinds of time and closed to a cycle: the next step follows.
void add_step_states(const std::vector<StepPart>& parts, double mean_s, ChainRecord& record) {
  const int count = static_cast<int>(parts.size());
  record.purpose += "; states lumped to kinds of time, closed to a cycle";
  for (const StepPart& part : parts) record.state_probabilities.push_back({part.name, part.time_s / mean_s});
  if (count < 2) return;
  for (int i = 0; i < count; ++i) {
    // From one visit of part i: each later part that this step has, skipping those it has not.
    double reaches = parts[static_cast<std::size_t>(i)].probability / parts[static_cast<std::size_t>(i)].time_s;
    for (int step = 1; step < count && reaches > 0.0; ++step) {
      const int to = (i + step) % count;
      const double has = to == 0 ? 1.0 : parts[static_cast<std::size_t>(to)].probability;
      if (has > 0.0) record.arrows.push_back({i, to, reaches * has});
      reaches *= 1.0 - has;
    }
  }
}

DerivationSection law_section(const TrainingAnswer& answer, const std::vector<StepPart>& parts) {
  const StepChain& chain = answer.chain;
  DerivationSection section{.title = "The law of the step"};
  section.paragraphs.push_back(
      "The step is over when the slowest replica is, and the longest pause of any node; rarely all stalls. Independent "
      "times that all must end multiply their distribution functions; what lasts longer than a step (congestion, a "
      "throttled device, a degraded link) is a condition, and the laws are mixed over the conditions. Times that "
      "follow each other add up: their chains are put in a row.");
  section.equations.push_back(
      {"P(T \\le t) = \\sum_k p_k \\, P(X_k^{max} + Y_k + Z_k \\le t), \\quad P(X^{max} \\le x) "
       "= F(x)^R, \\quad P(Y \\le y) = e^{-a e^{-y / m}}",
       "mixture over conditions k of: slowest of R replicas + longest of a Poisson number a of "
       "pauses of mean m + stalls"});
  std::string sum;
  for (const StepPart& part : parts) sum += (sum.empty() ? "" : " + ") + milliseconds(part.time_s);
  section.equations.push_back({"E(T) = \\sum_i E(T_i)", fmt::format("{} = {}", sum, milliseconds(chain.mean_s))});
  section.rows.push_back({"part", "mean per step", "share"});
  for (const StepPart& part : parts)
    section.rows.push_back({part.name, milliseconds(part.time_s), fmt::format("{:.4g}", part.time_s / chain.mean_s)});
  for (const auto& [name, value] :
       {std::pair("median", chain.p50_s), std::pair("95 %", chain.p95_s), std::pair("99 %", chain.p99_s)})
    section.rows.push_back({std::string(name), milliseconds(value), ""});
  return section;
}

/// P(step <= t) from nearly nothing to the 99.9 % quantile.
Curve step_curve(const StepChain& chain) {
  constexpr int kPoints = 60;
  Curve curve{"step_time_law", "P(step time <= t)", "step_time_s", "probability", false, {}};
  if (!(chain.p99_s > chain.p50_s)) return curve;
  const double low_s = std::max(chain.law.lower_s, chain.p50_s - 2.0 * (chain.p95_s - chain.p50_s));
  const double high_s = chain.p99_s + 0.5 * (chain.p99_s - chain.p50_s);
  for (int i = 0; i <= kPoints; ++i) {
    const double t_s = low_s + (high_s - low_s) * i / kPoints;
    curve.points.emplace_back(t_s, chain.law.cdf(t_s));
  }
  return curve;
}

}  // namespace

void derive_training(const PlacedTraining& placed, const TrainingAnswer& answer, const Machine& machine,
                     Report& report) {
  if (!placed.training.service_times) {
    report.derivation.push_back(layout_section(placed));
    report.derivation.push_back(operator_section(placed, machine));
    add_device_arrows(placed, answer, report);
  }
  report.derivation.push_back(pipeline_section(placed, answer.coupled.step()));
  if (!placed.training.service_times) report.derivation.push_back(link_section(placed, answer, machine, report));
  const std::vector<StepPart> parts = step_parts(answer);
  report.derivation.push_back(law_section(answer, parts));
  if (ChainRecord* record = find_chain(report, "step")) add_step_states(parts, answer.chain.mean_s, *record);
  if (Curve curve = step_curve(answer.chain); !curve.points.empty()) report.curves.push_back(std::move(curve));
}

}  // namespace windtunnel::modeling
