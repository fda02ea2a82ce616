// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/what_if/search.h"

#include <algorithm>

#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"
#include "test/catch.h"

namespace windtunnel::modeling {
namespace {

constexpr const char* kSpec = R"(study: training
model: {num_hidden_layers: 8, hidden_size: 4096, num_attention_heads: 32, num_key_value_heads: 4, intermediate_size: 16384, vocab_size: 128256}
cluster: {device: h100-sxm-80gb, num_devices: 16}
training: {sequence_length: 8192, global_batch: 16, precision: bf16}
)";

// A layout the spec states must be legal, though the search replaces it.
const std::vector<YamlOverride> kLayout = {{"training.parallelism", "{data: 16}"}};

SearchResult search(SearchOptions options) {
  return search_layouts(YamlDocument::parse(kSpec, "a.yaml", kLayout), options, evaluate_in_detail);
}

std::string text_of(const Choice& choice) {
  if (const auto* count = std::get_if<Count>(&choice)) return std::to_string(*count);
  return std::get<std::string>(choice);
}

/// What `run` answers when told this layout.
Report run_of(const RankedLayout& layout) {
  std::vector<YamlOverride> overrides;
  for (const auto& [name, choice] : layout.choices) {
    const bool degree = name != "micro_batch" && name != "recompute" && name != "zero_stage" && name != "schedule";
    overrides.push_back({(degree ? "training.parallelism." : "training.") + name, text_of(choice)});
  }
  return evaluate(read_spec(YamlDocument::parse(kSpec, "a.yaml", overrides)));
}

TEST_CASE("Each layout's numbers are those of run", "[search]") {
  const SearchResult result = search({.top = 12});
  REQUIRE(result.layouts.size() == 12);
  for (const RankedLayout& layout : result.layouts) {
    const Report run = run_of(layout);
    for (const Measure& measure : run.measures) {
      INFO(measure.name);
      CHECK(find_measure(layout.report, measure.name) == measure.value);
    }
  }
}

TEST_CASE("Leaving out hopeless layouts changes neither the ranking nor the Pareto marks", "[search]") {
  // With every layout kept nothing is hopeless.
  const SearchResult all = search({.top = 100'000});
  const SearchResult few = search({.top = 5});
  REQUIRE(few.layouts.size() == 5);
  CHECK(few.evaluated < all.evaluated);
  for (std::size_t i = 0; i < few.layouts.size(); ++i) {
    CHECK(few.layouts[i].choices == all.layouts[i].choices);
    CHECK(few.layouts[i].pareto == all.layouts[i].pareto);
  }
  CHECK(few.evaluated + few.rejected.at("cannot be among the best 5") == all.evaluated);
  CHECK(std::is_sorted(all.layouts.begin(), all.layouts.end(), [](const RankedLayout& a, const RankedLayout& b) {
    return find_measure(a.report, "tokens_per_s_per_device") > find_measure(b.report, "tokens_per_s_per_device");
  }));
  CHECK(all.layouts.front().pareto);
}

TEST_CASE("A search needs no layout to start from", "[search]") {
  const SearchResult with = search({.top = 5});
  const SearchResult without = search_layouts(YamlDocument::parse(kSpec, "a.yaml"), {.top = 5}, evaluate_in_detail);
  REQUIRE(without.layouts.size() == 5);
  CHECK(without.evaluated == with.evaluated);
  CHECK(without.rejected == with.rejected);
  for (std::size_t i = 0; i < with.layouts.size(); ++i) CHECK(without.layouts[i].choices == with.layouts[i].choices);
}

TEST_CASE("The same answer on one thread and on three", "[search]") {
  const SearchResult one = search({.top = 4, .jobs = 1});
  const SearchResult three = search({.top = 4, .jobs = 3});
  for (std::size_t i = 0; i < 4; ++i) CHECK(one.layouts[i].choices == three.layouts[i].choices);
}

TEST_CASE("What is kept stays, what cannot be is counted by its reason", "[search]") {
  const SearchResult result = search({.top = 5, .keep = {"context", "micro_batch"}});
  for (const RankedLayout& layout : result.layouts) {
    CHECK(text_of(layout.choices[3].second) == "1");
    CHECK(text_of(layout.choices[6].second) == "1");
  }
  // 8 layers and two ends are at most 10 stages: pipeline 16 x tensor 1 is one stage too many.
  CHECK(result.rejected.at("more pipeline stages than layers") == 1);
}

TEST_CASE("Memory as the objective ranks by memory", "[search]") {
  const SearchResult result = search({.objective = "memory", .top = 3});
  CHECK(result.objective.name == "memory_per_device_bytes");
  const auto first = find_measure(result.layouts[0].report, "memory_per_device_bytes");
  CHECK(first <= find_measure(result.layouts[2].report, "memory_per_device_bytes"));
}

TEST_CASE("What the search does not know it says", "[search]") {
  CHECK_THROWS_WITH(search({.objective = "mfu_ratoi"}), "unknown objective 'mfu_ratoi', did you mean 'mfu_ratio'?");
  CHECK_THROWS_WITH(search({.keep = {"tensr"}}), "--keep: unknown choice 'tensr', did you mean 'tensor'?");
  CHECK_THROWS_WITH(search({.objective = "goodput"}),
                    "objective 'goodput' needs a 'reliability:' block in the spec, which says how often parts fail");
}

}  // namespace
}  // namespace windtunnel::modeling
