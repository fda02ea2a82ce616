// SPDX-License-Identifier: Apache-2.0
// The words of the JSON Schema: one function per kind of value, described for people.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "modeling/spec/quantity.h"
#include "modeling/spec/spec.h"

namespace windtunnel::modeling::schema {

using Json = nlohmann::ordered_json;
using Keys = std::vector<std::pair<std::string, Json>>;
using Names = std::vector<std::string>;

Json described(Json schema, const std::string& description);
Json text(const std::string& description);
Json boolean(const std::string& description);
Json count(Count minimum, const std::string& description);
Json number(double minimum, const std::string& description);
Json ratio(const std::string& description);
Json choice(const Names& names, const std::string& description);
Json either(const std::vector<Json>& alternatives, const std::string& description);
Json object(const Keys& keys, const Names& required, const std::string& description);
Json list(const Json& item, const std::string& description);
Json quantity(Dimension dimension, const std::string& description);
Json time(const std::string& description);
Json duration(const std::string& description);
Json token_count(const std::string& description);

/// The block `reliability`.
Json reliability_schema();

/// The block `transient`, and `serving.autoscaling` that needs it.
Json transient_schema();
Json autoscaling_schema();

}  // namespace windtunnel::modeling::schema
