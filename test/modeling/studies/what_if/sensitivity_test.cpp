// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/what_if/sensitivity.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "modeling/evaluate.h"
#include "modeling/report/headline.h"
#include "modeling/spec/read_spec.h"
#include "test/catch.h"

namespace windtunnel::modeling {
namespace {

Spec spec_of(const std::string& text) {
  return read_spec(YamlDocument::parse(text, "a.yaml"));
}

std::optional<double> elasticity(const std::vector<Sensitivity>& list, const std::string& path,
                                 const std::string& measure) {
  for (const Sensitivity& one : list) {
    if (one.path == path && one.measure == measure) return one.elasticity;
  }
  return std::nullopt;
}

const std::string kOwnTimes = R"(study: training
cluster: {device: h100-sxm-80gb, num_devices: 8}
training:
  global_batch: 16
  parallelism: {pipeline: 4, data: 2}
  service_times: {forward: 10 ms, backward: 20 ms, scv: 0.2, pipeline_transfer: 1 ms, data_parallel: 40 ms}
)";

TEST_CASE("The elasticities of a time to all times it is made of sum to 1", "[sensitivity]") {
  // Euler's theorem: the step time is homogeneous of degree 1 in the times.
  const Spec spec = spec_of(kOwnTimes);
  const auto list = find_sensitivities(spec, evaluate(spec), evaluate_in_detail);
  for (const std::string measure : {"step_time_mean_s", "step_time_p99_s"}) {
    double sum = 0.0;
    for (const char* time : {"forward", "backward", "pipeline_transfer", "data_parallel"})
      sum += elasticity(list, std::string("training.service_times.") + time, measure).value();
    CHECK(sum == Approx(1.0).epsilon(1e-5));
  }
}

TEST_CASE("Without spread the elasticity is the share of the step", "[sensitivity]") {
  // 1f1b: (n + p - 1)(f + b) + data_parallel, n = 8 micro-batches, p = 4: (11 x 30 + 40) ms.
  Spec spec = spec_of(kOwnTimes);
  spec.training->service_times->scv = 0.0;
  spec.training->service_times->pipeline_transfer_s = 0.0;
  const auto list = find_sensitivities(spec, evaluate(spec), evaluate_in_detail);
  CHECK(elasticity(list, "training.service_times.data_parallel", "step_time_mean_s").value() ==
        Approx(40.0 / 370.0).epsilon(1e-5));
  CHECK(elasticity(list, "training.service_times.forward", "step_time_mean_s").value() ==
        Approx(110.0 / 370.0).epsilon(1e-5));
}

TEST_CASE("Failures expected are proportional to the failure rate", "[sensitivity]") {
  const Spec spec = spec_of(R"(study: availability
cluster: {device: h100-sxm-80gb, num_devices: 64}
reliability: {horizon: 1 d, failure_rates: {node: 0.001 /d}, repair_time: 1 h, spares: {nodes: 8}, restart_time: 1 s}
)");
  const auto list = find_sensitivities(spec, evaluate(spec), evaluate_in_detail);
  CHECK(elasticity(list, "reliability.failure_rate_factor", "failures_expected").value() == Approx(1.0).epsilon(1e-3));
  CHECK(elasticity(list, "reliability.failure_rates.node", "job_mttf_s").value() == Approx(-1.0).epsilon(1e-5));
  // Counts have none.
  CHECK_FALSE(elasticity(list, "reliability.failure_rate_factor", "spares_for_99_percent"));
}

TEST_CASE("The figures of the device are inputs too, and a power law is found exactly", "[sensitivity]") {
  const Spec spec = spec_of(R"(study: training
model: {name: llama-3.1-8b}
cluster: {device: h100-sxm-80gb, num_devices: 8}
training: {sequence_length: 8192, global_batch: 8, parallelism: {data: 8}}
)");
  const Evaluate law = [](const Spec& asked, Detail) {
    const double bandwidth = asked.cluster.figures.memory_bandwidth_bytes_per_s.value_or(3.35e12);
    return Report{.measures = {{"step_time_mean_s", std::pow(bandwidth, -0.3)}}};
  };
  const auto list = find_sensitivities(spec, law(spec, Detail::kAnswer), law);
  CHECK(elasticity(list, "cluster.memory.bandwidth", "step_time_mean_s").value() == Approx(-0.3).epsilon(1e-9));
  CHECK(elasticity(list, "cluster.scale_out.latency", "step_time_mean_s").value() == 0.0);
  const auto memory = std::find_if(list.begin(), list.end(),
                                   [](const Sensitivity& one) { return one.path == "cluster.memory.bandwidth"; });
  CHECK(memory->input_value == Approx(3.35e12));
  CHECK(memory->method == "central_difference");
  CHECK(memory->elasticity_error.value() == Approx(0.0).margin(1e-9));
}

TEST_CASE("The slopes to either side bound the elasticity, and a jump gives no advice", "[sensitivity]") {
  const Spec spec = spec_of(R"(study: training
model: {name: llama-3.1-8b}
cluster: {device: h100-sxm-80gb, num_devices: 8}
training: {sequence_length: 8192, global_batch: 8, parallelism: {data: 8}}
)");
  // With x the bandwidth over its own value: exp(x^2 / 2) has the elasticity x^2 = 1 and curves by 2 x^2 per ln x.
  const auto at = [&](const std::function<double(double)>& law) {
    const Evaluate evaluate = [&](const Spec& asked, Detail) {
      const double x = asked.cluster.figures.memory_bandwidth_bytes_per_s.value_or(3.35e12) / 3.35e12;
      return Report{.measures = {{"step_time_mean_s", law(x)}}};
    };
    Report report = evaluate(spec, Detail::kAnswer);
    report.sensitivities = find_sensitivities(spec, report, evaluate);
    return report;
  };
  const auto memory_of = [](const Report& report) {
    return *std::find_if(report.sensitivities.begin(), report.sensitivities.end(),
                         [](const Sensitivity& one) { return one.path == "cluster.memory.bandwidth"; });
  };
  const Sensitivity curved = memory_of(at([](double x) { return std::exp(0.5 * x * x); }));
  CHECK(curved.elasticity.value() == Approx(1.0).epsilon(2e-6));
  CHECK(curved.elasticity_error.value() == Approx(1e-3).epsilon(1e-2));
  // Slope -1 below, 0 above: the mean of both, give or take as much.
  const Report kink = at([](double x) { return 1.0 / std::min(x, 1.0); });
  CHECK(memory_of(kink).elasticity.value() == Approx(-0.5).epsilon(1e-3));
  CHECK(memory_of(kink).elasticity_error.value() == Approx(0.5).epsilon(1e-3));
  CHECK(headline_sensitivities(kink).empty());
  // A jump of 1 % on the way up looks like an elasticity of 5 with an error of 5.
  const Report jump = at([](double x) { return x > 1.0005 ? 1.01 : 1.0; });
  CHECK(memory_of(jump).elasticity.value() == Approx(memory_of(jump).elasticity_error.value()).epsilon(1e-3));
  CHECK(headline_sensitivities(jump).empty());
  CHECK(headline_sensitivities(at([](double x) { return 1.0 / x; })).size() == 1);
}

}  // namespace
}  // namespace windtunnel::modeling
