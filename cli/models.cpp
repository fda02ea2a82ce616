// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/text_table.h"
#include "modeling/report/readable_number.h"
#include "modeling/spec/data_files.h"
#include "modeling/spec/hugging_face_config.h"
#include "modeling/spec/layer_pattern.h"
#include "modeling/spec/parameter_count.h"
#include "modeling/spec/read_blocks.h"
#include "modeling/workload/model_facts.h"
#include "modeling/workload/model_flop.h"
#include "modeling/workload/serving_layer.h"

namespace windtunnel::cli {
namespace {

using Json = nlohmann::ordered_json;
using modeling::Model;
using modeling::ModelFacts;

constexpr double kShownLengths[] = {1024.0, 8192.0, 32768.0, 131072.0};

bool is_file(const std::string& name) {
  return name.ends_with(".json") || std::filesystem::is_regular_file(name);
}

Model load(const std::string& name) {
  return is_file(name) ? modeling::load_hugging_face_config(name) : modeling::load_model_shape(name);
}

ModelFacts facts_of(const Model& model) {
  return modeling::model_facts(model, modeling::stored_precisions(model));
}

/// Forward FLOP of one token of a sequence of this length: twice the weights it passes and its attention.
double flop_per_token(const Model& model, double tokens) {
  Model served = model;
  served.num_nextn_predict_layers = 0;
  return 2.0 * modeling::active_weights(served) + modeling::mixing_flop_per_token(served, tokens);
}

double sequence_bytes(const Model& model, double tokens) {
  return modeling::cached_sequence_bytes(model, modeling::stored_precisions(model), modeling::ServingPool{}, tokens);
}

std::string billions(double parameters) {
  return fmt::format("{:.2f}e9", parameters / 1e9);
}

std::string shapes_as_table() {
  std::vector<std::vector<std::string>> rows = {{"NAME", "PARAMETERS", "ACTIVE", "KV PER TOKEN", "LAYERS"}};
  for (const std::string& name : modeling::data_names("model_shapes")) {
    const ModelFacts facts = facts_of(load(name));
    rows.push_back({name, billions(facts.parameters), billions(facts.active_parameters),
                    modeling::readable_number("kv_bytes", facts.kv_bytes_per_token), facts.layers});
  }
  return text_table(rows);
}

Json model_as_json(const std::string& name, const Model& model) {
  const ModelFacts facts = facts_of(model);
  Json root = {{"name", name},
               {"parameters", facts.parameters},
               {"active_parameters", facts.active_parameters},
               {"weights_bytes", facts.weights_bytes},
               {"kv_bytes_per_token", facts.kv_bytes_per_token},
               {"kv_bytes_per_sequence", facts.kv_bytes_per_sequence},
               {"prediction_parameters", facts.prediction_parameters},
               {"tower_parameters", facts.tower_parameters},
               {"precision", facts.precision},
               {"layers", Json::array()},
               {"by_length", Json::array()}};
  for (const auto& [view, count] : modeling::layer_views(model))
    root["layers"].push_back({{"kind", view.layer.name},
                              {"count", count},
                              {"mixer_parameters", modeling::attention_parameters_per_layer(view)}});
  for (const double tokens : kShownLengths)
    root["by_length"].push_back({{"tokens", tokens},
                                 {"forward_flop_per_token", flop_per_token(model, tokens)},
                                 {"kv_bytes", sequence_bytes(model, tokens)}});
  return root;
}

std::string shapes_as_json() {
  Json list = Json::array();
  for (const std::string& name : modeling::data_names("model_shapes")) list.push_back(model_as_json(name, load(name)));
  return list.dump() + "\n";
}

std::string model_as_table(const std::string& name, const Model& model) {
  const ModelFacts facts = facts_of(model);
  const modeling::ParameterCount count = modeling::parameter_count(model);
  std::vector<std::vector<std::string>> rows = {{"model", name},
                                                {"parameters", billions(facts.parameters)},
                                                {"active_parameters", billions(facts.active_parameters)}};
  if (model.is_mixture_of_experts() && !model.tie_word_embeddings)
    rows.push_back({"  with the input embedding", billions(facts.active_parameters + count.embedding)});
  for (const auto& [part, number] :
       {std::pair{"input embedding", count.embedding}, std::pair{"output projection", count.output},
        std::pair{"mixers", count.attention}, std::pair{"dense MLPs", count.mlp}, std::pair{"experts", count.experts},
        std::pair{"shared experts", count.shared_experts}, std::pair{"routers", count.router},
        std::pair{"lookup tables", count.lookup}})
    if (number > 0.0) rows.push_back({std::string("  ") + part, billions(number)});
  if (count.tower > 0.0) rows.push_back({"  encoder of " + model.tower, billions(count.tower)});
  if (count.prediction > 0.0) rows.push_back({"beside them: further-token modules", billions(count.prediction)});
  rows.push_back({"weights_bytes", modeling::readable_number("weights_bytes", facts.weights_bytes)});
  rows.push_back({"precision", facts.precision});
  rows.push_back({"kv_bytes_per_token", modeling::readable_number("kv_bytes", facts.kv_bytes_per_token)});
  rows.push_back({"kv_bytes_per_sequence", modeling::readable_number("kv_bytes", facts.kv_bytes_per_sequence)});
  std::vector<std::vector<std::string>> layers = {{"LAYERS", "KIND", "MIXER PARAMETERS OF ONE"}};
  for (const auto& [view, layers_of_kind] : modeling::layer_views(model))
    layers.push_back({std::to_string(layers_of_kind), view.layer.name,
                      fmt::format("{:.4g}", modeling::attention_parameters_per_layer(view))});
  std::vector<std::vector<std::string>> lengths = {{"SEQUENCE", "FORWARD FLOP PER TOKEN", "CACHE OF THE SEQUENCE"}};
  for (const double tokens : kShownLengths)
    lengths.push_back({fmt::format("{:.0f}", tokens), fmt::format("{:.4g}", flop_per_token(model, tokens)),
                       modeling::readable_number("kv_bytes", sequence_bytes(model, tokens))});
  return text_table(rows) + "\n" + text_table(layers) + "\n" + text_table(lengths);
}

std::string render(const ModelsCommand& command) {
  const bool json = command.format == Format::kJson;
  if (command.name.empty()) return json ? shapes_as_json() : shapes_as_table();
  const Model model = load(command.name);
  return json ? model_as_json(command.name, model).dump() + "\n" : model_as_table(command.name, model);
}

}  // namespace

ExitCode answer(const ModelsCommand& command) {
  try {
    write_output(render(command), "");
    return ExitCode::kAnswered;
  } catch (const modeling::SpecError& error) {
    print_message(error.what());
    return ExitCode::kBadInput;
  }
}

}  // namespace windtunnel::cli
