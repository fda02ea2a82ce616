// SPDX-License-Identifier: Apache-2.0
// The serving study from spec text to report.
#include <algorithm>
#include <cmath>
#include <limits>

#include "modeling/chains/serving/fleet/serving_chain.h"
#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"
#include "modeling/studies/serving/serving.h"
#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

Report answer(const std::string& traffic, const std::string& serving = "", const EvaluateOptions& options = {}) {
  const std::string text =
      "study: serving\ncluster: {device: h100-sxm-80gb, num_devices: 4}\n"
      "serving:\n  replicas: 4\n" +
      serving +
      "  service_times: {base: 20 ms, per_sequence: 100 us, per_prompt_token: 20 us}\n"
      "traffic:\n" +
      traffic + "slo: {ttft_p99: 500 ms, tpot_p99: 50 ms}\n";
  return evaluate(read_spec(YamlDocument::parse(text, "spec.yaml", {})), options);
}

const std::string kChat =
    "  classes: [{name: chat, share: 1, prompt_tokens: 512, output_tokens: {mean: 200, scv: 1}}]\n";
const std::string kTwo =
    "  classes: [{name: chat, share: 0.9, prompt_tokens: 512, output_tokens: {mean: 200, scv: 1}},"
    " {name: long, share: 0.1, prompt_tokens: 512, output_tokens: {mean: 1000, scv: 1}}]\n";

double value(const Report& report, const std::string& name) {
  INFO(name << ", " << report.failure);
  const auto found = find_measure(report, name);
  REQUIRE(found);
  return *found;
}

double entry(const Report& report, const std::string& breakdown, const std::string& name) {
  for (const Breakdown& group : report.breakdowns)
    for (const Measure& one : group.entries)
      if (group.name == breakdown && one.name == name && one.value) return *one.value;
  return std::nan("");
}

bool has_breakdown(const Report& report, const std::string& name) {
  for (const Breakdown& group : report.breakdowns)
    if (group.name == name) return true;
  return false;
}

}  // namespace

TEST_CASE("an open load has every measure, and its largest load keeps the limits", "[studies][serving]") {
  const Report report = answer("  arrival_rate: 20 /s\n" + kChat);
  REQUIRE(report.failure.empty());
  CHECK(value(report, "requests_per_s") == Approx(20));
  CHECK(value(report, "output_tokens_per_s_per_device") == Approx(20 * 200 / 4.0));
  CHECK(value(report, "slo_met_ratio") > 0.99);
  const double most = value(report, "max_arrival_rate_per_s");
  const Report at_most = answer("  arrival_rate: " + std::to_string(0.99 * most) + " /s\n" + kChat);
  CHECK(value(at_most, "tpot_p99_s") <= 0.050);
  CHECK(value(at_most, "ttft_p99_s") <= 0.500);
  const Report beyond = answer("  arrival_rate: " + std::to_string(1.03 * most) + " /s\n" + kChat);
  CHECK((value(beyond, "tpot_p99_s") > 0.050 || value(beyond, "ttft_p99_s") > 0.500));
}

