// SPDX-License-Identifier: Apache-2.0
// Serving fleets with failures, from spec text to report.
#include <cmath>

#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"
#include "test/catch.h"
#include "test/modeling/report_values.h"

using namespace windtunnel::modeling;

namespace {

// Replicas crash ten times a day and restart within 5 min, so each is down 1 / 29.8 of the time.
const std::string kFleet = R"(
study: serving
model: {name: llama-2-70b}
cluster: {device: h100-sxm-80gb, num_devices: 192}
serving:
  precision: {weights: fp8, kv_cache: fp8}
  layout: disaggregated
  prefill: {replicas: 10, parallelism: {tensor: 8}}
  decode: {replicas: 14, parallelism: {tensor: 8}}
  engine: vllm
  prefix_cache_hit: 0
traffic:
  arrival_rate: 200 /s
  classes:
    - {name: chat, share: 1.0, prompt_tokens: 1024, output_tokens: {mean: 256, scv: 1.0}}
slo: {ttft_p99: 2 s, tpot_p99: 60 ms}
reliability:
  failure_rates: {software: 10 /d, others: none}
  restart_time: 5 min
  availability_target: 0.999
)";

Report answer(const std::vector<YamlOverride>& overrides = {}) {
  return evaluate(read_spec(YamlDocument::parse(kFleet, "spec.yaml", overrides)), {.detail = Detail::kMeasures});
}

double binomial(double n, double k, double p) {
  return std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
                  (n - k) * std::log1p(-p));
}

double at_least(double n, double k, double p) {
  double sum = 0;
  for (double j = k; j <= n; ++j) sum += binomial(n, j, p);
  return sum;
}

}  // namespace

TEST_CASE("prefill and decode replicas fail independently and both must be enough", "[studies][serving][health]") {
  const Report report = answer();
  const double up = 1 / (1 + 10.0 / 86400 * 300);
  CHECK(entry(report, "replicas_serving", "9 prefill + 13 decode.probability") ==
        Approx(binomial(10, 9, up) * binomial(14, 13, up)).epsilon(1e-9));
  const double prefill = value(report, "prefill_replicas_needed");
  const double decode = value(report, "decode_replicas_needed");
  CHECK(prefill > 1);
  CHECK(prefill <= 10);
  CHECK(decode >= 1);
  CHECK(value(report, "availability_ratio") ==
        Approx(at_least(10, prefill, up) * at_least(14, decode, up)).epsilon(1e-8));
  CHECK(value(report, "outage_per_year_s") ==
        Approx((1 - value(report, "availability_ratio")) * 365.25 * 86400).epsilon(1e-6));
  // With one less than needed the limits do not hold.
  const Report fewer = answer({{"serving.prefill.replicas", std::to_string(static_cast<int>(prefill) - 1)},
                               {"cluster.num_devices", std::to_string(8 * (static_cast<int>(prefill) - 1 + 14))}});
  CHECK((!fewer.failure.empty() || value(fewer, "ttft_p99_s") > 2 || value(fewer, "tpot_p99_s") > 0.06));
  const double for_prefill = value(report, "prefill_replicas_for_target");
  const double for_decode = value(report, "decode_replicas_for_target");
  CHECK(at_least(for_prefill, prefill, up) * at_least(for_decode, decode, up) >= 0.999);
}

TEST_CASE("outages of one pool are outages of the service", "[studies][serving][health]") {
  const Report slow = answer({{"reliability.restart_time", "1 h"}});
  const Report fast = answer();
  CHECK(value(slow, "availability_ratio") < value(fast, "availability_ratio"));
  CHECK(value(slow, "slo_met_with_failures_ratio") < value(fast, "slo_met_with_failures_ratio"));
  CHECK(value(slow, "requests_per_s_with_failures") < value(fast, "requests_per_s_with_failures"));
}
