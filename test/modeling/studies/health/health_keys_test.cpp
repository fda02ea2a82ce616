// SPDX-License-Identifier: Apache-2.0
// Every key of the reliability block moves the answer the way its formula says.
#include <fmt/format.h>

#include <cmath>

#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"
#include "modeling/spec/spec_error.h"
#include "test/catch.h"
#include "test/modeling/report_values.h"

using namespace windtunnel::modeling;

namespace {

// 128 nodes that fail every 40 d: a stop every 7.5 h.
const std::string kJob = R"(
study: availability
cluster: {device: h100-sxm-80gb, num_devices: 1024}
reliability:
  horizon: 60 d
  failure_rates: {node: 0.025 /d, software: 0.5 /d}
  repair_time: {mean: 1 d, scv: 1}
  spares: {nodes: 30, kind: cold}
  checkpoint: {interval: 20 min, blocking: 10 s}
  restart_time: 5 min
)";

Report answer(const std::vector<YamlOverride>& overrides = {}) {
  return evaluate(read_spec(YamlDocument::parse(kJob, "spec.yaml", overrides)));
}

constexpr double kRate = 3.7 / 86400;  // 128 x 0.025 + 0.5 a day

}  // namespace

TEST_CASE("recovery classes divide the stops by cause and share", "[studies][health]") {
  const Report report =
      answer({{"reliability.recovery",
               "{detect_time: 20 s, classes: ["
               "{name: process, causes: [software], restart_time: 30 s},"
               "{name: swap, causes: [node], share: 0.75, localize_time: 2 min, restart_time: 4 min}]}"}});
  // Software 0.5 of 3.7; of the nodes' 3.2 three quarters swap, the rest takes restart_time without localizing.
  const double available = value(report, "availability_ratio");
  CHECK(entry(report, "time", "detect") == Approx(available * kRate * 20).epsilon(0.02));
  CHECK(entry(report, "time", "localize") == Approx(available * 3.2 * 0.75 / 86400 * 120).epsilon(0.02));
  CHECK(entry(report, "time", "restart") ==
        Approx(available * (0.5 * 30 + 3.2 * 0.75 * 240 + 3.2 * 0.25 * 300) / 86400).epsilon(0.03));
}

TEST_CASE("copies in memory spare work that storage would lose", "[studies][health]") {
  const Report storage = answer();
  const Report both = answer({{"reliability.checkpoint.memory", "{interval: 1 min, blocking: 0 s, copies: 2}"}});
  // A node's copies live elsewhere: all stops are restored from memory, and half a minute is lost to each.
  CHECK(entry(storage, "time", "rework") == Approx(kRate * 605).epsilon(0.05));
  CHECK(entry(both, "time", "rework") == Approx(kRate * 30).epsilon(0.1));
  // With one copy a lost node takes its state along: only software's stops are restored.
  const Report one = answer({{"reliability.checkpoint.memory", "{interval: 1 min, blocking: 0 s, copies: 1}"}});
  CHECK(entry(one, "time", "rework") > 0.8 * entry(storage, "time", "rework"));
}

TEST_CASE("asynchronous checkpoints lose the time until they can be restored", "[studies][health]") {
  const double lost = entry(answer({{"reliability.checkpoint.write_time", "5 min"}}), "time", "rework") -
                      entry(answer(), "time", "rework");
  CHECK(lost == Approx(kRate * 300).epsilon(0.05));
}

TEST_CASE("planned maintenance takes its share of the running time", "[studies][health]") {
  const Report report = answer({{"reliability.maintenance", "{every: 10 d, duration: 5 h}"}});
  CHECK(entry(report, "time", "maintenance") == Approx(5.0 / 240).epsilon(0.06));
}

TEST_CASE("early life, bad nodes and wear-out change the rates as their formulas say", "[studies][health]") {
  const double nodes = 3.2, software = 0.5;
  const Report early = answer({{"reliability.early_life", "{factor: 3, duration: 20 d}"}});
  const double factor = 1 + 2 * 20.0 * (1 - std::exp(-3.0)) / 60;
  CHECK(value(early, "job_mttf_s") == Approx(86400 / (nodes * factor + software)).epsilon(1e-9));
  const Report bad = answer({{"reliability.bad_nodes", "{share: 0.02, factor: 11}"}});
  // 0.98 + 0.02 x 11 = 1.2: the 2 % fail for 0.22 / 1.2 of the stops, and without them nodes fail at 1 / 1.2.
  CHECK(entry(bad, "bad_nodes", "share_of_node_failures_ratio") == Approx(0.22 / 1.2).epsilon(1e-12));
  CHECK(entry(bad, "bad_nodes", "job_mttf_without_them_s") == Approx(86400 / (nodes / 1.2 + software)).epsilon(1e-9));
  CHECK(value(bad, "job_mttf_s") == Approx(86400 / (nodes + software)).epsilon(1e-12));
  const Report old = answer({{"reliability.wear_out", "{shape: 2, scale: 1000 d, age: 470 d}"}});
  // ((530/1000)^2 - (470/1000)^2) / 60 d = 1e-3 a day and node.
  CHECK(value(old, "job_mttf_s") == Approx(86400 / (nodes + software + 0.128)).epsilon(1e-9));
}

