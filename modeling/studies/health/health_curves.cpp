// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/health/health_curves.h"

#include <algorithm>
#include <cmath>

#include "modeling/chains/health/time_to_finish.h"

namespace windtunnel::modeling {

namespace {

/// A line looks smooth with as many.
constexpr int kPoints = 40;

}  // namespace

Curve spares_curve(const JobHealth& health, const AvailabilityAnswer& answer) {
  Curve curve{.name = "spares",
              .title = "Share of time at full size with so many spares",
              .x_name = "spares",
              .y_name = "availability_ratio"};
  if (!nodes_fail(health.nodes)) return curve;
  const Count most = std::max({health.nodes.spares, answer.spares_999.value_or(0), Count{4}});
  const Count step = std::max<Count>(1, most / kPoints);
  for (Count spares = 0; spares <= most; spares += step) {
    NodeHealth with = health.nodes;
    with.spares = spares;
    curve.points.emplace_back(static_cast<double>(spares), solve_down_count(with).at_most(spares));
  }
  return curve;
}

Curve interval_curve(const JobHealth& health, const AvailabilityAnswer& answer, const HealthQuestions& questions) {
  Curve curve{.name = "checkpoint_interval",
              .title = "Time that is not productive, by the work between checkpoints",
              .x_name = "checkpoint_interval_s",
              .y_name = "lost_ratio"};
  const double best_s = questions.optimal_interval_s;
  if (!(best_s > 0.0) || !std::isfinite(best_s) || !(answer.levels.probability(0) > 0.0)) return curve;
  const double from_s = best_s / 8.0;
  const double to_s = 4.0 * best_s;
  for (int k = 0; k <= kPoints; ++k) {
    CheckpointPlan plan = answer.checkpoint;
    plan.interval_s = from_s * std::pow(to_s / from_s, static_cast<double>(k) / kPoints);
    const JobChain job = solve_job_chain(job_chain_problem(health, answer.levels, plan));
    curve.points.emplace_back(plan.interval_s, 1.0 - job.productive_ratio);
  }
  return curve;
}

Curve end_curve(const WorkPassage& passage) {
  Curve curve{.name = "time_to_train",
              .title = "Probability that the run has ended",
              .x_name = "time_to_train_s",
              .y_name = "finished_probability"};
  const double spread_s = std::max(passage.p99_s - passage.p50_s, 1e-6 * passage.p50_s);
  for (int k = 0; k <= kPoints; ++k) {
    const double time_s = passage.p50_s + spread_s * (-1.5 + 3.0 * static_cast<double>(k) / kPoints);
    curve.points.emplace_back(time_s, std::clamp(passage.finished_probability(time_s), 0.0, 1.0));
  }
  return curve;
}

void add_curves(std::vector<Curve> curves, Report& report) {
  for (Curve& curve : curves)
    if (!curve.points.empty()) report.curves.push_back(std::move(curve));
}

}  // namespace windtunnel::modeling
