// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/model_facts.h"

#include <fmt/format.h>

#include "modeling/spec/parameter_count.h"
#include "modeling/workload/serving_layer.h"

namespace windtunnel::modeling {

namespace {

constexpr double kSixteenBits = 2.0;

double weights_bytes(const Model& model, const Serving& serving) {
  const ParameterCount count = parameter_count(model);
  const double attention = stored_bytes_per_weight(model, attention_precision(model, serving));
  const double other = stored_bytes_per_weight(model, serving.weights);
  const double experts = stored_bytes_per_weight(model, serving.expert_weights.value_or(serving.weights));
  const double ends = count.embedding + count.output + count.router + count.norms + count.lookup + count.tower;
  // A prediction module is a layer like the others, mostly experts where there are any.
  const double module = model.is_mixture_of_experts() ? experts : other;
  return kSixteenBits * ends + attention * count.attention + other * (count.mlp + count.shared_experts) +
         experts * count.experts + module * count.prediction;
}

std::string layers_in_words(const Model& model) {
  std::string words;
  for (const auto& [view, count] : layer_views(model))
    words += fmt::format("{}{} x {}", words.empty() ? "" : "; ", count, view.layer.name);
  return words;
}

std::string precision_in_words(const Model& model, const Serving& serving) {
  std::string words = model.is_mixture_of_experts()
                          ? fmt::format("experts {}, ", to_string(serving.expert_weights.value_or(serving.weights)))
                          : "";
  words += fmt::format("attention {}, other weights {}, cache {}", to_string(attention_precision(model, serving)),
                       to_string(serving.weights), to_string(cache_precision(serving)));
  if (!model.checkpoint.scheme.empty()) words += fmt::format(" (quantization_config: {})", model.checkpoint.scheme);
  return words;
}

}  // namespace

Serving stored_precisions(const Model& model) {
  Serving serving;
  const CheckpointPrecision& checkpoint = model.checkpoint;
  if (!checkpoint.weights) return serving;
  serving.weights = *checkpoint.weights;
  serving.attention_weights = checkpoint.attention;
  serving.expert_weights = checkpoint.experts;
  serving.kv_cache = checkpoint.kv_cache.value_or(Precision::kBf16);
  return serving;
}

ModelFacts model_facts(const Model& model, const Serving& serving) {
  const ParameterCount count = parameter_count(model);
  ModelFacts facts;
  facts.parameters = count.total();
  facts.active_parameters = active_parameters(model);
  facts.prediction_parameters = count.prediction;
  facts.tower_parameters = count.tower;
  facts.weights_bytes = weights_bytes(model, serving);
  facts.kv_bytes_per_token = cached_bytes_per_token(model, serving, ServingPool{});
  constexpr double kLong = 1e7;
  const double grows = cached_sequence_bytes(model, serving, ServingPool{}, 2.0 * kLong) -
                       cached_sequence_bytes(model, serving, ServingPool{}, kLong);
  facts.kv_bytes_per_sequence = cached_sequence_bytes(model, serving, ServingPool{}, kLong) - grows;
  facts.layers = layers_in_words(model);
  facts.precision = precision_in_words(model, serving);
  return facts;
}

}  // namespace windtunnel::modeling
