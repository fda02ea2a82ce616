// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "modeling/chains/links/link_chain.h"
#include "modeling/chains/step/device_chain.h"
#include "modeling/chains/step/step_chain.h"
#include "modeling/chains/step/template_schedule.h"
#include "modeling/workload/training_graph.h"
#include "test/catch.h"
#include "test/modeling/small_profile.h"

using namespace windtunnel;
using namespace windtunnel::modeling;

namespace {

struct Case {
  Model model = small_gpt();
  Training training = small_training();
  Machine machine = small_machine();

  Placement placement() const { return place(model, training, machine.profile.scale_up_domain_devices); }
  OperatorGraph graph() const { return build_training_graph(model, training, {}); }
  TrainingStep step(const LinkSlowdowns& slowdowns = {}) const {
    return training_step(graph(), model, training, placement(), machine, slowdowns);
  }
};

}  // namespace

TEST_CASE("one device without communication takes the sum of its operators", "[chains][template]") {
  Case c;
  const OperatorGraph graph = c.graph();
  const ServiceTimes times = service_times(graph, c.placement(), c.machine, {});
  double expected = 0.0;
  for (int vertex : graph.members(Segment::kDenseLayer, Pass::kForward)) expected += times[vertex].mean_s;
  const TemplateTime time = play_template(graph, Segment::kDenseLayer, Pass::kForward, times, c.placement(), {});
  CHECK(time.duration.mean_s == Approx(expected).epsilon(1e-12));
}

TEST_CASE("spans of a template add up to its duration", "[chains][template]") {
  Case c;
  c.training.parallelism = {.tensor = 4, .data = 2, .expert_tensor = 1};
  c.training.sequence_parallel = true;
  for (bool hidden : {false, true}) {
    OverlapPolicy policy{.compute_slowdown = 0.1};
    policy.hidden.fill(hidden);
    const ServiceTimes times = service_times(c.graph(), c.placement(), c.machine, {});
    const TemplateTimes all = play_all_templates(c.graph(), times, c.placement(), policy);
    for (const auto& passes : all) {
      for (const TemplateTime& time : passes) {
        double sum = 0.0;
        for (const ActivitySpan& span : time.spans) sum += span.duration_s;
        CHECK(sum == Approx(time.duration.mean_s).epsilon(1e-12).margin(1e-15));
      }
    }
  }
}

TEST_CASE("hiding communication never makes a step slower, more bandwidth never either", "[chains][template]") {
  Case c;
  c.training.parallelism = {.tensor = 4, .pipeline = 2, .data = 2, .expert_tensor = 1};
  c.training.sequence_parallel = GENERATE(false, true);
  c.training.zero_stage = GENERATE(0, 1, 3);
  const double exposed = c.step().ideal_s();
  c.training.overlap = {.tensor = true, .pipeline = true, .data = true, .expert = true, .context = true};
  const double hidden = c.step().ideal_s();
  CHECK(hidden <= exposed * (1.0 + 1e-12));
  c.machine.profile.scale_up.bandwidth_bytes_per_s.value *= 2.0;
  CHECK(c.step().ideal_s() <= hidden * (1.0 + 1e-12));
}

TEST_CASE("the device chain's stationary law is the time stack", "[chains][device]") {
  Case c;
  c.training.parallelism = {.tensor = 4, .pipeline = 2, .data = 2, .expert_tensor = 1};
  const ActivityProgram program = activity_program(c.step(), c.placement(), 0.001);
  const ActivityShares shares = solve_activity_shares(program);
  REQUIRE(shares.solution.usable());
  double sum = 0.0;
  for (int activity = 0; activity < kActivities; ++activity) {
    CAPTURE(kActivityNames[activity]);
    CHECK(shares.probability[activity] == Approx(program.time_s[activity] / program.total_s()).margin(1e-12));
    sum += shares.probability[activity];
  }
  CHECK(sum == Approx(1.0).epsilon(1e-12));
  CHECK(program.total_s() == Approx(c.step().ideal_s() + 0.001).epsilon(1e-9));
}

TEST_CASE("the host's own work of a pass counts where the kernels of the chunk leave it no time",
          "[chains][template]") {
  TemplateTimes templates;
  TemplateTime& layer = templates[static_cast<int>(Segment::kDenseLayer)][static_cast<int>(Pass::kForward)];
  const ModelChunk chunk{.dense_layers = 3};
  const auto wait_s = [&](double device_s, double host_s, double pass_s) {
    layer.host_s = host_s;
    layer.duration.mean_s = std::max(device_s, host_s);
    return chunk_host_wait_s(templates, chunk, {Pass::kForward}, pass_s);
  };
  CHECK(wait_s(0.010, 0.002, 0.0) == 0.0);
  // 3 x 8 ms of slack hide 3 ms; a host that is behind anyway pays them in full; between, what is left.
  CHECK(wait_s(0.010, 0.002, 0.003) == 0.0);
  CHECK(wait_s(0.001, 0.002, 0.003) == Approx(0.003));
  CHECK(wait_s(0.0025, 0.002, 0.003) == Approx(0.0015));
}

