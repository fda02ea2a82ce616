// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/training/roofline.h"

#include <algorithm>
#include <string_view>

#include "modeling/costs/operator_cost.h"
#include "modeling/studies/training/network_report.h"

namespace windtunnel::modeling {

namespace {

constexpr std::array<std::string_view, 3> kKernelKinds = {"matrix_product", "attention", "element_wise"};

/// How often an average device runs each operator of a segment and pass in one step.
double runs_per_step(const Placement& placement, Segment segment, Pass pass) {
  double copies = 0.0;
  for (const ModelChunk& chunk : placement.chunks) copies += instances(chunk, segment);
  const double times = pass == Pass::kUpdate ? 1.0 : static_cast<double>(placement.micro_batches);
  return copies * times / static_cast<double>(placement.pipeline);
}

struct Resource {
  std::string name;
  double use_ratio = 0.0;
};

std::vector<Resource> resources(const KernelTotals& kernels, const PlacedTraining& placed, const TrainingAnswer& answer,
                                const Machine& machine) {
  KindTotals all;
  for (const KindTotals& kind : kernels) {
    all.flop += kind.flop;
    all.memory_bytes += kind.memory_bytes;
  }
  const double step_s = answer.chain.mean_s;
  const double peak = precision_roof(machine.profile.compute, placed.training.precision).peak_flop_per_s;
  return {{"compute", all.flop / (peak * step_s)},
          {"memory_bandwidth", all.memory_bytes / (machine.profile.memory.bandwidth_bytes_per_s.value * step_s)},
          {"scale_up", average_link(answer.coupled, true).utilization_ratio},
          {"scale_out", average_link(answer.coupled, false).utilization_ratio}};
}

}  // namespace

KernelTotals kind_totals(const PlacedTraining& placed, const Machine& machine) {
  KernelTotals totals{};
  for (int vertex = 0; vertex < placed.graph.size(); ++vertex) {
    const Operator& op = placed.graph.at(vertex);
    if (op.kind == OperatorKind::kCollective || op.kind == OperatorKind::kHost) continue;
    const double runs = runs_per_step(placed.placement, op.segment, op.pass);
    if (runs <= 0.0) continue;
    const OperatorCost cost = operator_cost(op, machine.profile, machine.software);
    KindTotals& kind = totals[static_cast<int>(op.kind)];
    kind.flop += runs * op.flop;
    kind.memory_bytes += runs * op.memory_bytes;
    kind.time_s += runs * cost.mean_s;
    if (!cost.memory_bound) kind.compute_bound_s += runs * cost.mean_s;
  }
  return totals;
}

Breakdown roofline_breakdown(const KernelTotals& kernels, const PlacedTraining& placed, const TrainingAnswer& answer,
                             const Machine& machine) {
  const double peak = precision_roof(machine.profile.compute, placed.training.precision).peak_flop_per_s;
  const double bandwidth = machine.profile.memory.bandwidth_bytes_per_s.value;
  Breakdown breakdown{.name = "roofline", .entries = {{"ridge_flop_per_byte", peak / bandwidth}}};
  for (std::size_t k = 0; k < kKernelKinds.size(); ++k) {
    const KindTotals& kind = kernels[k];
    if (kind.time_s <= 0.0) continue;
    const auto add = [&](const char* what, double value) {
      breakdown.entries.push_back({std::string(kKernelKinds[k]) + "." + what, value});
    };
    add("intensity_flop_per_byte", kind.memory_bytes > 0.0 ? kind.flop / kind.memory_bytes : 0.0);
    add("compute_bound_ratio", kind.compute_bound_s / kind.time_s);
    add("achieved_compute_ratio", kind.flop / (kind.time_s * peak));
    add("achieved_bandwidth_ratio", kind.memory_bytes / (kind.time_s * bandwidth));
    add("step_ratio", kind.time_s / answer.chain.mean_s);
  }
  return breakdown;
}

Breakdown mismatch_breakdown(const KernelTotals& kernels, const PlacedTraining& placed, const TrainingAnswer& answer,
                             const Machine& machine) {
  const std::vector<Resource> all = resources(kernels, placed, answer, machine);
  const double most = std::max_element(all.begin(), all.end(), [](const Resource& a, const Resource& b) {
                        return a.use_ratio < b.use_ratio;
                      })->use_ratio;
  Breakdown breakdown{.name = "mismatch"};
  for (const Resource& one : all) {
    breakdown.entries.push_back({one.name + ".use_ratio", one.use_ratio});
    breakdown.entries.push_back({one.name + ".provision_ratio", most > 0.0 ? one.use_ratio / most : 0.0});
  }
  return breakdown;
}

}  // namespace windtunnel::modeling
