// SPDX-License-Identifier: Apache-2.0
#include "cli/solve_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/text_table.h"
#include "modeling/report/json_number.h"

namespace windtunnel::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string time_text(double time_s) {
  return fmt::format("{:.3g} s", time_s);
}

std::string value_text(const std::optional<PropertyValue>& value) {
  if (!value.has_value()) return "unknown";
  if (const bool* truth = std::get_if<bool>(&*value)) return *truth ? "true" : "false";
  return fmt::format("{:.12g}", std::get<double>(*value));
}

std::string bound_text(const std::optional<double>& bound) {
  return bound.has_value() ? fmt::format("{:.2g}", *bound) : "";
}

std::vector<std::string> row(const PropertyAnswer& answer) {
  const std::string name = answer.name.empty() ? answer.property : answer.name + ": " + answer.property;
  const std::string method = answer.lumped_states
                                 ? fmt::format("{}, lumped to {} states", answer.method, *answer.lumped_states)
                                 : answer.method;
  return {name,   value_text(answer.value),          bound_text(answer.error_bound),
          method, std::to_string(answer.iterations), time_text(answer.solve_time_s)};
}

std::string sensitivity_text(const std::optional<double>& value) {
  return value.has_value() ? fmt::format("{:.8g}", *value) : "unknown";
}

std::string verified_line(const PropertyAnswer& answer) {
  if (!answer.verified.has_value()) return "";
  return fmt::format("\n{}\nits certificate proves {:.17g} to {:.17g}\n", answer.property, answer.verified->lower,
                     answer.verified->upper);
}

/// One block per answer that has them.
std::string sensitivities_table(const PropertyAnswer& answer) {
  if (answer.sensitivities.empty()) return "";
  std::vector<std::vector<std::string>> rows = {{"INPUT", "VALUE", "DERIVATIVE", "ERROR BOUND", "ELASTICITY"}};
  std::string reasons;
  for (const AnswerSensitivity& s : answer.sensitivities) {
    rows.push_back({s.input, fmt::format("{:.8g}", s.input_value), sensitivity_text(s.derivative),
                    bound_text(s.error_bound), sensitivity_text(s.elasticity)});
    if (!s.message.empty()) reasons += fmt::format("{}: {}\n", s.input, s.message);
  }
  return "\n" + answer.property + "\n" + text_table(rows) + reasons;
}

/// What a table of many answers says behind each: certificate, derivatives, or why there is no answer.
std::string notes(const PropertyAnswer& answer) {
  std::vector<std::string> notes;
  if (!answer.message.empty()) notes.push_back(answer.message);
  if (answer.verified.has_value())
    notes.push_back(fmt::format("proves {:.17g} to {:.17g}", answer.verified->lower, answer.verified->upper));
  for (const AnswerSensitivity& s : answer.sensitivities) {
    const std::string derivative = sensitivity_text(s.derivative);
    notes.push_back(fmt::format("d/d{} {}", s.input, s.message.empty() ? derivative : s.message));
  }
  return fmt::format("{}", fmt::join(notes, "; "));
}

Json value_json(const std::optional<PropertyValue>& value) {
  if (!value.has_value()) return nullptr;
  if (const bool* truth = std::get_if<bool>(&*value)) return *truth;
  return modeling::json_number(std::get<double>(*value));
}

