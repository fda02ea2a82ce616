// SPDX-License-Identifier: Apache-2.0
#include "modeling/cluster/read_figure.h"

#include "modeling/spec/nearest_name.h"
#include "modeling/spec/read_blocks.h"

namespace windtunnel::modeling {
namespace {

const Choices<Evidence> kEvidenceChoices = {{"measured", Evidence::kMeasured},
                                            {"datasheet", Evidence::kDatasheet},
                                            {"derived", Evidence::kDerived},
                                            {"assumed", Evidence::kAssumed}};

// A rate has a slash, a mean time has none.
double rate_per_s(const YamlValue& value) {
  if (value.text().find('/') != std::string::npos) return value.positive_quantity(Dimension::kRate);
  return 1.0 / value.positive_quantity(Dimension::kTime);
}

}  // namespace

std::string to_string(Evidence evidence) {
  for (const auto& [name, choice] : kEvidenceChoices) {
    if (choice == evidence) return name;
  }
  return "";
}

Sources read_sources(YamlReader block) {
  std::map<std::string, Source> sources;
  for (const auto& [key, value] : block.entries()) {
    YamlReader entry = value.map();
    sources[key] = {entry.text("title"), entry.text("where")};
    entry.finish();
  }
  if (sources.empty()) throw SpecError(block.location(), "found no sources, expected at least one");
  return std::make_shared<const std::map<std::string, Source>>(std::move(sources));
}

Figure FigureReader::origin(YamlReader& figure) const {
  Figure result;
  result.evidence = read_choice(figure.require("evidence"), kEvidenceChoices);
  const YamlValue source = figure.require("source");
  result.source = source.text();
  figure.finish();
  if (sources_->count(result.source) > 0) return result;
  std::vector<std::string> known;
  for (const auto& [key, text] : *sources_) known.push_back(key);
  source.fail("unknown source " + in_quotes(result.source) + suggestion(result.source, known));
}

Figure FigureReader::quantity(YamlReader& block, std::string_view key, Dimension dimension, bool may_be_zero) const {
  YamlReader figure = block.map(key);
  const YamlValue value = figure.require("value");
  Figure result = origin(figure);
  result.value = may_be_zero ? value.quantity(dimension) : value.positive_quantity(dimension);
  return result;
}

Figure FigureReader::number(YamlReader& block, std::string_view key, double minimum, double maximum) const {
  YamlReader figure = block.map(key);
  const YamlValue value = figure.require("value");
  Figure result = origin(figure);
  result.value = value.number(minimum, maximum);
  return result;
}

Figure FigureReader::rate(YamlReader& block, std::string_view key) const {
  YamlReader figure = block.map(key);
  const YamlValue value = figure.require("value");
  Figure result = origin(figure);
  result.value = rate_per_s(value);
  return result;
}

}  // namespace windtunnel::modeling
