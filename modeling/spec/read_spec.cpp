// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/read_spec.h"

#include "modeling/spec/read_blocks.h"

namespace windtunnel::modeling {
namespace {

const Choices<Study> kStudies = {
    {"training", Study::kTraining}, {"serving", Study::kServing}, {"availability", Study::kAvailability}};

// With the user's own service times a model is not needed.
bool needs_model(YamlReader& top, std::string_view study_block) {
  const auto block = top.find(study_block);
  return !(block && block->is_map() && block->map().has("service_times"));
}

Model read_model_of(YamlReader& top, std::string_view study_block) {
  if (!needs_model(top, study_block) && !top.has("model")) return {};
  return read_model(top.map("model"));
}

void read_training_study(YamlReader& top, Spec& spec) {
  spec.model = read_model_of(top, "training");
  spec.training = read_training(top.map("training"), spec.model, spec.cluster);
}

void read_serving_study(YamlReader& top, Spec& spec) {
  spec.model = read_model_of(top, "serving");
  spec.serving = read_serving(top.map("serving"), spec.model, spec.cluster);
  spec.traffic = read_traffic(top.map("traffic"));
  if (const auto slo = top.find("slo")) spec.slo = read_slo(slo->map());
  if (const auto transient = top.find("transient"))
    spec.transient = read_transient(transient->map(), *spec.serving, spec.traffic);
  if (spec.serving->autoscaling && !spec.transient)
    throw SpecError(top.location_of("serving"), "'serving.autoscaling' needs a block 'transient': over which time");
}

void read_study(YamlReader& top, Spec& spec) {
  if (spec.study == Study::kTraining) read_training_study(top, spec);
  if (spec.study == Study::kServing) read_serving_study(top, spec);
  const auto reliability =
      spec.study == Study::kAvailability ? std::optional(top.require("reliability")) : top.find("reliability");
  if (reliability) spec.reliability = read_reliability(reliability->map());
}

}  // namespace

std::string to_string(Study study) {
  for (const auto& [name, choice] : kStudies) {
    if (choice == study) return name;
  }
  return "";
}

Spec read_spec(const YamlDocument& document) {
  YamlReader top = document.root().map();
  Spec spec;
  spec.file = document.file();
  spec.study = read_choice(top.require("study"), kStudies);
  spec.cluster = read_cluster(top.map("cluster"));
  read_study(top, spec);
  top.finish();
  return spec;
}

Spec load_spec(const std::string& file, const std::vector<YamlOverride>& overrides) {
  return read_spec(YamlDocument::load(file, overrides));
}

}  // namespace windtunnel::modeling
