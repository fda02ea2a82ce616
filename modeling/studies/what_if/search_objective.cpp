// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/what_if/search_objective.h"

#include <algorithm>
#include <map>

#include "modeling/report/required_measures.h"
#include "modeling/spec/nearest_name.h"
#include "modeling/studies/what_if/search.h"

namespace windtunnel::modeling {
namespace {

constexpr const char* kGoodput = "goodput_tokens_per_s_per_device";
constexpr const char* kCost = "cost_per_token";
constexpr const char* kCostAtSlo = "cost_per_token_at_max_arrival_rate";
constexpr const char* kDevices = "num_devices";
constexpr const char* kHourlyCost = "cost_per_hour";
constexpr double kHour_s = 3600.0;

std::string throughput(Study study) {
  return study == Study::kServing ? "output_tokens_per_s_per_device" : "tokens_per_s_per_device";
}

/// Open arrivals fix the throughput: there the load that the deployment could carry is what differs.
std::string default_objective(const SearchOptions& options, const Spec& spec) {
  if (!options.num_devices.empty() || options.devices.size() > 1) return kHourlyCost;
  const bool open = spec.study == Study::kServing && spec.traffic.arrival_rate_per_s;
  return open ? "max_arrival_rate_per_s" : throughput(spec.study);
}

std::string full_name(const std::string& name, Study study) {
  static const std::map<std::string, std::string> kShort = {{"goodput", kGoodput},
                                                            {"cost", kCost},
                                                            {"smallest", kDevices},
                                                            {"cheapest", kHourlyCost},
                                                            {"step_time", "step_time_mean_s"},
                                                            {"memory", "memory_per_device_bytes"},
                                                            {"mfu", "mfu_ratio"}};
  if (name == "tokens" || name == "throughput" || name == "tokens_per_s") return throughput(study);
  const auto found = kShort.find(name);
  return found == kShort.end() ? name : found->second;
}

std::vector<std::string> objectives_of(Study study) {
  std::vector<std::string> names = required_measures(to_string(study));
  names.insert(names.end(), {kGoodput, kCost});
  if (study == Study::kServing)
    names.insert(names.end(), {"max_arrival_rate_per_s", kCostAtSlo, kDevices, kHourlyCost});
  return names;
}

/// Times, memory and costs are better when small; rates and shares when large.
bool larger_is_better(const std::string& name) {
  const bool rate = name.ends_with("_per_s") || name.find("_per_s_per_") != std::string::npos;
  if (rate) return true;
  if (name == kCost || name == kCostAtSlo || name == kDevices || name == kHourlyCost) return false;
  return !(name.ends_with("_s") || name.ends_with("_bytes") || name.ends_with("_probability"));
}

std::optional<double> tokens_per_s_per_device(const Report& report) {
  const auto training = find_measure(report, "tokens_per_s_per_device");
  return training ? training : find_measure(report, "output_tokens_per_s_per_device");
}

}  // namespace

std::optional<double> Objective::value(const Report& report) const {
  return find_measure(report, name);
}

bool Objective::better(const std::optional<double>& a, const std::optional<double>& b) const {
  if (!a || !b) return a.has_value() && !b.has_value();
  return larger_is_better ? *a > *b : *a < *b;
}

Objective find_objective(const SearchOptions& options, const Spec& spec) {
  const std::string asked = options.objective.empty() ? default_objective(options, spec) : options.objective;
  const std::string name = full_name(asked, spec.study);
  const std::vector<std::string> known = objectives_of(spec.study);
  if (std::find(known.begin(), known.end(), name) == known.end())
    throw SearchError("unknown objective " + in_quotes(asked) + suggestion(asked, known));
  if (name == kGoodput && !spec.reliability)
    throw SearchError("objective 'goodput' needs a 'reliability:' block in the spec, which says how often parts fail");
  return {name, larger_is_better(name), options.price_per_device_hour};
}

namespace {

/// Of training the share of productive time; of serving the requests answered with failures over those without.
std::optional<double> goodput_ratio(const Report& report) {
  if (const auto training = find_measure(report, "goodput_ratio")) return training;
  const auto with_failures = find_measure(report, "requests_per_s_with_failures");
  const auto without = find_measure(report, "requests_per_s");
  if (!with_failures || !without || *without <= 0.0) return std::nullopt;
  return *with_failures / *without;
}

}  // namespace

void add_derived_measures(Report& report, const Spec& spec, const SearchOptions& options) {
  const double price_per_s = options.price_of(spec.cluster.device) / kHour_s;
  const auto tokens = tokens_per_s_per_device(report);
  const auto goodput = goodput_ratio(report);
  if (tokens && goodput) report.measures.push_back({kGoodput, *tokens * *goodput});
  if (tokens && *tokens > 0.0) report.measures.push_back({kCost, price_per_s / *tokens});
  if (spec.study != Study::kServing) return;
  const auto most = find_measure(report, "max_arrival_rate_per_s");
  const auto requests = find_measure(report, "requests_per_s");
  if (tokens && most && requests && *tokens > 0.0 && *most > 0.0)
    report.measures.push_back({kCostAtSlo, price_per_s / (*tokens * *most / *requests)});
  const auto devices = static_cast<double>(spec.cluster.num_devices);
  report.measures.push_back({kDevices, devices});
  report.measures.push_back({kHourlyCost, devices * options.price_of(spec.cluster.device)});
}

}  // namespace windtunnel::modeling
