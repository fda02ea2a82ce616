// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/serving/over_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/chains/serving_over_time/latencies.h"
#include "modeling/chains/serving_over_time/simulation.h"
#include "modeling/spec/quantity.h"

namespace windtunnel::modeling {

namespace {

/// Where the chain does not reach.
constexpr Count kRequestsOverTime = 1'000'000;

std::string duration_text(double seconds) {
  return format_quantity(seconds, Dimension::kTime);
}

std::optional<double> known_or_none(double value) {
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

bool holds_limits(const LoadPoint& point, const ServiceLevelObjective& slo) {
  return worst_limit_ratio({.classes = point.classes}, slo) <= 1.0;
}

template <typename Value>
double peak(const LoadAnswer& answer, const Value& value) {
  double largest = 0.0;
  for (const LoadPoint& point : answer.points)
    if (!std::isnan(value(point))) largest = std::max(largest, value(point));
  return largest;
}

double mean_replicas(const LoadAnswer& answer) {
  double sum = 0.0;
  for (const LoadPoint& point : answer.points) sum += point.replicas;
  return sum / static_cast<double>(answer.points.size());
}

/// Of the requests that arrive within the horizon; first: all classes.
double met_ratio(const LoadAnswer& answer, std::size_t which) {
  double met = 0.0, all = 0.0;
  for (const LoadPoint& point : answer.points) {
    const double one = point.classes[which].met_ratio;
    if (std::isnan(one)) continue;
    met += point.arrival_per_s * one;
    all += point.arrival_per_s;
  }
  return all > 0.0 ? met / all : 1.0;
}

/// End of the burst and of the failure; empty where there is neither.
std::optional<double> disturbance_end_s(const Transient& transient) {
  std::optional<double> end_s;
  if (transient.burst) end_s = transient.burst->at_s + transient.burst->duration_s;
  if (transient.replica_failure)
    end_s = std::max(end_s.value_or(0.0), transient.replica_failure->at_s + transient.replica_failure->duration_s);
  return end_s;
}

/// From the end of the disturbance until every limit holds for good; empty: not within the horizon.
std::optional<double> recovery_time_s(const LoadAnswer& answer, const LoadEpisode& episode, double end_s,
                                      const ServiceLevelObjective& slo) {
  const double window_s = episode.transient.horizon_s / kLoadWindows;
  double held_since_s = episode.transient.horizon_s;
  for (auto point = answer.points.rbegin(); point != answer.points.rend() && holds_limits(*point, slo); ++point)
    held_since_s = point->time_s - 0.5 * window_s;
  if (held_since_s >= episode.transient.horizon_s) return std::nullopt;
  return std::max(0.0, held_since_s - end_s);
}

double violated_s(const LoadAnswer& answer, const LoadEpisode& episode, const ServiceLevelObjective& slo) {
  const auto violated = std::count_if(answer.points.begin(), answer.points.end(),
                                      [&](const LoadPoint& point) { return !holds_limits(point, slo); });
  return static_cast<double>(violated) * episode.transient.horizon_s / kLoadWindows;
}

std::vector<Measure> transient_measures(const PlacedServing& placed, const LoadEpisode& episode,
                                        const LoadAnswer& answer) {
  const auto largest = [&](auto value) { return peak(answer, value); };
  std::vector<Measure> measures = {
      {"transient.ttft_p99_peak_s", largest([](const LoadPoint& one) { return one.classes.front().ttft.p99_s; })},
      {"transient.tpot_p99_peak_s", largest([](const LoadPoint& one) { return one.classes.front().tpot.p99_s; })},
      {"transient.e2e_p99_peak_s", largest([](const LoadPoint& one) { return one.classes.front().e2e.p99_s; })},
      {"transient.waiting_peak", largest([](const LoadPoint& one) { return one.waiting; })},
      {"transient.replicas_mean", mean_replicas(answer)},
      {"transient.replicas_peak", largest([](const LoadPoint& one) { return one.replicas; })},
      {"transient.slo_met_ratio", met_ratio(answer, 0)}};
  for (std::size_t i = 1; i < answer.points.front().classes.size(); ++i)
    measures.push_back(
        {"class." + answer.points.front().classes[i].name + ".transient.slo_met_ratio", met_ratio(answer, i)});
  if (placed.slo.empty()) return measures;
  measures.push_back({"transient.slo_violated_s", violated_s(answer, episode, placed.slo)});
  if (const auto end_s = disturbance_end_s(episode.transient))
    measures.push_back({"transient.recovery_time_s", recovery_time_s(answer, episode, *end_s, placed.slo)});
  return measures;
}

Series series_of(const LoadAnswer& answer) {
  Series series{{"time_s", "arrival_per_s", "replicas", "present", "waiting"}, {}};
  const auto columns = [&](const std::string& prefix) {
    for (const char* name : {"ttft_p50_s", "ttft_p90_s", "ttft_p99_s", "tpot_mean_s", "tpot_p99_s", "e2e_p50_s",
                             "e2e_p99_s", "slo_met_ratio"})
      series.columns.push_back(prefix + name);
  };
  columns("");
  for (std::size_t i = 1; i < answer.points.front().classes.size(); ++i)
    columns("class." + answer.points.front().classes[i].name + ".");
  for (const LoadPoint& point : answer.points) {
    std::vector<std::optional<double>> row = {point.time_s, point.arrival_per_s, point.replicas, point.present,
                                              point.waiting};
    for (const ClassAnswer& one : point.classes)
      for (const double value : {one.ttft.p50_s, one.ttft.p90_s, one.ttft.p99_s, one.tpot.mean_s, one.tpot.p99_s,
                                 one.e2e.p50_s, one.e2e.p99_s, one.met_ratio})
        row.push_back(known_or_none(value));
    series.rows.push_back(std::move(row));
  }
  return series;
}

Curve curve_of(const Series& series, const std::string& column, const std::string& title) {
  Curve curve{.name = "transient_" + column, .title = title, .x_name = "time_s", .y_name = column};
  const auto at = std::find(series.columns.begin(), series.columns.end(), column) - series.columns.begin();
  for (const auto& row : series.rows)
    if (const auto value = row[static_cast<std::size_t>(at)]) curve.points.emplace_back(*row.front(), *value);
  return curve;
}

std::string sentence(const PlacedServing& placed, const LoadEpisode& episode, const LoadAnswer& answer) {
  const double worst_s = peak(answer, [](const LoadPoint& one) { return one.classes.front().ttft.p99_s; });
  std::string text = fmt::format("; over {}: at worst 99 % have their first token within {}",
                                 duration_text(episode.transient.horizon_s), duration_text(worst_s));
  if (episode.scaling) text += fmt::format(", {:.3g} replicas on average", mean_replicas(answer));
  if (placed.slo.empty()) return text;
  text += fmt::format(", {:.3g} % meet the limits", 100.0 * met_ratio(answer, 0));
  const auto end_s = disturbance_end_s(episode.transient);
  if (!end_s) return text;
  const auto recovery_s = recovery_time_s(answer, episode, *end_s, placed.slo);
  if (!recovery_s) return text + ", which do not hold again within that time";
  if (violated_s(answer, episode, placed.slo) == 0.0) return text + ", which hold throughout";
  if (*recovery_s == 0.0) return text + ", which hold again before its end";
  return text + fmt::format(", which hold again {} after its end", duration_text(*recovery_s));
}

}  // namespace

LoadAnswer answer_transient(const PlacedServing& placed, const LoadEpisode& episode,
                            std::optional<Count> simulated_requests) {
  if (simulated_requests)
    return simulate_load(placed.system, episode, placed.limits, {.requests = *simulated_requests});
  const std::string reason = not_covered_over_time(placed.system, episode);
  if (reason.empty()) return follow_load(placed.system, episode, placed.limits);
  LoadAnswer answer = simulate_load(placed.system, episode, placed.limits, {.requests = kRequestsOverTime});
  answer.chains.front().method_requested = "automatic";
  answer.warnings.push_back(reason + " is not covered by the chain: transient.* answered by event simulation");
  return answer;
}

void write_transient(const PlacedServing& placed, const LoadEpisode& episode, const LoadAnswer& answer,
                     Report& report) {
  const std::vector<Measure> measures = transient_measures(placed, episode, answer);
  report.measures.insert(report.measures.end(), measures.begin(), measures.end());
  report.series = series_of(answer);
  report.finding += sentence(placed, episode, answer);
  report.chains.insert(report.chains.end(), answer.chains.begin(), answer.chains.end());
  for (const std::string& one : answer.warnings)
    if (std::find(report.warnings.begin(), report.warnings.end(), one) == report.warnings.end())
      report.warnings.push_back(one);
  if (report.detail != Detail::kDerivation) return;
  report.curves.push_back(curve_of(*report.series, "arrival_per_s", "Requests that arrive"));
  if (episode.scaling || episode.transient.replica_failure)
    report.curves.push_back(curve_of(*report.series, "replicas", "Replicas that serve"));
  report.curves.push_back(curve_of(*report.series, "present", "Requests present"));
  report.curves.push_back(curve_of(*report.series, "ttft_p99_s", "First token, 99th percentile"));
  report.curves.push_back(curve_of(*report.series, "tpot_p99_s", "Time between tokens, 99th percentile"));
}

}  // namespace windtunnel::modeling
