// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/step/pipeline.h"

#include <set>
#include <tuple>

#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

constexpr double kForward = 0.010;
constexpr double kBackward = 0.020;

PipelineProblem constant_problem(PipelineSchedule schedule, Count pipeline, Count virtual_stages, Count micro_batches) {
  const auto chunks = static_cast<std::size_t>(pipeline * virtual_stages);
  const double pieces = static_cast<double>(virtual_stages);
  return {.schedule = schedule,
          .pipeline = pipeline,
          .virtual_stages = virtual_stages,
          .micro_batches = micro_batches,
          .forward = std::vector<Moments>(chunks, {kForward / pieces, 0.0}),
          .backward = std::vector<Moments>(chunks, {kBackward / pieces, 0.0}),
          .deferrable_s = std::vector<double>(chunks, kForward / pieces)};
}

double makespan(PipelineSchedule schedule, Count pipeline, Count virtual_stages, Count micro_batches) {
  return pipeline_time(constant_problem(schedule, pipeline, virtual_stages, micro_batches)).makespan.mean_s;
}

}  // namespace

TEST_CASE("GPipe and 1F1B take (n + p - 1)(f + b) with constant times", "[chains][pipeline]") {
  // Narayanan et al., arXiv:2104.04473, section 2.2.
  const Count p = GENERATE(1, 2, 4, 16);
  const Count n = GENERATE(1, 2, 3, 16, 50);
  const double expected = static_cast<double>(n + p - 1) * (kForward + kBackward);
  CHECK(makespan(PipelineSchedule::kGpipe, p, 1, n) == Approx(expected).epsilon(1e-12));
  CHECK(makespan(PipelineSchedule::kOneForwardOneBackward, p, 1, n) == Approx(expected).epsilon(1e-12));
}

TEST_CASE("interleaving divides the bubble by the virtual stages: (n + (p-1)/v)(f + b)", "[chains][pipeline]") {
  const Count p = GENERATE(2, 4, 8);
  const Count v = GENERATE(1, 2, 8);
  const Count groups = GENERATE(1, 2, 5);
  const Count n = groups * p;
  const double expected =
      (static_cast<double>(n) + static_cast<double>(p - 1) / static_cast<double>(v)) * (kForward + kBackward);
  CHECK(makespan(PipelineSchedule::kInterleaved, p, v, n) == Approx(expected).epsilon(1e-12));
}

TEST_CASE("any number of micro-batches runs to the end, never faster than the work or slower than one after the other",
          "[chains][pipeline]") {
  for (Count p = 1; p <= 6; ++p) {
    for (Count v = 1; v <= 4; ++v) {
      for (Count n = 1; n <= 14; ++n) {
        CAPTURE(p, v, n);
        const double time =
            makespan(v > 1 ? PipelineSchedule::kInterleaved : PipelineSchedule::kOneForwardOneBackward, p, v, n);
        CHECK(time >= static_cast<double>(n) * (kForward + kBackward) * (1.0 - 1e-12));
        CHECK(time <= static_cast<double>(n + p) * (kForward + kBackward) * 2.0);
      }
    }
  }
}

TEST_CASE("every rank does every micro-batch of every chunk once, forward before backward", "[chains][pipeline]") {
  const Count p = 4, v = 3, n = 10;
  for (Count rank = 0; rank < p; ++rank) {
    std::set<std::tuple<bool, Count, Count>> seen;
    for (const PipelineStep& step : pipeline_order(PipelineSchedule::kInterleaved, p, v, n, rank)) {
      CHECK(seen.insert({step.forward, step.micro_batch, step.virtual_stage}).second);
      if (!step.forward) CHECK(seen.count({true, step.micro_batch, step.virtual_stage}) == 1);
    }
    CHECK(seen.size() == static_cast<std::size_t>(2 * n * v));
  }
}

