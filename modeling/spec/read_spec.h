// SPDX-License-Identifier: Apache-2.0
// From a YAML document to a checked Spec.
#pragma once

#include <string>
#include <vector>

#include "modeling/spec/spec.h"
#include "modeling/spec/yaml_reader.h"

namespace windtunnel::modeling {

/// Reads every key of the contract. Throws SpecError, located at the key, on unknown keys, wrong units and on whatever
/// is impossible by arithmetic (degrees that do not multiply to num_devices, heads not divisible by tensor ...).
/// Whether it fits into memory, and whether the device exists, later stages decide.
Spec read_spec(const YamlDocument& document);

/// The same from a file. Files named in the spec (model.config, traffic.trace, cluster.device with a slash) are
/// relative to it.
Spec load_spec(const std::string& file, const std::vector<YamlOverride>& overrides = {});

}  // namespace windtunnel::modeling
