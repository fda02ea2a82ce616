// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/json_report.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include "modeling/report/json_number.h"

namespace windtunnel::modeling {
namespace {

using Json = nlohmann::ordered_json;

Json object_of(const std::vector<Measure>& measures) {
  Json object = Json::object();
  for (const Measure& measure : measures) object[measure.name] = json_number(measure.value);
  return object;
}

Json object_of(const std::vector<Breakdown>& breakdowns) {
  Json object = Json::object();
  for (const Breakdown& group : breakdowns) object[group.name] = object_of(group.entries);
  return object;
}

Json object_of(const ChainRecord& chain) {
  Json object = {{"name", chain.name},
                 {"purpose", chain.purpose},
                 {"states", chain.states},
                 {"transitions", chain.transitions},
                 {"method_requested", chain.method_requested},
                 {"method_used", chain.method_used},
                 {"iterations", chain.iterations},
                 {"residual", json_number(chain.residual)},
                 {"error_bound", json_number(chain.error_bound)},
                 {"lost_probability", json_number(chain.lost_probability)}};
  if (!chain.state_probabilities.empty()) object["state_probabilities"] = object_of(chain.state_probabilities);
  return object;
}

Json object_of(const Assumption& assumption) {
  return {{"name", assumption.name},
          {"value", json_number(assumption.value)},
          {"unit", assumption.unit},
          {"evidence", assumption.evidence},
          {"source", assumption.source}};
}

Json object_of(const Sensitivity& one) {
  return {{"path", one.path},
          {"measure", one.measure},
          {"elasticity", json_number(one.elasticity)},
          {"elasticity_error", json_number(one.elasticity_error)},
          {"input_value", json_number(one.input_value)},
          {"method", one.method},
          {"step_ratio", json_number(one.step_ratio)}};
}

/// A list per column.
Json object_of(const Series& series) {
  Json object = Json::object();
  for (std::size_t i = 0; i < series.columns.size(); ++i) {
    Json column = Json::array();
    for (const auto& row : series.rows) column.push_back(json_number(row[i]));
    object[series.columns[i]] = std::move(column);
  }
  return object;
}

template <typename Item>
Json list_of(const std::vector<Item>& items) {
  Json list = Json::array();
  for (const Item& item : items) list.push_back(object_of(item));
  return list;
}

}  // namespace

std::string json_report(const Report& report, const std::string& version) {
  Json root;
  root["windtunnel"] = version;
  root["spec"] = report.spec_file;
  root["study"] = report.study;
  root["title"] = report.title;
  root["finding"] = report.finding;
  if (report.model) {
    root["model"] = object_of(report.model->numbers);
    root["model"]["layers"] = report.model->layers;
    root["model"]["precision"] = report.model->precision;
  }
  root["measures"] = object_of(report.measures);
  root["breakdown"] = object_of(report.breakdowns);
  root["chains"] = list_of(report.chains);
  root["sensitivities"] = list_of(report.sensitivities);
  root["assumptions"] = list_of(report.assumptions);
  if (report.series) root["series"] = object_of(*report.series);
  root["warnings"] = report.warnings;
  root["failure"] = report.failure.empty() ? Json(nullptr) : Json(report.failure);
  // A file name may hold any bytes; the output is UTF-8 whatever it was called.
  return root.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace windtunnel::modeling
