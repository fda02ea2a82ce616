// SPDX-License-Identifier: Apache-2.0
// Hardware profiles and software generations from hardware_profiles/*.yaml: a new accelerator is a new file.
#pragma once

#include <string>
#include <vector>

#include "modeling/cluster/hardware_profile.h"

namespace windtunnel::modeling {

/// The profile of cluster.device: a name in hardware_profiles/devices (letter case does not matter) or the path of a
/// profile file. Overrides of the spec are not applied. Throws SpecError at cluster.device_location for an unknown
/// device, with the nearest name, and in the profile for a missing key, a wrong unit, or a figure without evidence or
/// source.
HardwareProfile load_hardware_profile(const Cluster& cluster);

/// The generation called `requested` in hardware_profiles/software. Empty: the profile's for training. An unknown one
/// takes the nearest version of its family (the part before the last '-'), an unknown family the profile's generation
/// for training; both add a sentence to `warnings`.
SoftwareGeneration load_software(const HardwareProfile& profile, const std::string& requested,
                                 std::vector<std::string>& warnings);

/// The file of a device by name or path. Throws SpecError for an unknown name.
std::string hardware_profile_file(const std::string& name);
std::vector<std::string> hardware_profile_names();
std::vector<std::string> software_names();

/// The highest version of a family ("vllm" -> "vllm-0.18"); empty when there is none.
std::string newest_of_family(const std::string& family);

}  // namespace windtunnel::modeling
