// SPDX-License-Identifier: Apache-2.0
// Traces: replayed, and as a law whose fit is shown.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"
#include "solvers/arrivals/switched_poisson.h"
#include "test/catch.h"

using namespace windtunnel;
using namespace windtunnel::modeling;

namespace {

/// A trace of bursty arrivals, prompts of 200 to 1000 tokens, geometric outputs.
std::string written_trace(const std::string& name, const solvers::SwitchedPoisson& arrivals, int requests) {
  const std::string file = (std::filesystem::temp_directory_path() / name).string();
  std::ofstream stream(file);
  stream << "arrival_s,prompt_tokens,output_tokens\n";
  solvers::RandomSource random(5);
  solvers::ArrivalSampler next(solvers::arrivals_of(arrivals), random);
  double at_s = 0.0;
  for (int i = 0; i < requests; ++i) {
    at_s += next(random);
    stream << at_s << ',' << 200 + static_cast<int>(800.0 * random.uniform()) << ','
           << 1 + static_cast<int>(150.0 * random.exponential()) << '\n';
  }
  return file;
}

Report answer(const std::string& trace, const std::string& slo) {
  const std::string text =
      "study: serving\ncluster: {device: h100-sxm-80gb, num_devices: 1}\nserving:\n  scheduler: chunked_prefill\n"
      "  service_times: {base: 20 ms, per_sequence: 100 us, per_prompt_token: 20 us}\ntraffic: {trace: " +
      trace + "}\n" + slo;
  return evaluate(read_spec(YamlDocument::parse(text, "spec.yaml", {})), {});
}

double entry(const Report& report, const std::string& group, const std::string& name) {
  INFO(group << "." << name);
  for (const Breakdown& one : report.breakdowns)
    for (const Measure& measure : one.entries)
      if (one.name == group && measure.name == name) {
        REQUIRE(measure.value);
        return *measure.value;
      }
  FAIL("no such entry");
  return 0.0;
}

}  // namespace

TEST_CASE("a trace is replayed, and the law fitted to it answers alike", "[studies][serving][trace]") {
  const solvers::SwitchedPoisson arrivals = solvers::switched_by_dispersion(10.0, 2.0, 8.0);
  const std::string file = written_trace("windtunnel_bursty.csv", arrivals, 40'000);
  const Report report = answer(file, "slo: {ttft_p99: 500 ms, tpot_p99: 80 ms}\n");
  std::remove(file.c_str());
  REQUIRE(report.failure.empty());
  CHECK(entry(report, "trace_fit", "rate_per_s") == Approx(10.0).epsilon(0.03));
  CHECK(entry(report, "trace_fit", "fitted_scv") == Approx(2.0).epsilon(0.15));
  CHECK(entry(report, "trace_fit", "scv") == Approx(2.0).epsilon(0.1));
  CHECK(entry(report, "trace_fit", "interarrival_distance") < 0.05);
  CHECK(entry(report, "trace_fit", "dispersion.100_requests") ==
        Approx(entry(report, "trace_fit", "fitted_dispersion.100_requests")).epsilon(0.2));
  CHECK(std::abs(entry(report, "trace_fit", "prompt_output_correlation")) < 0.03);
  // Uniform prompts are no gamma law; geometric outputs are one.
  CHECK(entry(report, "trace_fit", "prompt_stated_law_distance") > 0.03);
  CHECK(entry(report, "trace_fit", "output_stated_law_distance") < 0.02);
  const auto measured = [&](const char* name) { return find_measure(report, name).value(); };
  CHECK(entry(report, "fitted_load", "batch_mean") == Approx(measured("batch_mean")).epsilon(0.05));
  CHECK(entry(report, "fitted_load", "ttft_p50_s") == Approx(measured("ttft_p50_s")).epsilon(0.05));
  CHECK(entry(report, "fitted_load", "ttft_p99_s") == Approx(measured("ttft_p99_s")).epsilon(0.15));
  CHECK(entry(report, "fitted_load", "tpot_p50_s") == Approx(measured("tpot_p50_s")).epsilon(0.07));
  CHECK(measured("max_arrival_rate_per_s") > 10.0);
}

TEST_CASE("a trace whose rate drifts says that its law does not", "[studies][serving][trace]") {
  const std::string file = (std::filesystem::temp_directory_path() / "windtunnel_drift.csv").string();
  {
    std::ofstream stream(file);
    stream << "arrival_s,prompt_tokens,output_tokens\n";
    // Twice as dense in the second half; long prompts ask for long outputs.
    for (int i = 0; i < 3000; ++i)
      stream << (i < 1000 ? 0.4 * i : 400.0 + 0.2 * (i - 1000)) << ',' << 100 + i % 50 * 10 << ',' << 10 + i % 50
             << '\n';
  }
  const Report report = answer(file, "");
  std::remove(file.c_str());
  REQUIRE(report.failure.empty());
  CHECK(entry(report, "trace_fit", "prompt_output_correlation") == Approx(1.0).epsilon(1e-9));
  CHECK(entry(report, "trace_fit", "busiest_tenth_ratio") == Approx(400.0 / 300.0).epsilon(0.05));
  int told = 0;
  for (const std::string& one : report.warnings) told += one.starts_with("trace_fit: ") ? 1 : 0;
  CHECK(told >= 2);
}
