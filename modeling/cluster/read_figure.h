// SPDX-License-Identifier: Apache-2.0
// Figures of a profile: `{value: 3.35 TB/s, evidence: datasheet, source: nvidia-h100}`.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "modeling/cluster/hardware_profile.h"
#include "modeling/spec/yaml_reader.h"

namespace windtunnel::modeling {

/// `sources: {key: {title, where}}`, at least one.
Sources read_sources(YamlReader block);

/// Reads figures and refuses one whose source is not among the sources.
class FigureReader {
 public:
  explicit FigureReader(Sources sources) : sources_(std::move(sources)) {}

  /// A figure with a unit, > 0 unless `may_be_zero`.
  Figure quantity(YamlReader& block, std::string_view key, Dimension dimension, bool may_be_zero = false) const;
  /// A figure without unit in [minimum, maximum].
  Figure number(YamlReader& block, std::string_view key, double minimum, double maximum) const;
  /// A share, 0..1.
  Figure ratio(YamlReader& block, std::string_view key) const { return number(block, key, 0.0, 1.0); }
  /// A rate, written as `1.26e-5 /h` or as the mean time of its state, `10 min`.
  Figure rate(YamlReader& block, std::string_view key) const;

 private:
  Figure origin(YamlReader& figure) const;

  Sources sources_;
};

}  // namespace windtunnel::modeling
