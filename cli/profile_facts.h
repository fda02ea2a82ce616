// SPDX-License-Identifier: Apache-2.0
// Every fact of a profile file as it is written there: nothing is left out when a profile gains a key.
#pragma once

#include <string>
#include <vector>

#include "modeling/spec/yaml_reader.h"

namespace windtunnel::cli {

/// One leaf of the file. Evidence and source are empty for facts that are not measured or claimed (names, counts).
struct ProfileFact {
  /// Dotted keys; an item of a list by its `name`, by `from->to`, or else by its position.
  std::string path;
  /// As written, unit included: "3.35 TB/s".
  std::string value;
  std::string evidence;
  /// Key of `sources`.
  std::string source;
};

/// Facts in file order, the block `sources` left out.
std::vector<ProfileFact> profile_facts(const modeling::YamlValue& root);

/// Where the numbers come from.
struct ProfileSource {
  std::string key;
  std::string title;
  std::string where;
};

std::vector<ProfileSource> profile_sources(const modeling::YamlValue& root);

}  // namespace windtunnel::cli
