// SPDX-License-Identifier: Apache-2.0
// The time to train, shares of time and shortages against an event simulation of the job, its checkpoints and every
// single repair, which knows nothing of chains, moments or renewal.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <queue>
#include <vector>

#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"
#include "solvers/numerics/confidence.h"
#include "solvers/numerics/random.h"
#include "test/catch.h"
#include "test/modeling/report_values.h"

using namespace windtunnel::modeling;
namespace solvers = windtunnel::solvers;

namespace {

struct Job {
  int nodes, spares;
  double failure_per_s, repair_s, interval_s, blocking_s, restart_s, work_s;
};

struct Run {
  double total_s = 0, productive_s = 0, waiting_s = 0, restart_s = 0, checkpoint_s = 0;
};

/// One run of the job from all nodes up.
class Simulation {
 public:
  Simulation(const Job& job, solvers::RandomSource& random) : job_(job), random_(random) { draw_failure(); }

  Run run() {
    while (saved_s_ < job_.work_s) segment();
    run_.total_s = now_;
    run_.productive_s = job_.work_s;
    return run_;
  }

 private:
  int down() const { return static_cast<int>(back_.size()); }
  /// Nodes that can fail: the job's, or the survivors of a job that is short; cold spares do not.
  void draw_failure() {
    const int powered = std::min(job_.nodes, job_.nodes + job_.spares - down());
    next_failure_ = now_ + random_.exponential() / (job_.failure_per_s * powered);
  }
  /// Lets `duration` pass with repairs and failures; true when the job was not struck. Returns how far it came.
  bool pass(double duration_s, double& passed_s) {
    const double end = now_ + duration_s;
    const double start = now_;
    while (true) {
      const double repaired = back_.empty() ? 1e300 : back_.top();
      if (std::min(repaired, next_failure_) >= end) break;
      now_ = std::min(repaired, next_failure_);
      if (repaired < next_failure_) {
        back_.pop();
        draw_failure();
        continue;
      }
      back_.push(now_ + random_.exponential() * job_.repair_s);
      draw_failure();
      passed_s = now_ - start;
      return false;
    }
    now_ = end;
    passed_s = duration_s;
    return true;
  }
  void wait_for_nodes() {
    const double start = now_;
    while (down() > job_.spares) {
      now_ = std::min(back_.top(), next_failure_);
      if (back_.top() <= next_failure_)
        back_.pop();
      else
        back_.push(now_ + random_.exponential() * job_.repair_s);
      draw_failure();
    }
    run_.waiting_s += now_ - start;
  }
  void recover() {
    for (bool running = false; !running;) {
      wait_for_nodes();
      double passed_s = 0;
      running = pass(job_.restart_s, passed_s);
      run_.restart_s += passed_s;
    }
  }
  /// Work up to the next checkpoint, or to the end of the run, which needs none.
  void segment() {
    const double left_s = job_.work_s - saved_s_;
    const bool last = left_s <= job_.interval_s;
    double passed_s = 0;
    if (!pass(last ? left_s : job_.interval_s + job_.blocking_s, passed_s)) return recover();
    saved_s_ += last ? left_s : job_.interval_s;
    run_.checkpoint_s += last ? 0.0 : job_.blocking_s;
  }

  const Job& job_;
  solvers::RandomSource& random_;
  double now_ = 0, saved_s_ = 0, next_failure_ = 0;
  std::priority_queue<double, std::vector<double>, std::greater<>> back_;
  Run run_;
};

/// The same job as a spec: one step a second, one device per node.
Report answer(const Job& job) {
  const std::string text = fmt::format(
      R"(
study: training
cluster: {{device: h100-sxm-80gb, num_devices: {0}, devices_per_node: 1}}
training:
  global_batch: {0}
  sequence_length: 1
  tokens: {1}
  parallelism: {{data: {0}}}
  service_times: {{forward: 0.4 s, backward: 0.6 s}}
reliability:
  failure_rates: {{node: {2} /s}}
  repair_time: {{mean: {3} s, scv: 1}}
  spares: {{nodes: {4}, kind: cold}}
  checkpoint: {{interval: {5} s, blocking: {6} s}}
  restart_time: {7} s
)",
      job.nodes, job.nodes * job.work_s, job.failure_per_s, job.repair_s, job.spares, job.interval_s, job.blocking_s,
      job.restart_s);
  return evaluate(read_spec(YamlDocument::parse(text, "spec.yaml")));
}

struct Simulated {
  std::vector<double> total_s;
  Run sum;
};

Simulated simulate(const Job& job, int runs) {
  solvers::RandomSource random(20250917);
  Simulated result;
  for (int k = 0; k < runs; ++k) {
    const Run run = Simulation(job, random).run();
    result.total_s.push_back(run.total_s);
    result.sum.total_s += run.total_s;
    result.sum.restart_s += run.restart_s;
    result.sum.waiting_s += run.waiting_s;
    result.sum.productive_s += run.productive_s;
  }
  std::sort(result.total_s.begin(), result.total_s.end());
  return result;
}

/// Within the interval of 99.99 % confidence, widened by the stated error of the approximation.
void check_near(double answer, const solvers::Estimate& simulated, double relative) {
  INFO(answer << " against " << simulated.value << " in [" << simulated.low << ", " << simulated.high << "]");
  CHECK(answer > simulated.low * (1 - relative));
  CHECK(answer < simulated.high * (1 + relative));
}

}  // namespace

TEST_CASE("time to train agrees with the event simulation", "[studies][training][health][simulation]") {
  constexpr double kDay = 86400;
  // Ample spares; scarce ones, where shortages of hours make the tail; short runs with few stops.
  struct Case {
    Job job;
    int runs;
    /// Error of the p99 of the law fitted to three moments.
    double p99_error;
  };
  const Case one = GENERATE(Case{{64, 12, 1 / (30 * kDay), kDay, 1200, 60, 600, 20 * kDay}, 20'000, 0.001},
                            Case{{64, 3, 1 / (30 * kDay), kDay, 1200, 60, 600, 20 * kDay}, 20'000, 0.005},
                            Case{{32, 2, 1 / (40 * kDay), kDay / 2, 1800, 30, 900, 2 * kDay}, 60'000, 0.02});
  const Report report = answer(one.job);
  const Simulated simulated = simulate(one.job, one.runs);
  const double confidence = 0.9999;
  check_near(value(report, "time_to_train_mean_s"), solvers::mean_estimate(simulated.total_s, confidence), 0.001);
  check_near(value(report, "time_to_train_p50_s"), solvers::quantile_estimate(simulated.total_s, 0.5, confidence),
             0.003);
  check_near(value(report, "time_to_train_p99_s"), solvers::quantile_estimate(simulated.total_s, 0.99, confidence),
             one.p99_error);
}

TEST_CASE("shares of a long run agree with the event simulation", "[studies][training][health][simulation]") {
  constexpr double kDay = 86400;
  const Job job{64, 3, 1 / (30 * kDay), kDay, 1200, 60, 600, 4000 * kDay};
  const Report report = answer(job);
  const Simulated simulated = simulate(job, 10);
  CHECK(value(report, "ettr_ratio") == Approx(simulated.sum.productive_s / simulated.sum.total_s).epsilon(0.005));
  CHECK(1 - value(report, "availability_ratio") ==
        Approx(simulated.sum.waiting_s / simulated.sum.total_s).epsilon(0.05));
}
