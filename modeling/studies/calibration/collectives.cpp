// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "modeling/costs/collective_cost.h"
#include "modeling/studies/calibration/fit.h"
#include "modeling/studies/calibration/samples.h"

namespace windtunnel::modeling {

namespace {

struct Message {
  double bytes = 0.0;
  Count devices = 0;
  double measured_s = 0.0;
};

const std::map<std::string, std::pair<Collective, std::string>>& collective_names() {
  static const std::map<std::string, std::pair<Collective, std::string>> kNames = {
      {"all_reduce", {Collective::kAllReduce, "all_reduce"}},
      {"all_gather", {Collective::kAllGather, "all_gather"}},
      {"reduce_scatter", {Collective::kReduceScatter, "reduce_scatter"}},
      {"alltoall", {Collective::kAllToAll, "all_to_all"}},
      {"all_to_all", {Collective::kAllToAll, "all_to_all"}}};
  return kNames;
}

GroupPlacement inside_one_domain(Count devices) {
  return {.size = devices, .local = devices, .domains = 1};
}

/// Time without the bytes, and with them at full bandwidth: what the ratio of a knot divides.
struct Parts {
  double latency_s = 0.0;
  double full_rate_s = 0.0;
};

Parts parts_of(Collective kind, const Message& message, const HardwareProfile& profile) {
  HardwareProfile ideal = profile;
  ideal.scale_up.rate_curves.clear();
  ideal.scale_up.rate_curves[kind] = {{.message_bytes = 1e-9, .ratio = {.value = 1.0}}};
  const CollectiveCost cost = collective_cost(kind, message.bytes, inside_one_domain(message.devices), ideal);
  return {.latency_s = cost.mean_s - cost.scale_up_busy_s, .full_rate_s = cost.scale_up_busy_s};
}

/// The median ratio over group sizes at one message size. Latency cannot eat the whole time: at least a tenth is bytes.
double knot_ratio(Collective kind, const std::vector<Message>& same_size, const HardwareProfile& profile) {
  std::vector<double> ratios;
  for (const Message& message : same_size) {
    const Parts parts = parts_of(kind, message, profile);
    ratios.push_back(parts.full_rate_s / std::max(message.measured_s - parts.latency_s, 0.1 * message.measured_s));
  }
  std::sort(ratios.begin(), ratios.end());
  return ratios[ratios.size() / 2];
}

std::string size_text(double bytes) {
  return bytes >= 1e6 ? fmt::format("{:.6g} MB", bytes / 1e6) : fmt::format("{:.6g} KB", bytes / 1e3);
}

double error_of(Collective kind, const std::vector<Message>& messages, const HardwareProfile& profile) {
  std::vector<double> predicted;
  std::vector<double> measured;
  for (const Message& message : messages) {
    predicted.push_back(collective_cost(kind, message.bytes, inside_one_domain(message.devices), profile).mean_s);
    measured.push_back(message.measured_s);
  }
  return median_relative_error(predicted, measured);
}

FittedCurve fit_curve(const std::string& name, Collective kind, const std::map<double, std::vector<Message>>& by_size,
                      HardwareProfile profile) {
  FittedCurve curve{.place = "scale_up.rate_curves." + name};
  std::vector<RateKnot> knots;
  std::vector<Message> fitted;
  std::vector<Message> held_out;
  bool keep = true;
  for (const auto& [bytes, messages] : by_size) {
    if (keep) {
      const double ratio = knot_ratio(kind, messages, profile);
      knots.push_back({.message_bytes = bytes, .ratio = {.value = ratio}});
      curve.figures.push_back({size_text(bytes), ratio, fmt::format("{:.4g}", ratio)});
      fitted.insert(fitted.end(), messages.begin(), messages.end());
    } else {
      held_out.insert(held_out.end(), messages.begin(), messages.end());
    }
    keep = !keep;
  }
  profile.scale_up.rate_curves[kind] = knots;
  curve.fitted_samples = fitted.size();
  curve.held_out_samples = held_out.size();
  curve.fitted_error = error_of(kind, fitted, profile);
  curve.held_out_error = error_of(kind, held_out, profile);
  return curve;
}

}  // namespace

std::vector<FittedCurve> fit_collectives(const CsvTable& samples, const std::vector<std::size_t>& rows,
                                         const HardwareProfile& profile) {
  std::map<std::string, std::map<double, std::vector<Message>>> by_name;
  for (const std::size_t row : rows) {
    const auto known = collective_names().find(samples.text(row, "op_name"));
    const auto devices = static_cast<Count>(samples.positive(row, "num_gpus"));
    if (known == collective_names().end() || devices < 2 || devices > profile.scale_up_domain_devices) continue;
    const double bytes = samples.positive(row, "bytes");
    by_name[known->first][bytes].push_back(
        {.bytes = bytes, .devices = devices, .measured_s = 1e-3 * samples.positive(row, "latency_ms")});
  }
  std::vector<FittedCurve> curves;
  for (const auto& [name, by_size] : by_name) {
    const auto& [kind, key] = collective_names().at(name);
    curves.push_back(fit_curve(key, kind, by_size, profile));
  }
  return curves;
}

}  // namespace windtunnel::modeling
