// SPDX-License-Identifier: Apache-2.0
// One reader per block of a spec. Each takes the block's map, reads all its keys, rejects the others, and checks what
// the block and the ones before it make impossible. All throw SpecError located at the key.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "modeling/spec/nearest_name.h"
#include "modeling/spec/spec.h"
#include "modeling/spec/yaml_reader.h"

namespace windtunnel::modeling {

/// Bounds that keep products of counts far from overflow and catch slips of the pen.
inline constexpr Count kMostDevices = 100'000'000;
inline constexpr Count kMostTokens = 1'000'000'000;
/// Tokens of a whole training run: a thousand times what any model has seen.
inline constexpr double kMostTrainingTokens = 1e18;
/// Squared coefficients of variation and coefficients of variation beyond this are slips too: a law whose standard
/// deviation is thirty times its mean has no percentile that a sample or a chain could show.
inline constexpr double kMostSpread = 1000.0;
/// Factors and counts that a user scales something by.
inline constexpr double kLargestFactor = 1e9;

/// A quantity > 0 that may be left out.
inline std::optional<double> optional_positive(YamlReader& block, std::string_view key, Dimension dimension) {
  const auto value = block.find(key);
  return value ? std::optional(value->positive_quantity(dimension)) : std::nullopt;
}

Model read_model(YamlReader block);
/// A shape of model_shapes/NAME.yaml; the letter case of the name does not matter.
Model load_model_shape(const std::string& name);
Cluster read_cluster(YamlReader block);
Training read_training(YamlReader block, const Model& model, const Cluster& cluster);
Serving read_serving(YamlReader block, const Model& model, const Cluster& cluster);
Traffic read_traffic(YamlReader block);
ServiceLevelObjective read_slo(YamlReader block);
Autoscaling read_autoscaling(YamlReader block, Count most_replicas);
Transient read_transient(YamlReader block, const Serving& serving, const Traffic& traffic);
Reliability read_reliability(YamlReader block);

/// `10 s`, `{mean: 10 s, scv: 1}` or, lognormal, `{median: 10 s, sigma: 1.5}`.
Duration read_duration(const YamlValue& value);

/// A file named at `value`, relative to the file in which it is named.
std::string resolved_path(const YamlValue& value);

/// What a component can be called in failure_rates and in hardware profiles.
const std::vector<std::string>& component_kinds();

template <class Enumeration>
using Choices = std::vector<std::pair<std::string, Enumeration>>;

/// The choice that the value names; otherwise SpecError with the allowed ones.
template <class Enumeration>
Enumeration read_choice(const YamlValue& value, const Choices<Enumeration>& choices) {
  const std::string text = value.text();
  std::vector<std::string> names;
  for (const auto& [name, choice] : choices) {
    if (name == text) return choice;
    names.push_back(name);
  }
  const auto nearest = nearest_name(text, names);
  value.fail("unknown value " + in_quotes(text) + ", expected one of " + joined(names) +
             (nearest ? ", did you mean '" + *nearest + "'?" : ""));
}

/// The same for a key that may be absent.
template <class Enumeration>
Enumeration read_choice(YamlReader& block, std::string_view key, const Choices<Enumeration>& choices,
                        Enumeration otherwise) {
  const auto value = block.find(key);
  return value ? read_choice(*value, choices) : otherwise;
}

}  // namespace windtunnel::modeling
