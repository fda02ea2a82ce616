// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/read_blocks.h"

#include <filesystem>
#include <limits>

namespace windtunnel::modeling {

Duration read_duration(const YamlValue& value) {
  if (!value.is_map()) return {value.quantity(Dimension::kTime), 0.0};
  YamlReader reader = value.map();
  Duration duration;
  duration.mean_s = reader.quantity("mean", Dimension::kTime);
  duration.scv = reader.number("scv", 0.0, std::numeric_limits<double>::max(), 0.0);
  reader.finish();
  return duration;
}

std::string resolved_path(const YamlValue& value) {
  const std::filesystem::path folder = std::filesystem::path(value.location().file).parent_path();
  return (folder / value.text()).lexically_normal().string();
}

const std::vector<std::string>& component_kinds() {
  static const std::vector<std::string> kinds = {"node",  "device",  "gpu",    "npu",    "tpu",      "host",
                                                 "nic",   "link",    "optics", "switch", "software", "storage",
                                                 "power", "cooling", "rack",   "other"};
  return kinds;
}

}  // namespace windtunnel::modeling
