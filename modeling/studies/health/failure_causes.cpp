// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/health/failure_causes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/chains/health/ageing_node.h"

namespace windtunnel::modeling {

namespace {

constexpr double kShortestStop_s = 30.0;

bool is_device(const std::string& kind) {
  return kind == "device" || kind == "gpu" || kind == "npu" || kind == "tpu";
}

double exit_rate_per_s(const Component& component, const std::string& state) {
  double rate = 0.0;
  for (const ComponentTransition& transition : component.transitions) {
    if (transition.from == state) rate += transition.rate_per_s.value;
  }
  return rate;
}

bool stops_the_job(const Component& component, const std::string& name) {
  const auto state = std::find_if(component.states.begin(), component.states.end(),
                                  [&](const ComponentState& candidate) { return candidate.name == name; });
  return state != component.states.end() && state->speed_ratio == 0.0 &&
         exit_rate_per_s(component, name) * kShortestStop_s <= 1.0;
}

/// Mean and scv of exponential repairs, the i-th taken with weight rate[i].
class RepairMixture {
 public:
  void add(double rate_per_s, const Duration& repair) {
    rate_ += rate_per_s;
    first_ += rate_per_s * repair.mean_s;
    second_ += rate_per_s * repair.mean_s * repair.mean_s * (1.0 + repair.scv);
  }
  Duration duration() const {
    if (first_ == 0.0) return {};
    return {.mean_s = first_ / rate_, .scv = std::max(0.0, second_ * rate_ / (first_ * first_) - 1.0)};
  }