TEST_CASE("turns smooth what each replica gets, the shortest queue does more", "[studies][serving]") {
  const double most = value(answer("  arrival_rate: 20 /s\n" + kChat), "max_arrival_rate_per_s");
  const auto balanced = [&](const std::string& how, const EvaluateOptions& options = {}) {
    return answer("  arrival_rate: " + std::to_string(0.9 * most) + " /s\n" + kChat, "  load_balancer: " + how + "\n",
                  options);
  };
  const Report random = balanced("random");
  const Report turns = balanced("round_robin");
  const Report shortest = balanced("join_shortest_queue");
  CHECK(value(turns, "ttft_p99_s") < value(random, "ttft_p99_s"));
  CHECK(value(shortest, "ttft_p99_s") < value(random, "ttft_p99_s"));
  CHECK(random.warnings.empty());
  const Report shortest_played = balanced("join_shortest_queue", {.simulated_requests = 60'000});
  CHECK(value(shortest, "ttft_p50_s") == Approx(value(shortest_played, "ttft_p50_s")).epsilon(0.08));
  CHECK(value(shortest, "ttft_p99_s") == Approx(value(shortest_played, "ttft_p99_s")).epsilon(0.12));
  CHECK(value(shortest, "tpot_p99_s") == Approx(value(shortest_played, "tpot_p99_s")).epsilon(0.06));
  CHECK(value(shortest, "batch_mean") == Approx(value(shortest_played, "batch_mean")).epsilon(0.02));
  const Report played = balanced("round_robin", {.simulated_requests = 60'000});
  CHECK(value(turns, "ttft_p50_s") == Approx(value(played, "ttft_p50_s")).epsilon(0.05));
  CHECK(value(turns, "ttft_p99_s") == Approx(value(played, "ttft_p99_s")).epsilon(0.10));
  CHECK(value(turns, "tpot_p99_s") == Approx(value(played, "tpot_p99_s")).epsilon(0.03));
  CHECK(value(turns, "batch_mean") == Approx(value(played, "batch_mean")).epsilon(0.02));
}

TEST_CASE("an unstable load says so and still names the largest one", "[studies][serving]") {
  const Report report = answer("  arrival_rate: 5000 /s\n" + kChat);
  CHECK_THAT(report.failure, Catch::Matchers::StartsWith("unstable: arrival_rate 5000 /s, capacity "));
  CHECK(value(report, "max_arrival_rate_per_s") > 0.0);
}

TEST_CASE("classes have measures of their own, and are mixed and split", "[studies][serving]") {
  const Report report = answer("  arrival_rate: 20 /s\n" + kTwo);
  CHECK(value(report, "class.chat.ttft_p99_s") > 0.0);
  CHECK(value(report, "class.long.e2e_p50_s") > value(report, "class.chat.e2e_p50_s"));
  CHECK(value(report, "class.long.slo_met_ratio") <= 1.0);
  CHECK(has_breakdown(report, "mix_or_split"));
}

TEST_CASE("the finding says what priorities buy", "[studies][serving]") {
  // Eight slots at about 80 % of their capacity: requests wait, so short ones gain by coming first.
  const std::string load = "  arrival_rate: 7 /s\n  classes:\n", slots = "  max_batch: 8\n";
  const auto classes = [](const std::string& second) {
    return "    - {name: chat, share: 0.7, prompt_tokens: 512, output_tokens: {mean: 128, scv: 1}}\n"
           "    - {name: long, share: 0.3, prompt_tokens: 512, output_tokens: {mean: 256, scv: 1}" +
           second + "}\n";
  };
  const Report first_come = answer(load + classes(""), slots);
  const Report ordered = answer(load + classes(", priority: 1"), slots);
  CHECK(value(ordered, "class.chat.ttft_p99_s") < 0.7 * value(first_come, "class.chat.ttft_p99_s"));
  CHECK(value(ordered, "class.long.ttft_p99_s") > value(first_come, "class.long.ttft_p99_s"));
  CHECK_THAT(first_come.finding, Catch::Matchers::Contains("priorities take the 99th percentile of the first token"));
  const Report explained = answer(load + classes(", priority: 1"), slots, {.detail = Detail::kDerivation});
  const auto section =
      std::find_if(explained.derivation.begin(), explained.derivation.end(),
                   [](const DerivationSection& one) { return one.title == "Who waits for a slot first"; });
  REQUIRE(section != explained.derivation.end());
  // A header and a row for each class.
  CHECK(section->rows.size() == 3);
  // Each answer shows the other: the same two systems.
  CHECK(entry(first_come, "mix_or_split", "shortest_first.chat.ttft_p99_s") ==
        Approx(value(ordered, "class.chat.ttft_p99_s")));
  CHECK(entry(ordered, "mix_or_split", "first_come.chat.ttft_p99_s") ==
        Approx(value(first_come, "class.chat.ttft_p99_s")));
}

TEST_CASE("what the chains do not cover is simulated, with its uncertainty", "[studies][serving]") {
  const Report report = answer("  arrival_rate: 20 /s\n  requests: 300\n" + kChat);
  REQUIRE(report.failure.empty());
  CHECK(has_breakdown(report, "half_width_95_percent"));
  CHECK(report.warnings.size() == 1);
  CHECK_FALSE(find_measure(report, "max_arrival_rate_per_s"));
}

TEST_CASE("chains and --simulate answer alike", "[studies][serving]") {
  const std::string traffic = "  concurrency: 64\n" + kChat;
  const Report chain = answer(traffic), simulated = answer(traffic, "", {.simulated_requests = 20'000});
  for (const char* name : {"requests_per_s", "batch_mean", "tpot_mean_s", "tpot_p50_s"})
    CHECK(value(chain, name) == Approx(value(simulated, name)).epsilon(0.03));
}

TEST_CASE("prompts that always wait have no waiting time", "[studies][serving]") {
  const Report report = answer("  concurrency: unlimited\n" + kChat, "  max_batch: 32\n");
  CHECK(value(report, "ttft_p50_s") == std::numeric_limits<double>::infinity());
  CHECK(value(report, "batch_mean") > 31.0);
}

TEST_CASE("constant lengths in a closed loop follow a schedule", "[studies][serving]") {
  // One request per replica: 1 prompt iteration of 30.24 ms, then 99 decodes of 20.1 ms.
  const Report report =
      answer("  concurrency: 4\n  classes: [{name: fixed, share: 1, prompt_tokens: 512, output_tokens: 100}]\n");
  CHECK(report.chains.front().method_used == "deterministic walk of the batching rules");
  CHECK(value(report, "requests_per_s") == Approx(4.0 / (0.03024 + 99 * 0.0201)).epsilon(0.01));
  CHECK(report.warnings.empty());
}

TEST_CASE("where chains know no turns the simulation takes them", "[studies][serving]") {
  const Report closed = answer("  concurrency: 64\n" + kChat, "  load_balancer: round_robin\n");
  REQUIRE_FALSE(closed.warnings.empty());
  CHECK_THAT(closed.warnings.front(), ContainsSubstring("taking turns") && ContainsSubstring("event simulation"));
}

TEST_CASE("a closed loop spreads its requests evenly unless the spec says otherwise", "[studies][serving]") {
  CHECK(answer("  concurrency: 64\n" + kChat).warnings.empty());
  const Report uneven = answer("  concurrency: 66\n" + kChat);
  REQUIRE_FALSE(uneven.warnings.empty());
  CHECK_THAT(uneven.warnings.front(), ContainsSubstring("66 requests, which 4 replicas cannot share evenly"));
  const Report random = answer("  concurrency: 64\n" + kChat, "  load_balancer: random\n");
  REQUIRE_FALSE(random.warnings.empty());
  CHECK_THAT(random.warnings.front(), ContainsSubstring("placed at random") && ContainsSubstring("event simulation"));
  CHECK(value(random, "ttft_p99_s") > 0.0);
}

TEST_CASE("a closed loop of so many requests starts empty and ends", "[studies][serving]") {
  const auto measured = [](const std::string& requests) {
    const std::string text =
        "study: serving\nmodel: {name: llama-3.1-8b}\ncluster: {device: h100-sxm-80gb, num_devices: 1}\n"
        "serving: {engine: vllm}\ntraffic:\n  concurrency: 32\n" +
        requests + kChat;
    return evaluate(read_spec(YamlDocument::parse(text, "spec.yaml", {})), {});
  };
  const Report long_run = measured("");
  const Report benchmark = measured("  requests: 320\n");
  // The 32 prompts of the start wait for each other, and the drain leaves slots empty.
  CHECK(value(benchmark, "ttft_mean_s") > 1.1 * value(long_run, "ttft_mean_s"));
  CHECK(value(benchmark, "batch_mean") < value(long_run, "batch_mean"));
  CHECK(has_breakdown(benchmark, "half_width_95_percent"));
}

TEST_CASE("a burst of requests at once has waiting times", "[studies][serving]") {
  const Report report = answer("  concurrency: unlimited\n  requests: 400\n" + kChat, "  max_batch: 32\n");
  CHECK(std::isfinite(value(report, "ttft_p99_s")));
  CHECK(value(report, "ttft_p99_s") > value(report, "ttft_p50_s"));
}

namespace {

std::string wrong(const std::string& blocks) {
  const std::string text =
      "study: serving\ncluster: {device: h100-sxm-80gb, num_devices: 4}\n"
      "serving: {replicas: 4, service_times: {base: 20 ms}}\n"
      "traffic: {arrival_rate: 20 /s, classes: [{prompt_tokens: 512, output_tokens: 200}]}\n" +
      blocks;
  try {
    read_spec(YamlDocument::parse(text, "spec.yaml", {}));
  } catch (const SpecError& error) {
    return error.what();
  }
  return "read";
}

}  // namespace

TEST_CASE("a stretch of time has measures, a series and a sentence", "[studies][serving]") {
  const auto over_time = [](const std::string& serving, const std::string& transient,
                            const EvaluateOptions& options = {}) {
    const std::string text =
        "study: serving\ncluster: {device: h100-sxm-80gb, num_devices: 4}\nserving:\n  replicas: 4\n" + serving +
        "  service_times: {base: 20 ms, per_sequence: 100 us, per_prompt_token: 20 us}\n"
        "traffic:\n  arrival_rate: 40 /s\n" +
        kTwo + "slo: {ttft_p99: 500 ms, tpot_p99: 80 ms}\ntransient:\n" + transient;
    return evaluate(read_spec(YamlDocument::parse(text, "spec.yaml", {})), options);
  };
  const std::string failure = "  horizon: 4 min\n  replica_failure: {at: 1 min, duration: 1 min, replicas: 2}\n";
  const Report lost = over_time("", failure);
  REQUIRE(lost.failure.empty());
  CHECK(value(lost, "transient.replicas_mean") == Approx(3.5));
  CHECK(value(lost, "transient.ttft_p99_peak_s") > 2.0 * value(lost, "ttft_p99_s"));
  CHECK(value(lost, "transient.slo_met_ratio") < value(lost, "slo_met_ratio"));
  CHECK(value(lost, "transient.recovery_time_s") > 0.0);
  CHECK(value(lost, "class.chat.transient.slo_met_ratio") > 0.0);
  REQUIRE(lost.series);
  CHECK(lost.series->rows.size() == 120);
  CHECK(lost.series->columns.front() == "time_s");
  for (const auto& row : lost.series->rows) CHECK(row.size() == lost.series->columns.size());
  CHECK_THAT(lost.finding, ContainsSubstring("over 4 min"));
  const Report played = over_time("", failure, {.simulated_requests = 100'000});
  CHECK(value(lost, "transient.slo_met_ratio") == Approx(value(played, "transient.slo_met_ratio")).margin(0.06));
  const std::string scaling = "  autoscaling: {min_replicas: 2, requests_per_replica: 60, start_time: 1 min}\n";
  const Report burst = over_time(scaling, "  horizon: 5 min\n  burst: {at: 1 min, duration: 1 min, factor: 2}\n");
  CHECK_THAT(burst.warnings.back(), ContainsSubstring("event simulation"));
  const Report day =
      over_time(scaling, "  load_curve: {period: 3 h, points: [{at: 0 s, factor: 0.2}, {at: 1 h, factor: 1}]}\n");
  CHECK(value(day, "transient.replicas_mean") < 4.0);
  CHECK(value(day, "transient.replicas_peak") == Approx(4.0));
}

TEST_CASE("a changing load has Poisson arrivals", "[studies][serving]") {
  const std::string text =
      "study: serving\ncluster: {device: h100-sxm-80gb, num_devices: 1}\n"
      "serving: {service_times: {base: 20 ms}}\n"
      "traffic: {arrival_rate: 2 /s, arrival_scv: 2, classes: [{prompt_tokens: 512, output_tokens: 200}]}\n"
      "transient: {horizon: 1 min}\n";
  CHECK_THROWS_WITH(read_spec(YamlDocument::parse(text, "spec.yaml", {})),
                    "spec.yaml:5:12: found 'transient' beside an arrival_scv of 2, expected 1: Poisson arrivals whose "
                    "rate changes");
}

TEST_CASE("a stretch of time that cannot be says why", "[studies][serving]") {
  CHECK(wrong("transient: {burst: {duration: 1 s, factor: 2}}\n") == "spec.yaml:5:12: missing key 'horizon'");
  CHECK(wrong("transient: {horizon: 10 s, burst: {at: 9 s, duration: 2 s, factor: 2}}\n") ==
        "spec.yaml:5:35: 'burst' ends at 11 s, expected an end within the horizon of 10 s");
  CHECK(wrong("transient: {load_curve: {period: 1 h, points: [{at: 2 h, factor: 1}]}}\n") ==
        "spec.yaml:5:53: found a point at 2 h, expected one before the end of the period of 1 h");
  CHECK(wrong("transient: {load_curve: {period: 1 h, points: []}}\n") ==
        "spec.yaml:5:47: found an empty list, expected at least one point");
  CHECK(wrong("transient: {load_curve: {period: 1 h, points: [{at: 0 s, factor: 0}]}}\n") ==
        "spec.yaml:5:47: found no factor above 0");
  CHECK_THAT(wrong("transient: {horizon: 1 h, replica_failure: {duration: 1 s, replicas: 5}}\n"),
             ContainsSubstring("spec.yaml:5:70"));
}

TEST_CASE("percentiles of the chains come with their errors", "[studies][serving]") {
  const Report report = answer("  arrival_rate: 20 /s\n" + kChat);
  for (const char* name : {"ttft_p50_s", "ttft_p99_s", "tpot_p99_s", "e2e_p90_s"}) {
    CHECK(entry(report, "error_estimate", name) > 0.0);
    CHECK(entry(report, "error_estimate", name) < 0.05 * value(report, name));
  }
  CHECK(entry(report, "model_error_ratio", "ttft_p99_ratio") == 0.10);
  const Report unequal = answer(
      "  arrival_rate: 20 /s\n"
      "  classes: [{name: chat, prompt_tokens: {mean: 512, scv: 1}, output_tokens: {mean: 200, scv: 1}}]\n");
  CHECK(entry(unequal, "model_error_ratio", "ttft_p99_ratio") == 0.20);
  // A simulation has intervals instead.
  const Report simulated = answer("  arrival_rate: 20 /s\n" + kChat, "", {.simulated_requests = 2000});
  CHECK_FALSE(has_breakdown(simulated, "error_estimate"));
  CHECK_FALSE(has_breakdown(simulated, "model_error_ratio"));
  // Prompts that always wait have no first token in time.
  const Report unlimited = answer("  concurrency: unlimited\n" + kChat);
  CHECK(std::isnan(entry(unlimited, "error_estimate", "ttft_p99_s")));
}

namespace {

PlacedServing placed_system(double load, const TokenCount& prompt, const TokenCount& output, Count max_batch) {
  PlacedServing placed;
  placed.system.classes = {{"all", 1.0, TokenLaw(prompt), TokenLaw(output)}};
  placed.system.pool.time.iteration_s = [](const IterationLoad& one) {
    return 0.020 + 100e-6 * one.decoding_sequences + 20e-6 * one.prompt_tokens;
  };
  placed.system.pool.rules.max_batch = max_batch;
  placed.system.arrivals.rate_per_s = load * serving_capacity_per_s(placed.system);
  return placed;
}

/// Percentiles whose change on a finer grid is within the bound, and all.
struct Held {
  int within = 0;
  int all = 0;
};

void count_held(const ServingSystem& system, double finer, Held& held) {
  const ServingAnswer usual = solve_serving(system, {}), fine = solve_serving(system, {}, finer);
  const Breakdown bounds = percentile_error_estimates(system, {}, usual);
  const ClassAnswer &one = usual.classes.front(), &other = fine.classes.front();
  std::size_t index = 0;
  for (const auto latency : {&ClassAnswer::ttft, &ClassAnswer::tpot, &ClassAnswer::e2e}) {
    for (const auto percentile : {&LatencyNumbers::p50_s, &LatencyNumbers::p90_s, &LatencyNumbers::p99_s}) {
      const double change = std::abs((one.*latency).*percentile - (other.*latency).*percentile);
      held.within += change <= *bounds.entries[index++].value ? 1 : 0;
      ++held.all;
    }
  }
}

}  // namespace

TEST_CASE("error bounds hold against grids four times finer", "[studies][serving]") {
  // An estimate: where a percentile stands at the edge of a stretch without probability it may miss.
  Held held;
  for (const double load : {0.3, 0.7, 0.9})
    for (const double scv : {0.0, 1.0, 4.0})
      for (const Count max_batch : {32, 256})
        count_held(placed_system(load, {1024, 0}, {256, scv}, max_batch).system, 4.0, held);
  for (const double load : {0.3, 0.7}) count_held(placed_system(load, {1024, 1}, {256, 1}, 256).system, 2.0, held);
  ServingSystem closed = placed_system(0.5, {1024, 0}, {256, 1}, 256).system;
  closed.arrivals = {.kind = ArrivalLaw::Kind::kClosed, .concurrency = 128};
  count_held(closed, 4.0, held);
  CHECK(held.all == 189);
  CHECK(held.within >= 185);
}