TEST_CASE("zero bubble and DualPipe have the published bubbles", "[chains][pipeline]") {
  const auto bubble = [](PipelineSchedule schedule, Count p, Count n) {
    return makespan(schedule, p, 1, n) - static_cast<double>(n) * (kForward + kBackward);
  };
  // Zero bubble H1: (p-1)(F + B - 2W) with B the whole backward; Qi et al., arXiv:2401.10241.
  CHECK(bubble(PipelineSchedule::kZeroBubble, 4, 8) == Approx(3 * kForward));
  CHECK(bubble(PipelineSchedule::kZeroBubble, 8, 8) == Approx(7 * kForward));
  // DualPipe: (p/2-1)(F&B + B - 3W) = 3 (30 + 20 - 30) ms for p = 8; its README. The step: 300 ms.
  CHECK(makespan(PipelineSchedule::kDualPipe, 8, 1, 8) == Approx(0.300));
  CHECK(makespan(PipelineSchedule::kDualPipe, 8, 1, 32) == Approx(1.020).epsilon(0.02));
}

TEST_CASE("a schedule that splits the backward pass obeys its critical path and its busiest rank",
          "[chains][pipeline]") {
  for (const PipelineSchedule schedule : {PipelineSchedule::kZeroBubble, PipelineSchedule::kDualPipe}) {
    double before = 0.0;
    for (const Count n : {1, 2, 3, 4, 5, 8, 12, 16, 31}) {
      CAPTURE(static_cast<int>(schedule), n);
      const double time = makespan(schedule, 8, 1, n);
      // Eight forwards and eight input gradients of one micro-batch, then the first rank's weight gradient.
      CHECK(time >= 8 * kForward + 8 * (kBackward - kForward) + kForward - 1e-12);
      CHECK(time >= static_cast<double>(n) * (kForward + kBackward) - 1e-12);
      CHECK(time <= makespan(PipelineSchedule::kOneForwardOneBackward, 8, 1, n) + 1e-12);
      CHECK(time >= before);
      before = time;
    }
    // 8 stages, 1 micro-batch: 100 and 30 ms were answered once.
    CHECK(makespan(schedule, 8, 1, 1) == Approx(0.170));
  }
}

TEST_CASE("one stage without neighbours is a sum: nothing is joined", "[chains][pipeline]") {
  PipelineProblem problem = constant_problem(PipelineSchedule::kOneForwardOneBackward, 1, 1, 64);
  problem.forward = {{1e-6, 0.25e-12}};
  problem.backward = {{0.030, 0.25 * 9e-4}};
  const PipelineTime time = pipeline_time(problem);
  CHECK(time.makespan.mean_s == Approx(64 * 0.030001));
  CHECK(time.makespan.variance_s2 == Approx(64 * 0.25 * (1e-12 + 9e-4)));
}

TEST_CASE("transfers cost more when they block", "[chains][pipeline]") {
  PipelineProblem problem = constant_problem(PipelineSchedule::kOneForwardOneBackward, 4, 1, 8);
  const double none = pipeline_time(problem).makespan.mean_s;
  problem.transfer = {0.001, 0.0};
  const double beside = pipeline_time(problem).makespan.mean_s;
  problem.transfer_blocks = true;
  const double blocking = pipeline_time(problem).makespan.mean_s;
  CHECK(beside > none);
  CHECK(blocking > beside);
}

TEST_CASE("busy and waiting time of each rank add up to the makespan", "[chains][pipeline]") {
  const PipelineTime time = pipeline_time(constant_problem(PipelineSchedule::kInterleaved, 4, 2, 8));
  for (std::size_t rank = 0; rank < 4; ++rank)
    CHECK(time.busy_s[rank] + time.wait_s[rank] == Approx(time.makespan.mean_s));
}

TEST_CASE("a slow stage sets the pace", "[chains][pipeline]") {
  PipelineProblem problem = constant_problem(PipelineSchedule::kOneForwardOneBackward, 4, 1, 100);
  problem.forward[2].mean_s *= 2.0;
  problem.backward[2].mean_s *= 2.0;
  // The slow stage is never faster than its own work plus the way in and out, and 1F1B adds at most one micro-batch to
  // that.
  const double own = 2.0 * 100.0 * (kForward + kBackward);
  const double in_and_out = 2.0 * (kForward + kBackward);
  const double time = pipeline_time(problem).makespan.mean_s;
  CHECK(time >= own + in_and_out);
  CHECK(time <= own + in_and_out + kForward + kBackward);
}
