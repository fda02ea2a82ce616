// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/what_if/sweep.h"

#include <cmath>

#include "modeling/spec/spec_error.h"
#include "test/catch.h"

namespace windtunnel::modeling {
namespace {

using Texts = std::vector<std::string>;

Texts values(const std::string& text) {
  return parse_sweep_axis("a.b=" + text).values;
}

std::string axis_mistake(const std::string& text) {
  try {
    parse_sweep_axis(text);
  } catch (const AxisError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("A list keeps its values as typed, brackets and quotes whole", "[sweep]") {
  CHECK(parse_sweep_axis("training.micro_batch=1,2, 4").path == "training.micro_batch");
  CHECK(values("1,2, 4") == Texts{"1", "2", "4"});
  CHECK(values("{mean: 10, scv: 1},[1,2],\"a,b\"") == Texts{"{mean: 10, scv: 1}", "[1,2]", "\"a,b\""});
  CHECK(values("h100-sxm-80gb,h200-sxm-141gb") == Texts{"h100-sxm-80gb", "h200-sxm-141gb"});
  CHECK(values("llama-3.1..x") == Texts{"llama-3.1..x"});
}

TEST_CASE("A range includes its end when a step meets it", "[sweep]") {
  CHECK(values("1..4") == Texts{"1", "2", "3", "4"});
  CHECK(values("0..1:0.25") == Texts{"0", "0.25", "0.5", "0.75", "1"});
  // 0.1 + 0.2 is not 0.3 in binary; the text is.
  CHECK(values("0.1..0.35:0.1") == Texts{"0.1", "0.2", "0.3"});
  CHECK(values("8..2:-3") == Texts{"8", "5", "2"});
  CHECK(values("5..5:1") == Texts{"5"});
  CHECK(values("1,2..3,10") == Texts{"1", "2", "3", "10"});
}

TEST_CASE("One unit is enough, and several of one dimension are converted", "[sweep]") {
  CHECK(values("100..300:100 Gb/s") == Texts{"100 Gb/s", "200 Gb/s", "300 Gb/s"});
  CHECK(values("100 Gb/s..1 Tb/s:450 Gb/s") == Texts{"100 Gb/s", "550 Gb/s", "1000 Gb/s"});
  CHECK(values("log(1 us..100 us:3)") == Texts{"1 us", "10 us", "100 us"});
  CHECK(values("log(1..100:3) /s") == Texts{"1 /s", "10 /s", "100 /s"});
  CHECK(values("450,900 GB/s") == Texts{"450 GB/s", "900 GB/s"});
  CHECK(values("1,unlimited,h100-sxm-80gb") == Texts{"1", "unlimited", "h100-sxm-80gb"});
  CHECK(values("1e3..2e3:1e3") == Texts{"1000", "2000"});
}

TEST_CASE("A logarithmic range has equal ratios and both ends", "[sweep]") {
  const Texts five = values("log(2..32:5)");
  CHECK(five == Texts{"2", "4", "8", "16", "32"});
  const Texts three = values("log(1..10:3)");
  CHECK(std::stod(three[1]) == Approx(std::sqrt(10.0)).epsilon(1e-11));
}

TEST_CASE("A range that makes no sense says so", "[sweep]") {
  CHECK(axis_mistake("micro_batch") ==
        "found 'micro_batch', expected path.to.key=VALUES with VALUES like 1,2,4 or lo..hi:step or log(lo..hi:n)");
  CHECK(axis_mistake("a=1..4:0") == "step 0 of '1..4:0' never arrives");
  CHECK(axis_mistake("a=1..4:-1") == "step -1 of '1..4:-1' never arrives");
  CHECK(axis_mistake("a=log(0..4:3)") == "'log(0..4:3)' needs ends above 0");
  CHECK(axis_mistake("a=log(1..4)") == "'log(1..4)' needs a number of values of 2 or more, expected log(lo..hi:n)");
  CHECK(axis_mistake("a=1 GB..2 s:1") == "units 's' and 'GB' in '1 GB..2 s:1' do not go together");
  CHECK(axis_mistake("a=1,,2") == "an empty value between commas");
  CHECK(axis_mistake("a=1..1e9:1").find("has more than 1000000 values") != std::string::npos);
}

constexpr const char* kSpec = R"(study: availability
cluster: {device: h100-sxm-80gb, num_devices: 8}
reliability: {horizon: 1 d}
)";

/// The number of devices, and no answer above 16.
Report count_devices(const Spec& spec, Detail) {
  Report report{.study = "availability"};
  if (spec.cluster.num_devices > 16) report.failure = "too many devices, more than 16";
  const auto devices = static_cast<double>(spec.cluster.num_devices);
  report.measures = {{"job_mttf_s", report.failure.empty() ? std::optional(devices) : std::nullopt}};
  return report;
}

SweepPlan plan(const Texts& axes) {
  std::vector<SweepAxis> parsed;
  for (const std::string& axis : axes) parsed.push_back(parse_sweep_axis(axis));
  return {YamlDocument::parse(kSpec, "a.yaml"), parsed};
}

TEST_CASE("Every point has its row, in order, with its reason when it has no answer", "[sweep]") {
  const SweepPlan points = plan({"cluster.num_devices=8,32,0", "reliability.horizon=1 d,2 d"});
  REQUIRE(points.size() == 6);
  CHECK(points.inputs(1) == Texts{"8", "2 d"});
  for (const int jobs : {1, 3}) {
    const std::vector<SweepRow> rows = run_sweep(points, count_devices, {.jobs = jobs});
    CHECK(rows[0].ok);
    CHECK(rows[0].values.front() == 8.0);
    CHECK_FALSE(rows[2].ok);
    CHECK_FALSE(rows[2].bad_input);
    CHECK(rows[2].status == "too many devices, more than 16");
    CHECK(rows[4].bad_input);
    CHECK(rows[4].status == "found '0', expected a whole number from 1 to 100000000");
    const std::string csv = sweep_csv(points, rows);
    CHECK(csv.starts_with("cluster.num_devices,reliability.horizon,job_mttf_s,failures_expected,"));
    CHECK(csv.find("\n8,1 d,8,NA,") != std::string::npos);
    CHECK(csv.find(",\"too many devices, more than 16\"\n") != std::string::npos);
    CHECK(csv.substr(0, csv.find('\n')).ends_with(",status"));
  }
}

TEST_CASE("Known rows are not computed again", "[sweep]") {
  const SweepPlan points = plan({"cluster.num_devices=1..4"});
  std::vector<std::optional<SweepRow>> known(4);
  known[2] = run_sweep(points, count_devices)[0];
  int computed = 0;
  const auto rows =
      run_sweep(points, count_devices, {.jobs = 1, .on_row = [&](std::size_t, const SweepRow&) { ++computed; }},
                std::move(known));
  CHECK(computed == 3);
  CHECK(rows[2].values.front() == 1.0);
}

TEST_CASE("A value that is no YAML stands at its axis", "[sweep]") {
  CHECK_THROWS_WITH(plan({"cluster.num_devices=[1"}), Catch::Matchers::StartsWith("--vary cluster.num_devices:1:"));
}

}  // namespace
}  // namespace windtunnel::modeling
