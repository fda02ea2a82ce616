// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/json_report.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "modeling/report/required_measures.h"
#include "test/catch.h"
#include "test/modeling/report/sample_report.h"

namespace windtunnel::modeling {
namespace {

nlohmann::json parsed(const Report& report) {
  return nlohmann::json::parse(json_report(report, "1.2.3"));
}

TEST_CASE("A report is one line of JSON with the keys of the contract in order", "[report][json]") {
  const std::string text = json_report(sample_report(), "1.2.3");
  CHECK(text.find('\n') == text.size() - 1);
  CHECK(text.substr(0, 62) == R"({"windtunnel":"1.2.3","spec":"job.yaml","study":"training","ti)");
  const nlohmann::json root = nlohmann::json::parse(text);
  for (const char* key : {"measures", "breakdown", "chains", "assumptions", "warnings", "failure"}) {
    CHECK(root.contains(key));
  }
  CHECK(root["failure"].is_null());
  CHECK(root["warnings"] == nlohmann::json({"one thing to know"}));
}

TEST_CASE("Numbers survive the round trip, infinity is \"inf\", unknown is null", "[report][json]") {
  const nlohmann::json measures = parsed(sample_report())["measures"];
  CHECK(measures["step_time_mean_s"].get<double>() == 0.1);
  CHECK(measures["job_mttf_s"].is_null());
  CHECK(measures["spare_s"] == "inf");

  Report odd;
  odd.measures = {{"nan", NAN}, {"third", 1.0 / 3.0}, {"below", -INFINITY}, {"tiny", 5e-324}};
  const nlohmann::json numbers = parsed(odd)["measures"];
  CHECK(numbers["nan"].is_null());
  CHECK(numbers["third"].get<double>() == 1.0 / 3.0);
  CHECK(numbers["below"] == "-inf");
  CHECK(numbers["tiny"].get<double>() == 5e-324);
}

TEST_CASE("The breakdown is an object of groups whose activities sum to 1", "[report][json]") {
  const nlohmann::json breakdown = parsed(sample_report())["breakdown"];
  double sum = 0.0;
  for (const auto& share : breakdown["activity"]) sum += share.get<double>();
  CHECK(sum == 1.0);
  CHECK(breakdown["memory_bytes"]["weights"].get<double>() == 3e9);
}

TEST_CASE("A chain says what was asked, what was used and how good it is", "[report][json]") {
  const nlohmann::json chain = parsed(sample_report())["chains"][0];
  CHECK(chain["name"] == "device");
  CHECK(chain["states"] == 3);
  CHECK(chain["transitions"] == 4);
  CHECK(chain["method_requested"] == "automatic");
  CHECK(chain["method_used"] == "gth");
  CHECK(chain["residual"].get<double>() == 3e-17);
  CHECK(chain["error_bound"].get<double>() == 2e-14);
  CHECK(chain["lost_probability"].get<double>() == 0.0);
}

TEST_CASE("Any bytes in a file name still give valid UTF-8", "[report][json]") {
  Report report = sample_report();
  report.spec_file = "a\"b\n\xFF.yaml";
  CHECK(parsed(report)["spec"].get<std::string>() == "a\"b\n\xEF\xBF\xBD.yaml");
}

TEST_CASE("A failed answer keeps every required measure, as null", "[report][json]") {
  Report report;
  report.study = GENERATE("training", "serving", "availability");
  report.failure = "does not fit";
  add_unknown_measures(report);
  const nlohmann::json root = parsed(report);
  const std::vector<std::string> required = required_measures(report.study);
  REQUIRE(required.size() >= 9);
  CHECK(root["measures"].size() == required.size());
  for (const std::string& name : required) CHECK(root["measures"][name].is_null());
  CHECK(root["failure"] == "does not fit");
}

TEST_CASE("A measure that is known stays known", "[report]") {
  Report report = sample_report();
  add_unknown_measures(report);
  CHECK(find_measure(report, "step_time_mean_s") == 0.1);
  CHECK_FALSE(find_measure(report, "step_time_p99_s").has_value());
  CHECK(parsed(report)["measures"].contains("step_time_p99_s"));
}

}  // namespace
}  // namespace windtunnel::modeling
