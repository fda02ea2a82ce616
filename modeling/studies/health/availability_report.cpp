// SPDX-License-Identifier: Apache-2.0
// What the availability study says: measures, time stack, failures by cause, chains, assumptions, and one finding.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "modeling/spec/quantity.h"
#include "modeling/studies/health/health_curves.h"
#include "modeling/studies/health/health_questions.h"
#include "solvers/phase_type/phase_type_curve.h"
#include "solvers/phase_type/phase_type_fit.h"

namespace windtunnel::modeling {

namespace {

/// Nodes of the job in a level, over those at full size.
double size_ratio(const JobHealth& health, std::size_t level) {
  return 1.0 -
         static_cast<double>(health.most_down[level] - health.nodes.spares) / static_cast<double>(health.nodes.nodes);
}

/// That the job stops within the horizon, the law of the times between stops starting anew at 0.
double failure_probability(const JobHealth& health) {
  const double rate = health.stops.failure_per_s;
  if (rate == 0.0) return 0.0;
  if (health.stops.scv == 1.0) return -std::expm1(-rate * health.horizon_s);
  return solvers::PhaseTypeCurve(solvers::fit_phase_type(1.0 / rate, health.stops.scv)).cdf(health.horizon_s);
}

Breakdown time_breakdown(const AvailabilityAnswer& answer) {
  const JobChain& job = answer.job;
  return {.name = "time",
          .entries = {{"productive", job.productive_ratio},
                      {"checkpoint", job.checkpoint_ratio},
                      {"rework", job.lost_ratio},
                      {"detect", job.detect_ratio},
                      {"localize", job.localize_ratio},
                      {"restart", job.restart_ratio},
                      {"resize", job.resize_ratio},
                      {"maintenance", job.maintenance_ratio},
                      {"waiting_for_nodes", job.waiting_ratio}}};
}

/// A cause stops the job as often as there are nodes for it to strike.
Breakdown cause_breakdown(const JobHealth& health, const AvailabilityAnswer& answer) {
  double with_nodes_s = 0.0;
  double by_size_s = 0.0;
  for (std::size_t k = 0; k < health.levels.size(); ++k) {
    const double time_s = answer.level_s(static_cast<solvers::Index>(k));
    with_nodes_s += health.levels[k].runs ? time_s : 0.0;
    by_size_s += health.levels[k].runs ? time_s * size_ratio(health, k) : 0.0;
  }
  Breakdown breakdown{.name = "failures_expected"};
  for (const FailureCause& cause : health.causes)
    breakdown.entries.push_back(
        {cause.name, cause.job_rate_per_s() * (cause.level == FailureLevel::kJob ? with_nodes_s : by_size_s)});
  return breakdown;
}

/// Of a long law only its mean is read; of a short one every count.
std::vector<Measure> count_probabilities(const DownCount& down) {
  constexpr solvers::Index kReadable = 12;
  std::vector<Measure> list;
  for (solvers::Index n = 0; n < down.probability.size() && down.probability.size() <= kReadable; ++n)
    list.push_back({fmt::format("{} down", n), down.probability(n)});
  return list;
}

/// Devices are paid and powered for the whole horizon, spares paid too; lost is what was paid for no progress.
std::vector<Measure> budget_measures(const Spec& spec, const JobHealth& health, const AvailabilityAnswer& answer) {
  const Reliability& reliability = *spec.reliability;
  const double spares = static_cast<double>(health.nodes.spares) / static_cast<double>(health.nodes.nodes);
  const double device_s = static_cast<double>(spec.cluster.num_devices) * health.horizon_s;
  std::vector<Measure> list;
  if (const auto price = reliability.price_per_device_hour) {
    const double cost = *price / 3600.0 * device_s * (1.0 + spares);
    list.push_back({"cost_mean", cost});
    list.push_back({"cost_lost_mean", cost * (1.0 - answer.job.work_ratio)});
  }
  if (reliability.power_per_device_w) list.push_back({"energy_mean_j", *reliability.power_per_device_w * device_s});
  return list;
}

/// In days where it has some: weeks are for calendars.
std::string describe_horizon(double horizon_s) {
  constexpr double kDay_s = 86400.0;
  return horizon_s < kDay_s ? format_quantity(horizon_s, Dimension::kTime)
                            : fmt::format("{:.4g} d", horizon_s / kDay_s);
}

std::string describe_stops(const JobHealth& health, const AvailabilityAnswer& answer) {
  const double rate = health.stops.failure_per_s;
  if (rate == 0.0) return "nothing fails";
  const auto worst = std::max_element(
      health.causes.begin(), health.causes.end(),
      [](const FailureCause& a, const FailureCause& b) { return a.job_rate_per_s() < b.job_rate_per_s(); });
  return fmt::format("{:.3g} stops in {}, one every {}, {:.0f} % of them by '{}'", answer.failures_expected(),
                     describe_horizon(health.horizon_s), format_quantity(1.0 / rate, Dimension::kTime),
                     100.0 * worst->job_rate_per_s() / rate, worst->name);
}

std::string describe_spares(const JobHealth& health, const AvailabilityAnswer& answer) {
  if (!answer.spares_99)
    return "no number of spares holds full size 99 % of the time, because the crews cannot keep up";
  std::string text = fmt::format("{} spares hold full size 99 % of the time", *answer.spares_99);
  if (health.nodes.spares > 0)
    text += fmt::format(", the {} run out within {} with probability {:.2g}", health.nodes.spares,
                        describe_horizon(health.horizon_s), answer.exhaustion.probability);
  return text;
}

std::string title(const Spec& spec, const JobHealth& health, const Machine& machine) {
  return fmt::format("availability of {} x {}: {} nodes, {} spares, {}", spec.cluster.num_devices, machine.profile.name,
                     health.nodes.nodes, health.nodes.spares, describe_horizon(health.horizon_s));
}

/// The job's chain, readable while it is small.
ChainRecord job_record(const JobChain& job) {
  constexpr std::size_t kReadable = 40;
  ChainRecord record{.name = "health.job",
                     .purpose = "what the job does: work, checkpoints, recovery by stage and class, waiting",
                     .states = job.states,
                     .transitions = job.transitions,
                     .method_requested = to_string(job.solution.method_requested),
                     .method_used = to_string(job.solution.method_used),
                     .iterations = job.solution.iterations,
                     .residual = job.solution.residual_ratio(),
                     .error_bound = job.solution.error_bound};
  for (std::size_t k = 0; k < job.state_names.size() && job.state_names.size() <= kReadable; ++k)
    record.state_probabilities.push_back(
        {job.state_names[k], job.solution.probability(static_cast<solvers::Index>(k))});
  for (const solvers::Transition& one : job.drawn)
    record.arrows.push_back({static_cast<int>(one.from), static_cast<int>(one.to), one.rate_per_s});
  return record;
}

}  // namespace

std::vector<Measure> availability_measures(const JobHealth& health, const AvailabilityAnswer& answer) {
  const double rate = health.stops.failure_per_s;
  return {{"failures_expected", answer.failures_expected()},
          {"job_mttf_s", rate > 0.0 ? 1.0 / rate : std::numeric_limits<double>::infinity()},
          {"failure_probability", failure_probability(health)},
          {"availability_ratio", answer.availability_ratio},
          {"ettr_ratio", answer.job.productive_ratio},
          {"checkpoint_interval_s", answer.checkpoint.interval_s},
          {"spares_exhaustion_probability", answer.exhaustion.probability},
          {"spares_for_99_percent", as_measure(answer.spares_99)},
          {"spares_for_999_permille", as_measure(answer.spares_999)},
          {"spares_for_9999_permyriad", as_measure(answer.spares_9999)},
          {"nodes_down_mean", answer.down.mean()}};
}

std::vector<Breakdown> availability_breakdowns(const JobHealth& health, const AvailabilityAnswer& answer) {
  return {time_breakdown(answer), cause_breakdown(health, answer)};
}

std::vector<ChainRecord> availability_chains(const AvailabilityAnswer& answer) {
  const DownCount& down = answer.down;
  const SpareExhaustion& exhaustion = answer.exhaustion;
  return {{.name = "health.long_run",
           .purpose = "nodes and domains down in the long run",
           .states = down.states,
           .transitions = down.transitions,
           .method_requested = to_string(down.solution.method_requested),
           .method_used =
               (down.counts_are_independent ? "independent counts, " : "") + to_string(down.solution.method_used),
           .iterations = down.solution.iterations,
           .residual = down.solution.residual_ratio(),
           .error_bound = down.counts_are_independent ? down.independence_bound : down.solution.error_bound,
           .lost_probability = down.lost_probability,
           .state_probabilities = count_probabilities(down),
           .law = std::vector<double>(down.probability.begin(), down.probability.end())},
          {.name = "health.exhaustion",
           .purpose = "first time with more nodes down than spares",
           .states = exhaustion.states,
           .transitions = exhaustion.transitions,
           .method_requested = "automatic",
           .method_used = exhaustion.method,
           .iterations = exhaustion.iterations,
           .error_bound = exhaustion.error_bound,
           .lost_probability = exhaustion.lost_probability},
          job_record(answer.job)};
}

std::string describe_losses(const AvailabilityAnswer& answer) {
  std::vector<Measure> losses = time_breakdown(answer).entries;
  const double productive = *losses.front().value;
  losses.erase(losses.begin());
  std::sort(losses.begin(), losses.end(), [](const Measure& a, const Measure& b) { return *a.value > *b.value; });
  const auto words = [](std::string name) {
    std::replace(name.begin(), name.end(), '_', ' ');
    return name;
  };
  return fmt::format("{:.1f} % of the wall time is productive, most is lost to {} ({:.1f} %) and {} ({:.1f} %)",
                     100.0 * productive, words(losses[0].name), 100.0 * *losses[0].value, words(losses[1].name),
                     100.0 * *losses[1].value);
}

std::vector<Assumption> availability_assumptions(const JobHealth& health, const AvailabilityAnswer& answer) {
  std::vector<Assumption> list;
  if (answer.down.independence_bound)
    list.push_back({"independent_counts.error_bound", *answer.down.independence_bound, "probability", "derived",
                    "nodes and domains counted independently: stochastic ordering"});
  for (const FailureCause& cause : health.causes)
    list.push_back({"failure_rate." + cause.name, cause.rate_per_s.value, "/s", to_string(cause.rate_per_s.evidence),
                    cause.rate_per_s.source});
  list.insert(list.end(), health.defaults.begin(), health.defaults.end());
  return list;
}

void warn_of_approximations(const AvailabilityAnswer& answer, std::vector<std::string>& warnings) {
  if (answer.level_times_from_long_run)
    warnings.push_back(
        "failures_expected takes the long-run share of time at full size, because the chain is too large to be "
        "followed over the horizon");
  if (answer.down.counts_are_independent)
    warnings.push_back(fmt::format(
        "the joint chain of nodes and domains is too large: they are counted independently, which overstates shortages "
        "of nodes{}",
        answer.down.independence_bound
            ? fmt::format(", every probability by at most {:.2g}", *answer.down.independence_bound)
            : std::string()));
  if (answer.down.exponential_repair)
    warnings.push_back(fmt::format(
        "the health chain is too large for the shape of repair_time: exponential repairs stand in; in the long "
        "run that matters only while every crew is busy, {:.2g} of the time",
        answer.down.crews_busy_ratio));
  else if (answer.exhaustion.exponential_repair)
    warnings.push_back(
        "the chain of spares_exhaustion_probability is too large for the shape of repair_time: exponential repairs "
        "stand in");
}

void write_availability_report(const Spec& spec, const JobHealth& health, const AvailabilityAnswer& answer,
                               const Machine& machine, Report& report) {
  report.title = title(spec, health, machine);
  report.finding = fmt::format("{}; {}; {}", describe_stops(health, answer), describe_losses(answer),
                               describe_spares(health, answer));
  const Ask ask = report.detail <= Detail::kDirect ? Ask::kDirect : Ask::kAll;
  const HealthQuestions questions = ask_about_health(health, answer, ask);
  report.measures = availability_measures(health, answer);
  if (health.levels.size() > 2) report.measures.push_back({"goodput_ratio", answer.job.work_ratio});
  const std::vector<Measure> budget = budget_measures(spec, health, answer);
  report.measures.insert(report.measures.end(), budget.begin(), budget.end());
  const std::vector<Measure> asked = question_measures(questions);
  report.measures.insert(report.measures.end(), asked.begin(), asked.end());
  report.breakdowns = availability_breakdowns(health, answer);
  const std::vector<Breakdown> more = question_breakdowns(health, answer, questions);
  report.breakdowns.insert(report.breakdowns.end(), more.begin(), more.end());
  report.chains = availability_chains(answer);
  report.assumptions = availability_assumptions(health, answer);
  warn_of_approximations(answer, report.warnings);
  if (!questions.missing.empty()) report.warnings.push_back(questions.missing);
  if (report.detail == Detail::kDerivation)
    add_curves({spares_curve(health, answer), interval_curve(health, answer, questions)}, report);
}

}  // namespace windtunnel::modeling