TEST_CASE("spares follow early life and wear-out over the horizon", "[studies][health]") {
  // All the early failures come in the first weeks, so shortages are likelier than at the mean rate, which is what a
  // factor of the same mean gives.
  const double factor = 1 + 4 * 5.0 * (1 - std::exp(-12.0)) / 60;
  const std::vector<YamlOverride> scarce = {{"reliability.spares.nodes", "12"}};
  const auto with = [&](const std::string& key, const std::string& text) {
    std::vector<YamlOverride> all = scarce;
    all.push_back({"reliability." + key, text});
    return answer(all);
  };
  const Report early = with("early_life", "{factor: 5, duration: 5 d}");
  const Report even = with("failure_rates.node", fmt::format("{} /d", 0.025 * factor));
  CHECK(value(early, "spares_exhaustion_probability") > 2 * value(even, "spares_exhaustion_probability"));
  CHECK(value(early, "spares_for_mission_99_percent") > value(even, "spares_for_mission_99_percent"));
  // A course that does not change is none: shape 1 is the exponential law.
  const Report worn = with("wear_out", "{shape: 1, scale: 100 d}");
  const Report more = with("failure_rates.node", "0.035 /d");
  CHECK(value(worn, "spares_exhaustion_probability") ==
        Approx(value(more, "spares_exhaustion_probability")).epsilon(1e-6));
}

TEST_CASE("a node that is new after repair wears out at the rate of its life", "[studies][health]") {
  // Over many lives the renewal function grows by 1 per mean life; Gamma(1.5) x 10 d = 8.862 d.
  const Report renewed = answer(
      {{"reliability.wear_out", "{shape: 2, scale: 10 d, after_repair: as_new}"}, {"reliability.horizon", "900 d"}});
  const Report old = answer({{"reliability.wear_out", "{shape: 2, scale: 10 d}"}, {"reliability.horizon", "900 d"}});
  const auto worn = [](const Report& report) { return 86400 / value(report, "job_mttf_s") - 3.7; };
  CHECK(worn(renewed) == Approx(128 / 8.862).epsilon(0.01));
  CHECK(worn(old) == Approx(128 * 900 / 100.0).epsilon(1e-9));
}

TEST_CASE("groups of nodes are whole with (1 - p)^d and queues enter the first-order ratio", "[studies][health]") {
  const Report report = answer({{"reliability.domains", "[{name: rack, nodes: 8, rate: 1e-9 /h, repair_time: 1 h}]"}});
  const double p = 0.025 / 1.025;
  CHECK(entry(report, "whole_probability", "node") == Approx(1 - p).epsilon(1e-9));
  CHECK(entry(report, "whole_probability", "rack") == Approx(std::pow(1 - p, 8)).epsilon(1e-9));
  const Report scarce = answer({{"reliability.spares.nodes", "4"}});
  CHECK(entry(scarce, "ettr_by_definition", "first_order_with_queue") ==
        Approx(entry(scarce, "ettr_by_definition", "first_order") * (1 - entry(scarce, "time", "waiting_for_nodes"))));
  CHECK(entry(scarce, "time", "waiting_for_nodes") > 0.05);
  CHECK(entry(scarce, "ettr_by_definition", "first_order_with_queue") ==
        Approx(value(scarce, "ettr_ratio")).epsilon(0.02));
}

TEST_CASE("cost and energy of a horizon", "[studies][health]") {
  const Report report = answer({{"reliability.price_per_device_hour", "2"}, {"reliability.power_per_device", "1 kW"}});
  const double cost = 2.0 * 1024 * 60 * 24 * (1 + 30.0 / 128);
  CHECK(value(report, "cost_mean") == Approx(cost));
  CHECK(value(report, "cost_lost_mean") == Approx(cost * (1 - value(report, "ettr_ratio"))));
  CHECK(value(report, "energy_mean_j") == Approx(1e3 * 1024 * 60 * 86400.0));
}

TEST_CASE("bursty stops leave more work done between them", "[studies][health]") {
  const Report bursty = answer({{"reliability.failure_scv", "4.8"}});
  CHECK(value(bursty, "job_mttf_s") == Approx(1 / kRate).epsilon(1e-12));
  CHECK(entry(bursty, "time", "rework") < entry(answer(), "time", "rework"));
  CHECK(value(bursty, "failure_probability") < 1.0);
  CHECK(answer({{"reliability.failure_scv", "4.8"}, {"reliability.checkpoint.memory", "{interval: 1 min}"}}).failure ==
        "checkpoints in memory are modelled with exponential failures only; leave failure_scv at 1");
}

