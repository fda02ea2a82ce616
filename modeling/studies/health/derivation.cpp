// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "modeling/spec/quantity.h"
#include "modeling/studies/health/derivation.h"

namespace windtunnel::modeling {
namespace {

std::string level_name(FailureLevel level) {
  return level == FailureLevel::kNode ? "node" : level == FailureLevel::kDomain ? "domain" : "job";
}

DerivationSection causes_section(const JobHealth& health) {
  DerivationSection section{.title = "What stops the job"};
  section.paragraphs.push_back(
      "Every component fails on its own; the job stops with the first of them, so the rates add up.");
  section.equations.push_back(
      {"\\Lambda = \\sum_c n_c \\lambda_c",
       fmt::format("{:.4g} stops per day of running: one every {}", 86400.0 * health.stops.failure_per_s,
                   format_quantity(1.0 / health.stops.failure_per_s, Dimension::kTime))});
  section.rows.push_back(
      {"cause", "takes down", "components", "failures per year of one", "stops per day", "evidence"});
  for (const FailureCause& cause : health.causes)
    section.rows.push_back({cause.name, level_name(cause.level), fmt::format("{:.6g}", cause.components),
                            fmt::format("{:.4g}", 365.25 * 86400.0 * cause.rate_per_s.value),
                            fmt::format("{:.4g}", 86400.0 * cause.job_rate_per_s()),
                            to_string(cause.rate_per_s.evidence)});
  return section;
}

DerivationSection spares_section(const JobHealth& health, const AvailabilityAnswer& answer) {
  DerivationSection section{.title = "How many nodes are down"};
  section.paragraphs.push_back(fmt::format(
      "{} nodes are needed, {} are spare. Equal nodes are counted, not named: the state is how many are down (and in "
      "which phase of their repair). The job has its full size while no more are down than there are spares.",
      health.nodes.nodes, health.nodes.spares));
  if (health.bad_nodes)
    section.paragraphs.push_back(fmt::format(
        "A share of {:.3g} of the nodes fails {:.4g} times as often as the others, before and after repair; they are "
        "counted beside the others, or, where that makes the chain too large, by their mean field.",
        health.bad_nodes->share, health.bad_nodes->factor));
  if (!health.nodes.rate_course.empty())
    section.paragraphs.push_back(fmt::format(
        "The rate of nodes changes over the horizon, from {:.3g} to {:.3g} of its mean in {} equal parts; "
        "shortages within the horizon follow it, the long run takes the mean.",
        health.nodes.rate_course.front(), health.nodes.rate_course.back(), health.nodes.rate_course.size()));
  if (answer.down.counts_are_independent)
    section.paragraphs.push_back(
        "The joint chain of nodes and domains is too large: their counts are independent and add up. Only that nodes "
        "of a failed domain cannot fail meanwhile is left out, so shortages are overstated, never understated.");
  section.equations.push_back(
      {"P(\\text{full size}) = \\sum_{n \\le s} \\pi_n",
       fmt::format(
           "one node fails every {}, is repaired in {}; {:.4g} are down in the mean, full size {:.6g} of the time",
           format_quantity(1.0 / health.nodes.failure_per_s, Dimension::kTime),
           format_quantity(health.nodes.repair.mean_s, Dimension::kTime), answer.down.mean(),
           answer.availability_ratio)});
  return section;
}

DerivationSection checkpoint_section(const JobHealth& health, const AvailabilityAnswer& answer) {
  const double rate = health.stops.failure_per_s;
  const CheckpointPlan& plan = answer.checkpoint;
  DerivationSection section{.title = "Checkpoints"};
  section.paragraphs.push_back(
      "Frequent checkpoints cost standing still, rare ones cost work that is done again. With exponential stops and "
      "checkpoints that can be restored at once the best interval solves an equation of Lambert's W; asynchronous and "
      "two-level checkpoints take the optimum of their own chain.");
  section.equations.push_back(
      {"t^* = \\frac{1 + W_0(-e^{-1 - \\Lambda C})}{\\Lambda}, \\quad \\frac{t}{\\text{wall}} = "
       "\\frac{\\Lambda t}{e^{\\Lambda (t + C)} - 1}",
       fmt::format("L = {:.4g} /s, C = {:.4g} s: {} seconds of work between checkpoints", rate, plan.blocking_s,
                   fmt::format("{:.5g}", plan.interval_s))});
  return section;
}

}  // namespace

void derive_availability(const JobHealth& health, const AvailabilityAnswer& answer, Report& report) {
  report.derivation.push_back(causes_section(health));
  if (health.nodes.failure_per_s > 0.0) report.derivation.push_back(spares_section(health, answer));
  if (health.stops.failure_per_s > 0.0) report.derivation.push_back(checkpoint_section(health, answer));
}

}  // namespace windtunnel::modeling
