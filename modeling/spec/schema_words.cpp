// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/schema_words.h"

#include <fmt/format.h>

namespace windtunnel::modeling::schema {

Json described(Json schema, const std::string& description) {
  if (!description.empty()) schema["description"] = description;
  return schema;
}

Json text(const std::string& description) {
  return described({{"type", "string"}}, description);
}
Json boolean(const std::string& description) {
  return described({{"type", "boolean"}}, description);
}

Json count(Count minimum, const std::string& description) {
  return described({{"type", "integer"}, {"minimum", minimum}}, description);
}

Json number(double minimum, const std::string& description) {
  return described({{"type", "number"}, {"minimum", minimum}}, description);
}

Json ratio(const std::string& description) {
  return described({{"type", "number"}, {"minimum", 0}, {"maximum", 1}}, description);
}

Json choice(const Names& names, const std::string& description) {
  return described({{"enum", names}}, description);
}

Json either(const std::vector<Json>& alternatives, const std::string& description) {
  return described({{"anyOf", alternatives}}, description);
}

Json object(const Keys& keys, const Names& required, const std::string& description) {
  Json schema = described({{"type", "object"}, {"additionalProperties", false}}, description);
  schema["properties"] = Json::object();
  for (const auto& [key, value] : keys) schema["properties"][key] = value;
  if (!required.empty()) schema["required"] = required;
  return schema;
}

Json list(const Json& item, const std::string& description) {
  return described({{"type", "array"}, {"items", item}, {"minItems", 1}}, description);
}

Json quantity(Dimension dimension, const std::string& description) {
  const std::string pattern =
      fmt::format(R"(^([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)? *({})$)", fmt::join(unit_names(dimension), "|"));
  return described({{"type", "string"}, {"pattern", pattern}},
                   fmt::format("{} ({})", description, dimension_with_example(dimension)));
}

Json time(const std::string& description) {
  return quantity(Dimension::kTime, description);
}

Json duration(const std::string& description) {
  const Json spread = object({{"mean", time("mean")},
                              {"scv", number(0, "squared coefficient of variation, default 0")},
                              {"median", time("instead of mean: of a lognormal law")},
                              {"sigma", number(0, "with median: of the logarithm")}},
                             {}, "mean and scv, or median and sigma");
  return either({time("constant"), spread}, description);
}

Json token_count(const std::string& description) {
  const Json spread =
      object({{"mean", number(1, "mean")}, {"scv", number(0, "0 constant, 1 geometric, else gamma")}}, {"mean"}, "");
  return either({number(1, "constant"), spread}, description);
}

}  // namespace windtunnel::modeling::schema
