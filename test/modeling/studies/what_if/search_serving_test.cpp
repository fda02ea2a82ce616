// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"
#include "modeling/studies/what_if/search.h"
#include "test/catch.h"

namespace windtunnel::modeling {
namespace {

const std::string kChat = R"(study: serving
model: {name: llama-3.1-8b}
cluster: {device: h100-sxm-80gb, num_devices: 4}
serving: {precision: {weights: fp8, kv_cache: fp8}}
traffic:
  arrival_rate: 20 /s
  classes: [{name: chat, prompt_tokens: {mean: 512, scv: 1.0}, output_tokens: {mean: 128, scv: 1.0}}]
slo: {ttft_p99: 500 ms, tpot_p99: 25 ms}
)";

SearchResult search(const std::string& spec, SearchOptions options) {
  return search_layouts(YamlDocument::parse(spec, "a.yaml"), options, evaluate_in_detail);
}

template <typename Value>
Value choice(const RankedLayout& layout, const std::string& name) {
  const auto found =
      std::find_if(layout.choices.begin(), layout.choices.end(), [&](const auto& one) { return one.first == name; });
  return std::get<Value>(found->second);
}

/// What `run` answers when told this deployment.
Report run_of(const RankedLayout& layout) {
  // The spec names no deployment, which only a search may leave out.
  Spec spec = read_spec(YamlDocument::parse(kChat, "a.yaml", {{"serving.replicas", "4"}}));
  Serving& serving = *spec.serving;
  const bool split = choice<std::string>(layout, "layout") == "disaggregated";
  serving.layout = split ? ServingLayout::kDisaggregated : ServingLayout::kAggregated;
  if (split) serving.prefill = serving.decode = serving.aggregated;
  ServingPool& pool = split ? serving.decode : serving.aggregated;
  pool.replicas = choice<Count>(layout, "replicas");
  pool.parallelism.tensor = choice<Count>(layout, "tensor");
  pool.parallelism.pipeline = choice<Count>(layout, "pipeline");
  const auto batch = std::find_if(layout.choices.begin(), layout.choices.end(),
                                  [](const auto& one) { return one.first == "max_batch"; });
  if (const auto* count = std::get_if<Count>(&batch->second)) pool.max_batch = *count;
  if (split) {
    serving.prefill.replicas = choice<Count>(layout, "prefill_replicas");
    serving.prefill.parallelism.tensor = choice<Count>(layout, "prefill_tensor");
    serving.prefill.parallelism.pipeline = choice<Count>(layout, "prefill_pipeline");
  }
  return evaluate(spec);
}

TEST_CASE("Each deployment's numbers are those of run, together and apart", "[search][serving]") {
  const SearchResult result = search(kChat, {.top = 12});
  REQUIRE(result.layouts.size() == 12);
  std::map<std::string, int> kinds;
  for (const RankedLayout& layout : result.layouts) {
    ++kinds[choice<std::string>(layout, "layout")];
    const Report run = run_of(layout);
    REQUIRE(run.failure.empty());
    for (const char* name : {"max_arrival_rate_per_s", "ttft_p99_s", "tpot_p99_s", "slo_met_ratio"})
      CHECK(find_measure(layout.report, name) == find_measure(run, name));
  }
  CHECK(kinds["aggregated"] > 0);
  CHECK(kinds["disaggregated"] > 0);
}

TEST_CASE("All devices are used, and the capacity that orders the search leaves nothing out", "[search][serving]") {
  const SearchResult all = search(kChat, {.top = 100'000});
  const SearchResult few = search(kChat, {.top = 3});
  REQUIRE(few.layouts.size() == 3);
  CHECK(few.evaluated < all.evaluated);
  for (std::size_t i = 0; i < few.layouts.size(); ++i) {
    CHECK(few.layouts[i].choices == all.layouts[i].choices);
    CHECK(few.layouts[i].pareto == all.layouts[i].pareto);
  }
  for (const RankedLayout& layout : all.layouts) {
    const Count decode = choice<Count>(layout, "replicas") * choice<Count>(layout, "tensor") *
                         choice<Count>(layout, "pipeline") * choice<Count>(layout, "data");
    const Count prefill = choice<Count>(layout, "prefill_replicas") * choice<Count>(layout, "prefill_tensor") *
                          choice<Count>(layout, "prefill_pipeline");
    CHECK(decode + prefill == 4);
    CHECK(find_measure(layout.report, "ttft_p99_s").value() <= 0.5);
    CHECK(find_measure(layout.report, "tpot_p99_s").value() <= 0.025);
  }
}

TEST_CASE("With failures deployments are ranked by what is still answered", "[search][serving]") {
  const SearchResult result =
      search(kChat + "reliability: {failure_rates: {node: 0.01 /d}, repair_time: 1 d, restart_time: 5 min}\n",
             {.objective = "goodput", .top = 5, .keep = {"layout"}});
  REQUIRE(result.layouts.size() == 5);
  double before = INFINITY;
  for (const RankedLayout& layout : result.layouts) {
    const double goodput = find_measure(layout.report, "goodput_tokens_per_s_per_device").value();
    CHECK(goodput > 0.0);
    CHECK(goodput <= find_measure(layout.report, "output_tokens_per_s_per_device").value() * (1.0 + 1e-9));
    CHECK(goodput <= before);
    before = goodput;
  }
}

TEST_CASE("The cheapest devices that keep the slo are found over numbers and kinds", "[search][serving]") {
  SearchOptions options{.top = 200, .jobs = 1};
  options.devices = {"h100-sxm-80gb", "l40s-48gb"};
  options.num_devices = {1, 2, 4};
  options.prices_per_device_hour = {{"h100-sxm-80gb", 3.0}, {"l40s-48gb", 1.0}};
  const SearchResult result = search(kChat, options);
  CHECK(result.objective.name == "cost_per_hour");
  REQUIRE_FALSE(result.layouts.empty());
  double before = 0.0;
  for (const RankedLayout& layout : result.layouts) {
    const double price = choice<std::string>(layout, "device") == "l40s-48gb" ? 1.0 : 3.0;
    const auto devices = static_cast<double>(choice<Count>(layout, "num_devices"));
    const double cost = find_measure(layout.report, "cost_per_hour").value();
    CHECK(cost == Approx(price * devices));
    CHECK(cost >= before);
    CHECK(find_measure(layout.report, "ttft_p99_s").value() <= 0.5);
    CHECK(find_measure(layout.report, "tpot_p99_s").value() <= 0.025);
    before = cost;
  }
  // Alone, the winner answers the same.
  options.devices = {choice<std::string>(result.layouts.front(), "device")};
  options.num_devices = {choice<Count>(result.layouts.front(), "num_devices")};
  const SearchResult alone = search(kChat, options);
  CHECK(find_measure(alone.layouts.front().report, "tpot_p99_s").value() ==
        Approx(find_measure(result.layouts.front().report, "tpot_p99_s").value()));
}

TEST_CASE("A batch limit that never binds is shown once", "[search][serving]") {
  const SearchResult result = search(kChat, {.top = 200, .jobs = 1});
  for (std::size_t i = 0; i < result.layouts.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      auto a = result.layouts[i].choices, b = result.layouts[j].choices;
      const auto drop = [](auto& choices) {
        choices.erase(
            std::remove_if(choices.begin(), choices.end(), [](const auto& one) { return one.first == "max_batch"; }),
            choices.end());
      };
      drop(a);
      drop(b);
      if (a != b) continue;
      const double own = result.objective.value(result.layouts[i].report).value();
      const double other = result.objective.value(result.layouts[j].report).value();
      const double own_tpot = find_measure(result.layouts[i].report, "tpot_p99_s").value();
      const double other_tpot = find_measure(result.layouts[j].report, "tpot_p99_s").value();
      CHECK((std::abs(own / other - 1.0) > 1e-3 || std::abs(own_tpot / other_tpot - 1.0) > 1e-3));
    }
  }
}

}  // namespace
}  // namespace windtunnel::modeling
