// SPDX-License-Identifier: Apache-2.0
// The hardware and software one spec runs on: a profile with the spec's overrides applied.
#pragma once

#include <string>
#include <vector>

#include "modeling/cluster/hardware_profile.h"

namespace windtunnel::modeling {

struct Machine {
  HardwareProfile profile;
  SoftwareGeneration software;
};

/// Loads profile and software generation by name and applies the overrides of `cluster`; an overridden figure has
/// the source "spec". Adds a sentence to `warnings` when the named software generation is unknown and another stands
/// in. Throws SpecError when the device or its file is unknown or wrong.
Machine load_machine(const Cluster& cluster, Study study, std::vector<std::string>& warnings);

}  // namespace windtunnel::modeling
