// SPDX-License-Identifier: Apache-2.0
// What failures add to the report of a training study.
#include <fmt/format.h>

#include <algorithm>

#include "modeling/costs/activity.h"
#include "modeling/spec/quantity.h"
#include "modeling/studies/coupled/training_health.h"
#include "modeling/studies/health/health_curves.h"

namespace windtunnel::modeling {

namespace {

constexpr double kHour_s = 3600.0;

/// Replaces the measure of that name, or adds it.
void put(Report& report, const std::string& name, std::optional<double> value) {
  const auto known = std::find_if(report.measures.begin(), report.measures.end(),
                                  [&](const Measure& measure) { return measure.name == name; });
  if (known != report.measures.end())
    known->value = value;
  else
    report.measures.push_back({name, value});
}

void put_time_to_train(const Spec& spec, const TrainingHealth& health, Report& report) {
  if (!health.passage) return;
  const WorkPassage& passage = *health.passage;
  put(report, "time_to_train_mean_s", passage.mean_s);
  put(report, "time_to_train_p50_s", passage.p50_s);
  put(report, "time_to_train_p99_s", passage.p99_s);
  put(report, "time_to_train_without_failures_s", health.work_s);
  if (spec.reliability->deadline_s || spec.reliability->horizon_s) {
    const double deadline_s = spec.reliability->deadline_s.value_or(health.health.horizon_s);
    put(report, "deadline_met_probability", std::clamp(passage.finished_probability(deadline_s), 0.0, 1.0));
  }
}

/// Devices are paid and powered from the first step to the last, spares included.
void put_budget(const Spec& spec, const TrainingHealth& health, Report& report) {
  const Reliability& reliability = *spec.reliability;
  const double spares =
      static_cast<double>(health.health.nodes.spares) / static_cast<double>(health.health.nodes.nodes);
  const double devices = static_cast<double>(spec.cluster.num_devices);
  if (const auto price = reliability.price_per_device_hour) {
    const double per_s = *price / kHour_s * devices * (1.0 + spares);
    if (health.passage) {
      put(report, "cost_mean", per_s * health.passage->mean_s);
      put(report, "cost_p99", per_s * health.passage->p99_s);
    }
    const auto rate = find_measure(report, "goodput_tokens_per_s");
    if (rate && *rate > 0.0) put(report, "cost_per_million_tokens", per_s / *rate * 1e6);
  }
  if (reliability.power_per_device_w && health.passage)
    put(report, "energy_mean_j", *reliability.power_per_device_w * devices * health.passage->mean_s);
}

/// The step's activities in the productive time, slow parts as waiting for stragglers; recovery and recomputation as
/// restart; without nodes or in maintenance as failed.
Breakdown activity_with_failures(const Breakdown& step, const TrainingHealth& health) {
  const JobChain& job = health.availability.job;
  Breakdown all = step;
  for (Measure& entry : all.entries) entry.value = *entry.value * job.productive_ratio * (1.0 - health.slow_loss_ratio);
  const auto add = [&](Activity activity, double share) {
    Measure& entry = all.entries[static_cast<std::size_t>(activity)];
    entry.value = *entry.value + share;
  };
  add(Activity::kStragglerWait, job.productive_ratio * health.slow_loss_ratio);
  add(Activity::kCheckpoint, job.checkpoint_ratio);
  add(Activity::kRestart,
      job.lost_ratio + job.detect_ratio + job.localize_ratio + job.restart_ratio + job.resize_ratio);
  add(Activity::kFailed, job.waiting_ratio + job.maintenance_ratio);
  return all;
}

ChainRecord passage_record(const WorkPassage& passage) {
  return {.name = "health.time_to_train",
          .purpose = "first passage of accumulated work over the chain of nodes down",
          .states = passage.states,
          .transitions = passage.transitions,
          .method_requested = "automatic",
          .method_used = passage.method,
          .iterations = passage.steps};
}

std::string describe_days(double seconds) {
  constexpr double kDay_s = 86400.0;
  return seconds < kDay_s ? format_quantity(seconds, Dimension::kTime) : fmt::format("{:.4g} d", seconds / kDay_s);
}

std::string describe_goodput(const TrainingHealth& health) {
  const std::string goodput = fmt::format(
      "with failures {:.1f} % of that speed remains (one stop every {}); {}", 100.0 * health.goodput_ratio,
      format_quantity(1.0 / health.health.stops.failure_per_s, Dimension::kTime), describe_losses(health.availability));
  if (!health.passage) return goodput;
  return fmt::format("{}; the run takes {}, with 99 % probability at most {}", goodput,
                     describe_days(health.passage->p50_s), describe_days(health.passage->p99_s));
}

/// The slow state whose draining gains most, where that is worth a word.
std::string describe_drains(const TrainingHealth& health) {
  constexpr double kWorthAWord = 5e-4;
  const Breakdown drains = drain_or_run_on(health.health, health.availability, health.slow_speed_ratios);
  std::string best;
  double gain = kWorthAWord;
  for (const Measure& entry : drains.entries) {
    const std::string suffix = ".drain_gain_ratio";
    if (!entry.name.ends_with(suffix) || !entry.value || *entry.value < gain) continue;
    gain = *entry.value;
    best = entry.name.substr(0, entry.name.size() - suffix.size());
  }
  return best.empty() ? best
                      : fmt::format("; drain '{}' at once rather than run on: {:.2g} % more", best, 100.0 * gain);
}

void append(std::vector<Breakdown>& all, const std::vector<Breakdown>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

void write_training_health(const Spec& spec, const TrainingHealth& health, const TrainingAnswer& answer,
                           Report& report) {
  for (const Measure& measure : availability_measures(health.health, health.availability))
    put(report, measure.name, measure.value);
  put(report, "goodput_ratio", health.goodput_ratio);
  const double tokens = static_cast<double>(spec.training->global_batch) *
                        static_cast<double>(spec.training->sequence_length) / answer.chain.mean_s;
  if (tokens > 0.0) put(report, "goodput_tokens_per_s", tokens * health.goodput_ratio);
  put_time_to_train(spec, health, report);
  put_budget(spec, health, report);
  if (!health.questions.missing.empty()) report.warnings.push_back(health.questions.missing);
  for (const Measure& measure : question_measures(health.questions)) put(report, measure.name, measure.value);
  for (Breakdown& breakdown : report.breakdowns) {
    if (breakdown.name == "activity") breakdown = activity_with_failures(breakdown, health);
  }
  append(report.breakdowns, availability_breakdowns(health.health, health.availability));
  append(report.breakdowns, question_breakdowns(health.health, health.availability, health.questions));
  if (!health.health.slow_states.empty())
    report.breakdowns.push_back(drain_or_run_on(health.health, health.availability, health.slow_speed_ratios));
  const std::vector<ChainRecord> chains = availability_chains(health.availability);
  report.chains.insert(report.chains.end(), chains.begin(), chains.end());
  if (health.passage) report.chains.push_back(passage_record(*health.passage));
  if (report.detail == Detail::kDerivation) {
    add_curves({spares_curve(health.health, health.availability),
                interval_curve(health.health, health.availability, health.questions)},
               report);
    if (health.passage) add_curves({end_curve(*health.passage)}, report);
  }
  const std::vector<Assumption> assumed = availability_assumptions(health.health, health.availability);
  report.assumptions.insert(report.assumptions.end(), assumed.begin(), assumed.end());
  warn_of_approximations(health.availability, report.warnings);
  if (health.passage && health.passage->exponential_repair)
    report.warnings.push_back(
        "the chain of the time to train is too large for the shape of repair_time: exponential repairs stand in");
  if (health.health.stops.failure_per_s > 0.0)
    report.finding += (report.finding.empty() ? "" : "; ") + describe_goodput(health) + describe_drains(health);
}

}  // namespace windtunnel::modeling
