// SPDX-License-Identifier: Apache-2.0
#include "modeling/costs/service_times.h"

#include "modeling/costs/operator_cost.h"

namespace windtunnel::modeling {

namespace {

double square(double x) {
  return x * x;
}

Activity activity_of(const Operator& op, const OperatorCost& cost) {
  if (op.pass == Pass::kUpdate) return Activity::kOptimizer;
  return cost.memory_bound ? Activity::kMemory : Activity::kCompute;
}

OperatorTime collective_time(const Operator& op, const Placement& placement, const Machine& machine,
                             const LinkSlowdowns& slowdowns) {
  TierSlowdown slowdown = slowdowns[static_cast<int>(op.group)];
  slowdown.scale_up /= op.rate_ratio;
  slowdown.scale_out /= op.rate_ratio;
  const CollectiveCost cost =
      collective_cost(op.collective, op.message_bytes, placement.group(op.group), machine.profile, slowdown, op.copies);
  return {.mean_s = cost.mean_s,
          .variance_s2 = square(machine.profile.jitter.operator_cv.value * cost.mean_s),
          .activity = waiting_for(op.group),
          .scale_up_busy_s = cost.scale_up_busy_s,
          .scale_out_busy_s = cost.scale_out_busy_s};
}

OperatorTime kernel_time(const Operator& op, const Machine& machine) {
  const OperatorCost cost = operator_cost(op, machine.profile, machine.software);
  return {.mean_s = cost.mean_s,
          .variance_s2 = square(machine.profile.jitter.operator_cv.value * cost.mean_s),
          .activity = activity_of(op, cost)};
}

}  // namespace

OperatorTime operator_time(const Operator& op, const Placement& placement, const Machine& machine,
                           const LinkSlowdowns& slowdowns) {
  return op.kind == OperatorKind::kCollective ? collective_time(op, placement, machine, slowdowns)
                                              : kernel_time(op, machine);
}

ServiceTimes service_times(const OperatorGraph& graph, const Placement& placement, const Machine& machine,
                           const LinkSlowdowns& slowdowns) {
  ServiceTimes times;
  times.reserve(graph.size());
  for (int vertex = 0; vertex < graph.size(); ++vertex) {
    times.push_back(operator_time(graph.at(vertex), placement, machine, slowdowns));
  }
  return times;
}

void retime_collectives(ServiceTimes& times, const OperatorGraph& graph, const Placement& placement,
                        const Machine& machine, const LinkSlowdowns& slowdowns) {
  for (int vertex = 0; vertex < graph.size(); ++vertex) {
    const Operator& op = graph.at(vertex);
    if (op.kind == OperatorKind::kCollective) times[vertex] = collective_time(op, placement, machine, slowdowns);
  }
}

OperatorTime pipeline_transfer(const Model& model, const Training& training, const Placement& placement,
                               const Machine& machine, const LinkSlowdowns& slowdowns) {
  const Parallelism& p = training.parallelism;
  const double rows =
      static_cast<double>(training.micro_batch * training.sequence_length) / static_cast<double>(p.context);
  // Each tensor rank sends its share of the activations (scatter-gather, Narayanan et al., arXiv:2104.04473,
  // section 4.1).
  const double bytes = 2.0 * rows * static_cast<double>(model.hidden_size) / static_cast<double>(p.tensor);
  const Operator transfer{.name = "pipeline transfer",
                          .kind = OperatorKind::kCollective,
                          .collective = Collective::kPointToPoint,
                          .group = CommGroup::kPipeline,
                          .message_bytes = bytes};
  return collective_time(transfer, placement, machine, slowdowns);
}

}  // namespace windtunnel::modeling