TEST_CASE("a link with one class is not slowed, two hidden classes share it as the chain says", "[chains][link]") {
  LinkProblem problem{.name = "test", .classes = {{CommGroup::kData, true, 10.0, 0.2}}, .step_s = 1.0};
  const LinkSolution alone = solve_link(problem);
  CHECK(alone.slowdown[static_cast<int>(CommGroup::kData)] == Approx(1.0));
  CHECK(alone.utilization_ratio == Approx(0.2).epsilon(1e-9));
  CHECK(alone.congestion_probability == 0.0);

  // Two equal classes: on rate a = 10 / 0.8, service rate m = 10 / 0.2. Birth-death chain in the number on: 0 -2a-> 1
  // -a-> 2, back m, then 2 classes at half rate each: also m. p1/p0 = 2a/m, p2/p1 = a/m. Share given on: (p1 + p2) /
  // (p1 + 2 p2).
  problem.classes.push_back({CommGroup::kPipeline, true, 10.0, 0.2});
  const double a = 12.5, m = 50.0;
  const double p1 = 2.0 * a / m, p2 = p1 * a / m;
  const LinkSolution shared = solve_link(problem);
  CHECK(shared.slowdown[static_cast<int>(CommGroup::kData)] == Approx((p1 + 2.0 * p2) / (p1 + p2)).epsilon(1e-9));
  CHECK(shared.congestion_probability == Approx(p2 / (p1 + p2)).epsilon(1e-9));
  CHECK(shared.utilization_ratio == Approx((p1 + p2) / (1.0 + p1 + p2)).epsilon(1e-9));
}

TEST_CASE("traffic beside the steps slows a class as another class would, and is in no group", "[chains][link]") {
  const LinkProblem two{.name = "test",
                        .classes = {{CommGroup::kData, true, 10.0, 0.2}, {CommGroup::kPipeline, true, 10.0, 0.2}},
                        .step_s = 1.0};
  LinkProblem beside = two;
  beside.classes[1].group.reset();
  const LinkSolution as_class = solve_link(two);
  const LinkSolution as_background = solve_link(beside);
  const int data = static_cast<int>(CommGroup::kData);
  CHECK(as_background.slowdown[data] == Approx(as_class.slowdown[data]).epsilon(1e-12));
  CHECK(as_background.utilization_ratio == Approx(as_class.utilization_ratio).epsilon(1e-12));
  CHECK(as_background.slowdown[static_cast<int>(CommGroup::kPipeline)] == 1.0);
  CHECK(as_background.congestion_slowdown_ratio == Approx(as_background.slowdown[data]).epsilon(1e-12));
}

TEST_CASE("blocking classes never meet each other", "[chains][link]") {
  const LinkProblem problem{
      .name = "test",
      .classes = {{CommGroup::kTensor, false, 10.0, 0.2}, {CommGroup::kPipeline, false, 10.0, 0.2}},
      .step_s = 1.0};
  const LinkSolution solution = solve_link(problem);
  CHECK(solution.congestion_probability == 0.0);
  CHECK(solution.slowdown[static_cast<int>(CommGroup::kTensor)] == Approx(1.0));
}

TEST_CASE("a degraded link slows its traffic by the mean of its speeds", "[chains][link]") {
  Component link{.kind = "link",
                 .level = "component",
                 .per_level = figure(1),
                 .states = {{"healthy", 1.0}, {"degraded", 0.5}, {"down", 0.0}}};
  link.transitions = {{"healthy", "degraded", figure(1e-6)},
                      {"degraded", "healthy", figure(3e-6)},
                      {"healthy", "down", figure(1e-9)},
                      {"down", "healthy", figure(1e-5)}};
  const LinkProblem problem{
      .name = "test", .classes = {{CommGroup::kData, true, 10.0, 0.1}}, .step_s = 1.0, .health = &link};
  const LinkSolution solution = solve_link(problem);
  CHECK(solution.slowdown[static_cast<int>(CommGroup::kData)] > 1.2);
  CHECK(solution.slowdown[static_cast<int>(CommGroup::kData)] < 2.0);
  CHECK(solution.states == 6);
}

TEST_CASE("without jitter a step is a constant", "[chains][step]") {
  const StepChain chain =
      build_step_chain({.conditions = {{.replica = {4.0, 0.0}, .tail_s = 0.5}}, .replicas = 128, .devices = 1024});
  CHECK(chain.mean_s == Approx(4.5));
  CHECK(chain.std_s == 0.0);
  CHECK(chain.p99_s == Approx(4.5));
}

