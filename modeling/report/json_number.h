// SPDX-License-Identifier: Apache-2.0
// A number as JSON can hold it: unknown (NaN or nothing) is null, what is infinite is the string "inf" or "-inf".
#pragma once
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace windtunnel::modeling {

inline nlohmann::ordered_json json_number(double value) {
  if (std::isnan(value)) return nullptr;
  if (std::isinf(value)) return value > 0.0 ? "inf" : "-inf";
  return value;
}

inline nlohmann::ordered_json json_number(const std::optional<double>& value) {
  return value ? json_number(*value) : nlohmann::ordered_json(nullptr);
}

}  // namespace windtunnel::modeling