 private:
  double rate_ = 0.0;
  double first_ = 0.0;
  double second_ = 0.0;
};

/// Rate of entering a stopping state, and how long it is stayed in.
void read_stops(const Component& component, FailureCause& cause) {
  RepairMixture repair;
  for (const ComponentTransition& transition : component.transitions) {
    if (transition.from != component.states.front().name || !stops_the_job(component, transition.to)) continue;
    const double value = cause.rate_per_s.value + transition.rate_per_s.value;
    cause.rate_per_s = transition.rate_per_s;
    cause.rate_per_s.value = value;
    const double end = exit_rate_per_s(component, transition.to);
    if (end > 0.0) repair.add(transition.rate_per_s.value, {.mean_s = 1.0 / end, .scv = 1.0});
  }
  cause.repair = repair.duration();
}

/// On rail-optimized fabrics every device of a node has its own leaf switch, so one switch touches as many nodes as it
/// has devices; elsewhere the devices of a node share it.
Count nodes_per_leaf(const HardwareProfile& profile) {
  const auto leaf = static_cast<Count>(std::max(1.0, profile.fabric.leaf_devices.value));
  const bool by_rail = profile.fabric.topology == "rail_optimized_fat_tree";
  return by_rail ? leaf : std::max<Count>(1, leaf / profile.devices_per_node);
}

void place(const Component& component, const Cluster& cluster, const HardwareProfile& profile, FailureCause& cause) {
  const auto devices = static_cast<double>(cluster.num_devices);
  const Count nodes = job_nodes(cluster, profile);
  if (component.level == "job") {
    cause.level = FailureLevel::kJob;
    cause.components = component.per_level.value * (component.of_devices ? devices / component.of_devices->value : 1.0);
  } else if (component.level == "domain") {
    cause.level = FailureLevel::kDomain;
    cause.nodes = std::min(nodes, nodes_per_leaf(profile));
    cause.components = component.per_level.value * devices / std::max(1.0, profile.fabric.leaf_devices.value);
  } else {
    cause.components = is_device(component.kind) ? devices : component.per_level.value * static_cast<double>(nodes);
  }
}

FailureCause cause_of(const Component& component, const Cluster& cluster, const HardwareProfile& profile) {
  FailureCause cause{.name = component.kind};
  place(component, cluster, profile, cause);
  read_stops(component, cause);
  return cause;
}

std::vector<FailureCause> profile_causes(const Cluster& cluster, const HardwareProfile& profile) {
  std::vector<FailureCause> causes;
  for (const Component& component : profile.components) causes.push_back(cause_of(component, cluster, profile));
  std::erase_if(causes, [](const FailureCause& cause) { return cause.job_rate_per_s() == 0.0; });
  return causes;
}

const FailureCause* find_cause(const std::vector<FailureCause>& causes, const std::string& kind) {
  const auto found = std::find_if(causes.begin(), causes.end(), [&](const FailureCause& cause) {
    return cause.name == kind || (is_device(kind) && is_device(cause.name));
  });
  return found == causes.end() ? nullptr : &*found;
}

/// A rate from the spec, placed and repaired as the profile says of its kind.
FailureCause stated_cause(const std::string& kind, double rate_per_s, const Spec& spec, const HardwareProfile& profile,
                          const std::vector<FailureCause>& known) {
  const FailureCause* like = find_cause(known, kind);
  FailureCause cause = like ? *like : FailureCause{.repair = mixed_node_repair(known)};
  if (kind == "node") cause.components = static_cast<double>(job_nodes(spec.cluster, profile));
  // A stated rate of the job is that of this job, whatever its size.
  if (cause.level == FailureLevel::kJob) cause.components = 1.0;
  if (is_device(kind)) cause.components = static_cast<double>(spec.cluster.num_devices);
  if (!like && cause.components == 0.0)
    throw NoAnswerError(
        fmt::format("failure_rates.{0}: the profile of {1} has no '{0}'; state its failures per node "
                    "(failure_rates.node) or under reliability.domains",
                    kind, profile.name));
  cause.name = kind;
  cause.rate_per_s = {.value = rate_per_s, .evidence = Evidence::kAssumed, .source = "spec"};
  return cause;
}

FailureCause domain_cause(const FailureDomain& domain, Count nodes) {
  return {.name = domain.name,
          .level = FailureLevel::kDomain,
          .components = static_cast<double>(nodes) / static_cast<double>(std::min(domain.nodes, nodes)),
          .rate_per_s = {.value = domain.rate_per_s, .evidence = Evidence::kAssumed, .source = "spec"},
          .nodes = std::min(domain.nodes, nodes),
          .repair = domain.repair_time};
}

/// What stops the job before ageing, drains and link planes are considered.
std::vector<FailureCause> stopping_causes(const Spec& spec, const HardwareProfile& profile) {
  const Reliability& reliability = *spec.reliability;
  const std::vector<FailureCause> known = profile_causes(spec.cluster, profile);
  std::vector<FailureCause> causes;
  for (const auto& [kind, rate] : reliability.failure_rates_per_s)
    causes.push_back(stated_cause(kind, rate, spec, profile, known));
  for (const FailureCause& cause : known) {
    const bool named = find_cause(causes, cause.name) != nullptr;
    if (reliability.profile_fails() && !named) causes.push_back(cause);
  }
  if (!reliability.domains.empty())
    std::erase_if(causes, [](const FailureCause& cause) { return cause.level == FailureLevel::kDomain; });
  for (const FailureDomain& domain : reliability.domains)
    causes.push_back(domain_cause(domain, job_nodes(spec.cluster, profile)));
  for (FailureCause& cause : causes) cause.rate_per_s.value *= reliability.failure_rate_factor;
  return causes;
}

/// A plane is the links from a node to one of several switches, their optics and that switch.
bool is_link_plane(const FailureCause& cause) {
  return cause.name == "link" || cause.name == "optics" || cause.name == "switch";
}

SlowState lost_plane(const FailureCause& cause, Count planes) {
  return {.name = cause.name + " plane lost",
          .count = cause.components,
          .onset_per_s = cause.rate_per_s.value,
          .stay_s = cause.repair.mean_s,
          .speed_ratio = 1.0 - 1.0 / static_cast<double>(planes),
          .is_link = true};
}

std::vector<SlowState> profile_slow_states(const Cluster& cluster, const HardwareProfile& profile) {
  std::vector<SlowState> states;
  for (const Component& component : profile.components) {
    FailureCause placed{.name = component.kind};
    place(component, cluster, profile, placed);
    for (const ComponentTransition& onset : component.transitions) {
      if (onset.from != component.states.front().name) continue;
      const auto slow = std::find_if(component.states.begin(), component.states.end(),
                                     [&](const ComponentState& state) { return state.name == onset.to; });
      const double end = exit_rate_per_s(component, onset.to);
      if (slow == component.states.end() || slow->speed_ratio <= 0.0 || slow->speed_ratio >= 1.0 || end <= 0.0)
        continue;
      states.push_back({.name = component.kind + " " + onset.to,
                        .count = placed.components,
                        .onset_per_s = onset.rate_per_s.value,
                        .stay_s = 1.0 / end,
                        .speed_ratio = slow->speed_ratio,
                        .is_link = !is_device(component.kind) && component.kind != "host"});
    }
  }
  return states;
}

void add_drains(const Spec& spec, const HardwareProfile& profile, std::vector<FailureCause>& causes) {
  if (!spec.reliability->profile_fails()) return;
  for (const SlowState& slow : profile_slow_states(spec.cluster, profile)) {
    causes.push_back({.name = "drain, " + slow.name,
                      .components = slow.count,
                      .rate_per_s = {.value = slow.onset_per_s, .evidence = Evidence::kDerived, .source = "profile"},
                      .repair = {.mean_s = slow.stay_s, .scv = 1.0}});
  }
}

struct TimeSpan {
  double from_s = 0.0;
  double to_s = 0.0;
  double length_s() const { return to_s - from_s; }
};

/// A node is new for an exponential time of mean d, so at time t a share exp(-t/d) still is: the mean factor over the
/// span is 1 + (f - 1) d (exp(-from/d) - exp(-to/d)) / (to - from).
void age(const EarlyLife& early, const TimeSpan& span, std::vector<FailureCause>& causes) {
  const double new_share = -std::expm1(-span.length_s() / early.duration_s) *
                           std::exp(-span.from_s / early.duration_s) * early.duration_s / span.length_s();
  for (FailureCause& cause : causes) {
    if (cause.level == FailureLevel::kNode) cause.rate_per_s.value *= 1.0 + (early.factor - 1.0) * new_share;
  }
}

/// The mean rate within the span.
FailureCause wear_out_cause(const Spec& spec, const HardwareProfile& profile, const TimeSpan& span,
                            const std::vector<FailureCause>& causes) {
  const WearOut& wear = *spec.reliability->wear_out;
  const double before = wear_out_failures(wear, span.from_s);
  const double after = wear_out_failures(wear, span.to_s);
  return {.name = "wear-out",
          .components = static_cast<double>(job_nodes(spec.cluster, profile)),
          .rate_per_s = {.value = (after - before) / span.length_s(), .evidence = Evidence::kAssumed, .source = "spec"},
          .repair = mixed_node_repair(causes)};
}

}  // namespace

Count job_nodes(const Cluster& cluster, const HardwareProfile& profile) {
  return (cluster.num_devices + profile.devices_per_node - 1) / profile.devices_per_node;
}

namespace {

std::vector<FailureCause> causes_within(const TimeSpan& span, const Spec& spec, const HardwareProfile& profile) {
  const Reliability& reliability = *spec.reliability;
  std::vector<FailureCause> causes = stopping_causes(spec, profile);
  if (reliability.link_planes > 1) std::erase_if(causes, is_link_plane);
  if (reliability.fail_slow == FailSlow::kDrain) add_drains(spec, profile, causes);
  if (reliability.early_life) age(*reliability.early_life, span, causes);
  if (reliability.wear_out) causes.push_back(wear_out_cause(spec, profile, span, causes));
  return causes;
}

}  // namespace

std::vector<FailureCause> failure_causes(const Spec& spec, const HardwareProfile& profile, double horizon_s) {
  return causes_within({0.0, horizon_s}, spec, profile);
}

std::vector<double> node_rate_course(const Spec& spec, const HardwareProfile& profile, double horizon_s, int parts) {
  if (!spec.reliability->early_life && !spec.reliability->wear_out) return {};
  const double mean = job_failure_per_s(failure_causes(spec, profile, horizon_s), FailureLevel::kNode);
  if (mean == 0.0) return {};
  std::vector<double> course;
  for (int part = 0; part < parts; ++part) {
    const TimeSpan span{horizon_s * part / parts, horizon_s * (part + 1) / parts};
    course.push_back(job_failure_per_s(causes_within(span, spec, profile), FailureLevel::kNode) / mean);
  }
  return course;
}

std::vector<SlowState> slow_states(const Spec& spec, const HardwareProfile& profile) {
  const Reliability& reliability = *spec.reliability;
  std::vector<SlowState> states;
  if (reliability.fail_slow == FailSlow::kRunOn && reliability.profile_fails())
    states = profile_slow_states(spec.cluster, profile);
  if (reliability.link_planes == 1) return states;
  for (const FailureCause& cause : stopping_causes(spec, profile)) {
    if (is_link_plane(cause)) states.push_back(lost_plane(cause, reliability.link_planes));
  }
  return states;
}

double SlowState::any_probability() const {
  const double p = onset_per_s * stay_s / (1.0 + onset_per_s * stay_s);
  return -std::expm1(count * std::log1p(-p));
}

double job_failure_per_s(const std::vector<FailureCause>& causes) {
  double rate = 0.0;
  for (const FailureCause& cause : causes) rate += cause.job_rate_per_s();
  return rate;
}

double job_failure_per_s(const std::vector<FailureCause>& causes, FailureLevel level) {
  double rate = 0.0;
  for (const FailureCause& cause : causes) rate += cause.level == level ? cause.job_rate_per_s() : 0.0;
  return rate;
}

Duration mixed_node_repair(const std::vector<FailureCause>& causes) {
  RepairMixture mixture;
  for (const FailureCause& cause : causes) {
    if (cause.level == FailureLevel::kNode) mixture.add(cause.job_rate_per_s(), cause.repair);
  }
  return mixture.duration();
}

}  // namespace windtunnel::modeling