Json answer_json(const PropertyAnswer& answer) {
  Json entry = {{"property", answer.property}, {"value", value_json(answer.value)}};
  entry["error_bound"] = modeling::json_number(answer.error_bound);
  entry["lower"] = modeling::json_number(answer.lower);
  entry["upper"] = modeling::json_number(answer.upper);
  entry["method"] = answer.method.empty() ? Json(nullptr) : Json(answer.method);
  if (answer.lumped_states) entry["lumped_states"] = *answer.lumped_states;
  entry["iterations"] = answer.iterations;
  entry["solve_time_s"] = answer.solve_time_s;
  if (!answer.name.empty()) entry["name"] = answer.name;
  if (!answer.message.empty()) entry["message"] = answer.message;
  if (answer.verified.has_value()) {
    entry["verified_lower"] = modeling::json_number(answer.verified->lower);
    entry["verified_upper"] = modeling::json_number(answer.verified->upper);
  }
  for (const AnswerSensitivity& sensitivity : answer.sensitivities) {
    entry["sensitivities"].push_back({{"input", sensitivity.input},
                                      {"input_value", sensitivity.input_value},
                                      {"derivative", modeling::json_number(sensitivity.derivative)},
                                      {"error_bound", modeling::json_number(sensitivity.error_bound)},
                                      {"elasticity", modeling::json_number(sensitivity.elasticity)}});
    if (!sensitivity.message.empty()) entry["sensitivities"].back()["message"] = sensitivity.message;
  }
  return entry;
}

Json report_json(const SolveReport& report) {
  Json root = {{"states", report.states}, {"transitions", report.transitions}, {"build_time_s", report.build_time_s}};
  if (!report.symmetric_modules.empty()) root["symmetric_modules"] = report.symmetric_modules;
  root["properties"] = Json::array();
  for (const PropertyAnswer& answer : report.properties) root["properties"].push_back(answer_json(answer));
  return root;
}

/// Names come from files and may be anything but UTF-8.
std::string line(const Json& root) {
  return root.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string solve_table(const SolveReport& report) {
  std::vector<std::vector<std::string>> facts = {{"states", std::to_string(report.states)},
                                                 {"transitions", std::to_string(report.transitions)}};
  for (const std::string& group : report.symmetric_modules) facts.push_back({"counted", group});
  facts.push_back({"built in", time_text(report.build_time_s)});
  std::string text = text_table(facts);
  if (report.properties.empty()) return text;
  std::vector<std::vector<std::string>> rows = {{"PROPERTY", "VALUE", "ERROR BOUND", "METHOD", "ITERATIONS", "TIME"}};
  for (const PropertyAnswer& answer : report.properties) rows.push_back(row(answer));
  text += "\n" + text_table(rows);
  for (const PropertyAnswer& answer : report.properties) text += verified_line(answer) + sensitivities_table(answer);
  return text;
}

std::string solve_json(const SolveReport& report) {
  return line(report_json(report));
}

std::string experiment_table(const std::vector<std::string>& names, const std::vector<ExperimentPoint>& points) {
  std::vector<std::vector<std::string>> rows = {names};
  for (const char* heading : {"STATES", "PROPERTY", "VALUE", "ERROR BOUND", "METHOD", "ITERATIONS", "TIME"})
    rows.front().push_back(heading);
  const bool has_notes = std::any_of(points.begin(), points.end(), [](const ExperimentPoint& point) {
    const auto& all = point.report.properties;
    return std::any_of(all.begin(), all.end(), [](const PropertyAnswer& answer) { return !notes(answer).empty(); });
  });
  if (has_notes) rows.front().push_back("NOTE");
  for (const ExperimentPoint& point : points) {
    for (const PropertyAnswer& answer : point.report.properties) {
      rows.push_back(point.values);
      rows.back().push_back(point.report.states > 0 ? std::to_string(point.report.states) : "");
      for (std::string& cell : row(answer)) rows.back().push_back(std::move(cell));
      if (has_notes) rows.back().push_back(notes(answer));
    }
  }
  return text_table(rows);
}

std::string experiment_json(const std::vector<std::string>& names, const std::vector<ExperimentPoint>& points) {
  Json root = {{"experiments", Json::array()}};
  for (const ExperimentPoint& point : points) {
    Json constants = Json::object();
    for (std::size_t k = 0; k < names.size(); ++k) constants[names[k]] = Json::parse(point.values[k]);
    Json one = {{"constants", constants}};
    one.update(report_json(point.report));
    root["experiments"].push_back(one);
  }
  return line(root);
}

}  // namespace windtunnel::cli
