// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "modeling/cluster/read_figure.h"
#include "modeling/cluster/read_profile.h"
#include "modeling/spec/data_files.h"
#include "modeling/spec/read_blocks.h"
#include "modeling/spec/remembered_files.h"

namespace windtunnel::modeling {
namespace {

constexpr const char* kSoftwareFolder = "hardware_profiles/software";

const Choices<SelectiveRecompute> kSelectiveChoices = {
    {"never", SelectiveRecompute::kNever},
    {"attention", SelectiveRecompute::kAttention},
    {"activations", SelectiveRecompute::kActivations},
    {"every_second_product", SelectiveRecompute::kEverySecondProduct}};

const Choices<Recompute> kLeastRecomputeChoices = {{"none", Recompute::kNone}, {"selective", Recompute::kSelective}};

/// `trtllm-0.17` is version 0.17 of the family trtllm.
struct GenerationName {
  std::string family;
  int major_version = 0;
  int minor_version = 0;
};

GenerationName split(const std::string& name) {
  const std::size_t dash = name.rfind('-');
  if (dash == std::string::npos) return {name, 0, 0};
  const std::string version = name.substr(dash + 1);
  const std::size_t dot = version.find('.');
  const int minor_version = dot == std::string::npos ? 0 : std::atoi(version.c_str() + dot + 1);
  return {name.substr(0, dash), std::atoi(version.c_str()), minor_version};
}

// Versions apart; a major version outweighs any number of minor ones (0.15 is newer than 0.5).
double distance(const GenerationName& a, const GenerationName& b) {
  return 1000.0 * std::abs(a.major_version - b.major_version) + std::abs(a.minor_version - b.minor_version);
}

std::optional<std::string> nearest_of_family(const std::string& requested) {
  const GenerationName wanted = split(requested);
  std::optional<std::string> nearest;
  for (const std::string& name : software_names()) {
    if (split(name).family != wanted.family) continue;
    if (!nearest || distance(split(name), wanted) < distance(split(*nearest), wanted)) nearest = name;
  }
  return nearest;
}

bool is_newer(const GenerationName& a, const GenerationName& b) {
  return a.major_version != b.major_version ? a.major_version > b.major_version : a.minor_version > b.minor_version;
}

/// A boolean or the word `interleaved`.
ExpertOverlap read_expert_overlap(YamlReader& block) {
  const YamlValue value = block.require("expert");
  if (value.is_scalar() && value.text() == "interleaved") return ExpertOverlap::kInterleaved;
  return value.boolean() ? ExpertOverlap::kAlways : ExpertOverlap::kNever;
}

void read_overlap(YamlReader block, SoftwareGeneration& software) {
  software.overlap_tensor = block.require("tensor").boolean();
  software.overlap_pipeline = block.require("pipeline").boolean();
  software.overlap_data = block.require("data").boolean();
  software.overlap_expert = read_expert_overlap(block);
  software.overlap_context = block.require("context").boolean();
  block.finish();
}

EngineCosts read_engine(YamlReader block, const FigureReader& figures) {
  const auto time = [&](const char* key) { return figures.quantity(block, key, Dimension::kTime, true); };
  EngineCosts engine;
  engine.per_sequence_s = time("per_sequence");
  engine.per_stream_s = time("per_stream");
  engine.per_prompt_s = time("per_prompt");
  engine.prompt_layer_s = time("prompt_layer");
  engine.prompt_expert_layer_s = time("prompt_expert_layer");
  engine.request_overhead_s = time("request_overhead");
  engine.token_overhead_s = time("token_overhead");
  engine.planned_memory_ratio = figures.ratio(block, "planned_memory_ratio");
  engine.free_memory_ratio = figures.ratio(block, "free_memory_ratio");
  engine.expert_floor_s = time("expert_floor");
  engine.expert_speed_ratio = figures.number(block, "expert_speed_ratio", 0.01, 10.0);
  engine.expert_speed_4bit_ratio = figures.number(block, "expert_speed_4bit_ratio", 0.01, 10.0);
  block.finish();
  return engine;
}

/// Ratios that depend on the architecture of the device: `key: {hopper: {value: ...}}`.
std::map<std::string, Figure> read_ratios_by_architecture(YamlReader& block, const char* key,
                                                          const FigureReader& figures) {
  std::map<std::string, Figure> found;
  const auto value = block.find(key);
  if (!value) return found;
  YamlReader ratios = value->map();
  for (const auto& [architecture, unused] : ratios.entries()) found[architecture] = figures.ratio(ratios, architecture);
  return found;
}

void read_training_habits(YamlReader& top, const FigureReader& figures, TrainingHabits& habits) {
  const auto value = top.find("training");
  if (!value) return;
  YamlReader block = value->map();
  const auto given = [&](const char* key) { return block.find(key).has_value(); };
  if (given("host_issue")) habits.host_issue_s = figures.quantity(block, "host_issue", Dimension::kTime, true);
  if (given("host_pass")) habits.host_pass_s = figures.quantity(block, "host_pass", Dimension::kTime, true);
  if (given("gradient_bytes")) habits.gradient_bytes = figures.number(block, "gradient_bytes", 1.0, 4.0);
  if (given("sharded_exchange_ratio")) habits.sharded_exchange_ratio = figures.ratio(block, "sharded_exchange_ratio");
  if (given("expert_load_cv")) habits.expert_load_cv = figures.number(block, "expert_load_cv", 0.0, 10.0);
  habits.narrow_gathers = block.boolean("narrow_gathers", habits.narrow_gathers);
  habits.grouped_experts = block.boolean("grouped_experts", habits.grouped_experts);
  habits.fused_cross_entropy = block.boolean("fused_cross_entropy", habits.fused_cross_entropy);
  habits.least_recompute = read_choice(block, "least_recompute", kLeastRecomputeChoices, habits.least_recompute);
  habits.sequence_parallel = block.boolean("sequence_parallel", habits.sequence_parallel);
  habits.selective_recompute = read_choice(block, "selective_recompute", kSelectiveChoices, habits.selective_recompute);
  habits.narrow_product_by_architecture = read_ratios_by_architecture(block, "narrow_product_ratio", figures);
  habits.attention_speed_by_architecture = read_ratios_by_architecture(block, "attention_speed_ratio", figures);
  block.finish();
}

SoftwareGeneration read_software(const std::string& file) {
  YamlReader top = YamlDocument::load(file).root().map();
  SoftwareGeneration software;
  software.name = top.text("name");
  software.family = top.text("family");
  software.version = top.require("version").number(0.0, 1e6);
  software.description = top.text("description");
  read_overlap(top.map("overlap"), software);
  software.fused_attention = top.require("fused_attention").boolean();
  software.fused_elementwise = top.require("fused_elementwise").boolean();
  software.split_experts = top.require("split_experts").boolean();
  software.deduplicated_dispatch = top.require("deduplicated_dispatch").boolean();
  software.sources = read_sources(top.map("sources"));
  const FigureReader figures(software.sources);
  software.launch_s = figures.quantity(top, "launch", Dimension::kTime, true);
  software.attention_speed_ratio = figures.ratio(top, "attention_speed_ratio");
  software.hand_over_s = figures.quantity(top, "hand_over", Dimension::kTime, true);
  software.overlap_compute_slowdown = figures.ratio(top, "overlap_compute_slowdown");
  software.step_overhead_s = figures.quantity(top, "step_overhead", Dimension::kTime, true);
  if (const auto engine = top.find("engine")) software.engine = read_engine(engine->map(), figures);
  read_training_habits(top, figures, software.training);
  top.finish();
  return software;
}

void use_architecture(const std::string& architecture, SoftwareGeneration& software) {
  TrainingHabits& habits = software.training;
  const auto choose = [&](const std::map<std::string, Figure>& ratios, Figure& ratio) {
    if (const auto own = ratios.find(architecture); own != ratios.end()) ratio = own->second;
  };
  choose(habits.narrow_product_by_architecture, habits.narrow_product_ratio);
  choose(habits.attention_speed_by_architecture, software.attention_speed_ratio);
}

std::string stand_in(const std::string& requested, const std::string& otherwise, std::vector<std::string>& warnings) {
  if (const auto nearest = nearest_of_family(requested)) {
    warnings.push_back(
        fmt::format("no profile of software '{}', the nearest of its family '{}' stands in", requested, *nearest));
    return *nearest;
  }
  warnings.push_back(fmt::format("no profile of software '{}' or its family, '{}' stands in", requested, otherwise));
  return otherwise;
}

}  // namespace

std::vector<std::string> software_names() {
  return data_names(kSoftwareFolder);
}

std::string newest_of_family(const std::string& family) {
  std::string newest;
  for (const std::string& name : software_names()) {
    if (split(name).family == family && (newest.empty() || is_newer(split(name), split(newest)))) newest = name;
  }
  return newest;
}

SoftwareGeneration load_software(const HardwareProfile& profile, const std::string& requested,
                                 std::vector<std::string>& warnings) {
  std::string name = requested.empty() ? profile.default_training_software : requested;
  if (!find_data_file(kSoftwareFolder, name)) name = stand_in(name, profile.default_training_software, warnings);
  const auto file = find_data_file(kSoftwareFolder, name);
  if (!file) throw SpecError({profile.name, 0, 0}, fmt::format("no profile of its default software '{}'", name));
  static RememberedFiles<SoftwareGeneration> generations;
  SoftwareGeneration software = *generations.get(file->string(), read_software);
  use_architecture(profile.architecture, software);
  return software;
}

}  // namespace windtunnel::modeling
