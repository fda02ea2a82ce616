// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/read_blocks.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <limits>

namespace windtunnel::modeling {

namespace {

/// Mean = median exp(sigma^2 / 2), scv = exp(sigma^2) - 1 (Johnson, Kotz, Balakrishnan, Continuous Univariate
/// Distributions 1, 1994, chapter 14).
Duration lognormal(double median_s, double sigma) {
  return {.mean_s = median_s * std::exp(0.5 * sigma * sigma), .scv = std::expm1(sigma * sigma)};
}

Duration read_spread(YamlReader reader) {
  constexpr double kMostSigma = 5.0;  // scv 7e10
  const bool by_median = reader.has("median");
  for (const char* other : {"mean", "scv", "sigma"}) {
    if (reader.has(other) && by_median != (std::string_view(other) == "sigma"))
      throw SpecError(reader.location_of(other),
                      fmt::format("'{}' does not go with the rest, expected 'mean' and 'scv', "
                                  "or 'median' and 'sigma'",
                                  other));
  }
  Duration duration;
  if (by_median) {
    duration = lognormal(reader.quantity("median", Dimension::kTime), reader.require("sigma").number(0.0, kMostSigma));
  } else {
    duration.mean_s = reader.quantity("mean", Dimension::kTime);
    duration.scv = reader.number("scv", 0.0, std::numeric_limits<double>::max(), 0.0);
  }
  reader.finish();
  return duration;
}

}  // namespace

Duration read_duration(const YamlValue& value) {
  if (!value.is_map()) return {value.quantity(Dimension::kTime), 0.0};
  return read_spread(value.map());
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