TEST_CASE("foreseen failures lose no work", "[studies][health]") {
  const Report half = answer({{"reliability.prediction_recall", "0.5"}});
  CHECK(entry(half, "time", "rework") == Approx(0.5 * entry(answer(), "time", "rework")).epsilon(0.02));
}

TEST_CASE("several link planes slow the job instead of stopping it", "[studies][health]") {
  const auto stops = [](const std::string& planes) {
    return value(answer({{"reliability.failure_rates", "null"}, {"reliability.link_planes", planes}}), "job_mttf_s");
  };
  // At 1,024 devices links, optics and switches make 4.2 % of the profile's stops, 8.3e-4 of 0.0195 an hour.
  CHECK(stops("2") == Approx(1.0443 * stops("1")).epsilon(0.001));
  const auto drained = answer({{"reliability.failure_rates", "null"}, {"reliability.fail_slow", "drain"}});
  CHECK(entry(drained, "failures_expected", "drain, gpu throttled") == Approx(1024 * 2.8e-7 * 24 * 60).epsilon(0.01));
}

TEST_CASE("one more crew is worth something when crews are short", "[studies][health]") {
  const Report report = answer({{"reliability.repair_crews", "4"}, {"reliability.spares.nodes", "6"}});
  CHECK(entry(report, "goodput_gain", "one_more_crew") > 0.001);
  CHECK(entry(report, "goodput_gain", "one_more_spare") > 0.0);
}

TEST_CASE("elasticities are what a change of one percent does", "[studies][health]") {
  const Report report = answer();
  const Report slower = answer({{"reliability.restart_time", "303 s"}});
  const double measured = std::log(value(slower, "ettr_ratio") / value(report, "ettr_ratio")) / std::log(1.01);
  CHECK(entry(report, "goodput_elasticity", "restart_time") == Approx(measured).epsilon(0.01));
  const Report more = answer({{"reliability.failure_rates.software", "0.505 /d"}});
  CHECK(entry(report, "goodput_elasticity", "failure_rate.software") ==
        Approx(std::log(value(more, "ettr_ratio") / value(report, "ettr_ratio")) / std::log(1.01)).epsilon(0.02));
}

TEST_CASE("a job without stated spares is told so", "[studies][health]") {
  const Report report = answer({{"reliability.spares", "null"}});
  REQUIRE(report.warnings.size() == 1);
  CHECK(
      report.warnings.front() ==
      "no spares are stated, so after every failure of a node the job waits for its repair; state reliability.spares");
}

TEST_CASE("wrong causes and mixed durations are located", "[studies][health]") {
  CHECK_THROWS_WITH(answer({{"reliability.recovery", "{classes: [{name: a, causes: [gpux]}]}"}}),
                    ContainsSubstring("unknown cause 'gpux', expected a component kind or the name of a domain"));
  CHECK_THROWS_WITH(answer({{"reliability.restart_time", "{median: 3 min, mean: 4 min, sigma: 1}"}}),
                    ContainsSubstring("'mean' does not go with the rest"));
  const Report lognormal = answer({{"reliability.restart_time", "{median: 3 min, sigma: 1}"}});
  CHECK(entry(lognormal, "time", "restart") == Approx(kRate * 180 * std::exp(0.5)).epsilon(0.03));
  CHECK_THROWS_WITH(answer({{"reliability.wear_out", "{shape: 2, scale: 1 d, after_repair: new}"}}),
                    ContainsSubstring("as_new"));
  CHECK(answer({{"reliability.elastic", "{most_missing: 2}"}}).failure ==
        "elastic.replica_nodes is missing; outside a training study the layout does not say it");
}

TEST_CASE("failures during recovery are a key of every law, and nothing jumps at scv 1", "[studies][health]") {
  const auto ettr = [](const char* failures, const char* scv) {
    return value(answer({{"reliability.failure_rates.node", "0.4 /d"},
                         {"reliability.spares.nodes", "120"},
                         {"reliability.restart_time", "10 min"},
                         {"reliability.checkpoint.interval", "5 min"},
                         {"reliability.failure_scv", scv},
                         {"reliability.recovery", fmt::format("{{failures: {}}}", failures)}}),
                 "ettr_ratio");
  };
  for (const char* failures : {"strike", "wait"}) {
    CHECK(ettr(failures, "0.999") == Approx(ettr(failures, "1")).epsilon(2e-3));
    CHECK(ettr(failures, "1.001") == Approx(ettr(failures, "1")).epsilon(2e-3));
  }
  // A stop is a failure every 27.9 min of work, each followed by 10 min: waiting, 1 / (1 + L R) of the time is work;
  // struck, exp(-L R).
  const double load = (128 * 0.4 + 0.5) / 86400 * 600;
  CHECK(ettr("wait", "1") / ettr("strike", "1") == Approx(std::exp(load) / (1 + load)).epsilon(0.01));
}

TEST_CASE("a constant repair is no news", "[studies][health]") {
  for (const std::string& warning : answer({{"reliability.repair_time", "1 d"}}).warnings)
    CHECK(warning.find("repair_time") == std::string::npos);
}