TEST_CASE("the step waits for the slowest replica: normal order statistics", "[chains][step]") {
  // E[max of 64 standard normals] = 2.3437 (knowledge of every table of order statistics).
  const StepChain chain =
      build_step_chain({.conditions = {{.replica = {4.0, 0.04 * 0.04}}}, .replicas = 64, .devices = 64});
  CHECK(chain.replica_wait_s == Approx(2.3437 * 0.04).epsilon(1e-4));
  CHECK(chain.p50_s < chain.p95_s);
  CHECK(chain.p95_s < chain.p99_s);
}

TEST_CASE("rare stalls move the tail, not the median", "[chains][step]") {
  StepChainProblem problem{.conditions = {{.replica = {1.0, 1e-6}}},
                           .replicas = 8,
                           .devices = 64,
                           .stall_rate_per_s = 0.02,
                           .stall_mean_s = 5.0};
  const StepChain stalled = build_step_chain(problem);
  problem.stall_rate_per_s = 0.0;
  const StepChain smooth = build_step_chain(problem);
  CHECK(stalled.p50_s == Approx(smooth.p50_s).epsilon(0.01));
  CHECK(stalled.p99_s > smooth.p99_s + 1.0);
  CHECK(stalled.mean_s == Approx(smooth.mean_s + 0.02 * smooth.mean_s * 5.0).epsilon(0.01));
}

TEST_CASE("the longest pause: closed form of its law and mean", "[chains][step]") {
  // P(longest <= x) = exp(-a exp(-x / m)), mean m Ein(a): Ein(0.1) = 0.097562..., Ein(10) = ln 10 + gamma + E1(10).
  const auto chain_of = [](double a) { return longest_pause(a, 0.035); };
  CHECK(chain_of(0.1).mean_s() == Approx(0.035 * 0.0975545).epsilon(1e-5));
  CHECK(chain_of(10.0).mean_s() == Approx(0.035 * (std::log(10.0) + 0.5772157 + 4.157e-6)).epsilon(1e-6));
  for (const double a : {0.1, 2.0, 30.0}) {
    const solvers::Distribution law = solvers::distribution_of(chain_of(a));
    for (const double x : {0.01, 0.05, 0.2}) {
      CAPTURE(a, x);
      CHECK(law.cdf(x) == Approx(std::exp(-a * std::exp(-x / 0.035))).margin(a > 20.0 ? 2e-3 : 1e-9));
    }
  }
  // 2,000 pauses: only 64 phases are kept; mean exact, the law within half a percent.
  const solvers::Distribution many = solvers::distribution_of(chain_of(2000.0));
  CHECK(chain_of(2000.0).mean_s() == Approx(0.035 * (std::log(2000.0) + 0.5772157)).epsilon(1e-6));
  CHECK(many.cdf(0.35) == Approx(std::exp(-2000.0 * std::exp(-10.0))).margin(5e-3));
}

TEST_CASE("means without a law equal the means of the law", "[chains][step]") {
  StepChainProblem problem{.conditions = {{.probability = 0.9, .replica = {1.0, 1e-4}, .tail_s = 0.1},
                                          {.probability = 0.1, .replica = {1.5, 1e-4}, .tail_s = 0.1}},
                           .replicas = 16,
                           .stages = 4,
                           .group_devices = 8,
                           .devices = 512,
                           .nodes = 64,
                           .device_cv = 0.01,
                           .pause_rate_per_s = 0.02,
                           .pause_mean_s = 0.035,
                           .stall_rate_per_s = 0.001,
                           .stall_mean_s = 5.0};
  const StepChain chain = build_step_chain(problem);
  const solvers::MeanVariance found = solvers::mean_and_variance(chain.law);
  CHECK(step_means(problem).mean_s == Approx(chain.mean_s).epsilon(1e-12));
  CHECK(found.mean_s == Approx(chain.mean_s).epsilon(1e-4));
  CHECK(std::sqrt(found.variance_s2) == Approx(chain.std_s).epsilon(1e-2));
}

TEST_CASE("a larger job waits longer for pauses: growth is logarithmic in the nodes", "[chains][step]") {
  const auto step_of = [](Count nodes) {
    return step_means({.conditions = {{.replica = {3.0, 0.0}}},
                       .nodes = nodes,
                       .pause_rate_per_s = 0.02,
                       .pause_mean_s = 0.035})
        .mean_s;
  };
  // Many pauses per step: E = m (ln a + gamma), so four times the nodes add m ln 4.
  CHECK(step_of(4096) - step_of(1024) == Approx(0.035 * std::log(4.0)).epsilon(1e-6));
}
