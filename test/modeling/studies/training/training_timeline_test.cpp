// SPDX-License-Identifier: Apache-2.0
// The timeline of a step: bars of one track follow each other, every rank ends with the mean step.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"
#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

Report answer(const std::string& schedule, int virtual_stages) {
  const std::string text = R"(
study: training
model: {name: llama-3.1-8b}
cluster: {device: h100-sxm-80gb, num_devices: 64, software: megatron-2024}
training:
  sequence_length: 4096
  global_batch: 64
  schedule: )" + schedule + R"(
  parallelism: {tensor: 2, pipeline: 4, data: 8, virtual_stages: )" +
                           std::to_string(virtual_stages) + "}\n";
  return evaluate(read_spec(YamlDocument::parse(text, "spec.yaml", {})), {.timeline = true});
}

}  // namespace

TEST_CASE("a timeline is monotone on every track and as long as the step", "[studies][timeline]") {
  const bool interleaved = GENERATE(false, true);
  const Report report = answer(interleaved ? "interleaved" : "1f1b", interleaved ? 2 : 1);
  REQUIRE(report.timeline);
  const Timeline& timeline = *report.timeline;
  CHECK(timeline.total_s == Approx(*find_measure(report, "step_time_mean_s")));
  std::map<int, double> end;
  std::map<int, int> forwards;
  double last = 0.0;
  for (const TimelineSpan& span : timeline.spans) {
    CHECK(span.start_s >= end[span.track] - 1e-12);
    CHECK(span.duration_s > 0.0);
    end[span.track] = span.start_s + span.duration_s;
    last = std::max(last, end[span.track]);
    if (span.category == "forward") ++forwards[span.track];
  }
  CHECK(last == Approx(timeline.total_s).epsilon(1e-12));
  // Four ranks, 8 micro-batches each, once per virtual stage; all end together.
  REQUIRE(forwards.size() == 4);
  for (const auto& [track, count] : forwards) {
    CHECK(count == (interleaved ? 16 : 8));
    CHECK(end[track] == Approx(timeline.total_s).epsilon(1e-12));
  }
}

TEST_CASE("schedules with a published bubble show work and bubble", "[studies][timeline]") {
  const Report report = answer("zero_bubble", 1);
  REQUIRE(report.timeline);
  const auto is = [](const char* name) { return [=](const TimelineSpan& span) { return span.name == name; }; };
  const auto& spans = report.timeline->spans;
  CHECK(std::count_if(spans.begin(), spans.end(), is("forward and backward")) == 4);
  CHECK(std::count_if(spans.begin(), spans.end(), is("bubble")) == 4);
}

TEST_CASE("the trace file has the fields that viewers read", "[report][timeline]") {
  const Timeline timeline{
      .title = "t",
      .tracks = {{"ranks", "rank 0"}, {"traffic", "wire"}},
      .spans = {{0, "F0", "forward", 0.001, 0.002, {{"micro_batch", 0.0}}}, {1, "x", "c", 0.0, 0.5, {}}},
      .total_s = 0.5};
  const auto json = nlohmann::json::parse(chrome_trace(timeline));
  CHECK(json["displayTimeUnit"] == "ms");
  const auto& events = json["traceEvents"];
  REQUIRE(events.size() == 2 * 2 + 2 * 2 + 2);
  const auto& first = events[8];
  CHECK(first["ph"] == "X");
  CHECK(first["ts"] == Approx(1000.0));
  CHECK(first["dur"] == Approx(2000.0));
  CHECK(first["pid"] == 1);
  CHECK(first["tid"] == 1);
  CHECK(first["args"]["micro_batch"] == 0.0);
  CHECK(events[9]["pid"] == 2);
}
