// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/text_table.h"
#include "modeling/evaluate.h"
#include "modeling/report/csv_report.h"
#include "modeling/report/json_number.h"
#include "modeling/report/readable_number.h"
#include "modeling/spec/spec_error.h"
#include "modeling/studies/what_if/search.h"

namespace windtunnel::cli {
namespace {

using Json = nlohmann::ordered_json;
using modeling::Choice;
using modeling::RankedLayout;
using modeling::SearchResult;

Json json_of(const Choice& choice) {
  return std::visit([](const auto& value) { return Json(value); }, choice);
}

std::string text_of(const Choice& choice) {
  if (const auto* count = std::get_if<modeling::Count>(&choice)) return std::to_string(*count);
  return std::get<std::string>(choice);
}

Json json_of(const RankedLayout& layout) {
  Json object = Json::object();
  for (const auto& [name, choice] : layout.choices) object[name] = json_of(choice);
  object["pareto"] = layout.pareto;
  for (const modeling::Measure& measure : layout.report.measures)
    object[measure.name] = modeling::json_number(measure.value);
  return object;
}

std::string as_json(const SearchResult& result) {
  Json rejected = Json::object();
  for (const auto& [reason, count] : result.rejected) rejected[reason] = count;
  Json root = {{"objective", result.objective.name},
               {"counts", {{"evaluated", result.evaluated}, {"rejected", rejected}}},
               {"layouts", Json::array()}};
  for (const RankedLayout& layout : result.layouts) root["layouts"].push_back(json_of(layout));
  return root.dump() + "\n";
}

std::string as_csv(const SearchResult& result) {
  if (result.layouts.empty()) return "rank,status\n";
  std::string table = "rank";
  for (const auto& [name, choice] : result.layouts.front().choices) table += "," + name;
  table += ",pareto";
  for (const modeling::Measure& measure : result.layouts.front().report.measures) table += "," + measure.name;
  table += ",status\n";
  int rank = 0;
  for (const RankedLayout& layout : result.layouts) {
    table += std::to_string(++rank);
    for (const auto& [name, choice] : layout.choices) table += "," + modeling::csv_input(text_of(choice));
    table += layout.pareto ? ",1" : ",0";
    for (const modeling::Measure& measure : result.layouts.front().report.measures)
      table += "," + modeling::csv_number(find_measure(layout.report, measure.name));
    table += ",ok\n";
  }
  return table;
}

/// The objective, then what else a person compares.
std::vector<std::string> columns_of(const SearchResult& result) {
  std::vector<std::string> names = {result.objective.name};
  for (const char* name : {"step_time_mean_s", "tokens_per_s_per_device", "mfu_ratio", "memory_per_device_bytes",
                           "output_tokens_per_s_per_device", "ttft_p99_s", "tpot_p99_s", "slo_met_ratio"}) {
    const bool new_name = std::find(names.begin(), names.end(), name) == names.end();
    if (new_name && find_measure(result.layouts.front().report, name)) names.emplace_back(name);
  }
  return names;
}

/// Positions of the choices that differ between the layouts shown.
std::vector<std::size_t> differing_choices(const SearchResult& result) {
  std::vector<std::size_t> positions;
  const auto& first = result.layouts.front().choices;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const bool differs = std::any_of(result.layouts.begin(), result.layouts.end(), [&](const RankedLayout& layout) {
      return layout.choices[i].second != first[i].second;
    });
    if (differs) positions.push_back(i);
  }
  return positions;
}

/// `all of them: context 1, expert 1`: columns that would say the same in every row.
std::string common_choices(const SearchResult& result, const std::vector<std::size_t>& differing) {
  std::string text;
  const auto& first = result.layouts.front().choices;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (std::find(differing.begin(), differing.end(), i) != differing.end()) continue;
    text += (text.empty() ? "all of them: " : ", ") + first[i].first + " " + text_of(first[i].second);
  }
  return text.empty() ? "" : text + "\n\n";
}

std::string layouts_table(const SearchResult& result) {
  const std::vector<std::string> columns = columns_of(result);
  const std::vector<std::size_t> differing = differing_choices(result);
  std::vector<std::vector<std::string>> rows = {{"rank", "pareto"}};
  for (const std::size_t i : differing) rows.front().push_back(result.layouts.front().choices[i].first);
  rows.front().insert(rows.front().end(), columns.begin(), columns.end());
  for (std::size_t rank = 0; rank < result.layouts.size(); ++rank) {
    const RankedLayout& layout = result.layouts[rank];
    std::vector<std::string> row = {std::to_string(rank + 1), layout.pareto ? "*" : ""};
    for (const std::size_t i : differing) row.push_back(text_of(layout.choices[i].second));
    for (const std::string& column : columns)
      row.push_back(modeling::readable_number(column, find_measure(layout.report, column)));
    rows.push_back(row);
  }
  return common_choices(result, differing) + text_table(rows);
}

std::string as_table(const SearchResult& result) {
  long long rejected = 0;
  for (const auto& [reason, count] : result.rejected) rejected += count;
  std::string text =
      fmt::format("{} layouts evaluated, {} rejected or left out, ranked by {} ({} is better)\n", result.evaluated,
                  rejected, result.objective.name, result.objective.larger_is_better ? "more" : "less");
  if (!result.layouts.empty())
    text += fmt::format("* no layout is better in {} without being worse in {}\n\n", result.objective.name,
                        result.second_aim) +
            layouts_table(result);
  text += "\nrejected or left out\n";
  std::vector<std::vector<std::string>> rows;
  for (const auto& [reason, count] : result.rejected) rows.push_back({"  " + reason, std::to_string(count)});
  return text + text_table(rows);
}

std::string render(const SearchResult& result, Format format) {
  if (format == Format::kJson) return as_json(result);
  return format == Format::kCsv ? as_csv(result) : as_table(result);
}

ExitCode search_checked(const SearchCommand& command) {
  const modeling::YamlDocument document = modeling::YamlDocument::load(command.spec, command.overrides);
  Progress progress("layouts", 0);
  const auto show = [&](std::size_t done, std::size_t total) { progress.update(done, total); };
  const SearchResult result = search_layouts(document, command.options, modeling::evaluate_in_detail, show);
  progress.finish();
  write_output(render(result, command.format), command.output);
  if (!result.layouts.empty()) return ExitCode::kAnswered;
  print_message(command.spec + ": no layout is legal, fits and has an answer");
  return ExitCode::kNoAnswer;
}

}  // namespace

ExitCode answer(const SearchCommand& command) {
  require_separate_files({command.spec}, {command.output});
  try {
    return search_checked(command);
  } catch (const modeling::SpecError& error) {
    print_message(error.what());
  } catch (const modeling::SearchError& error) {
    print_message(command.spec + ": " + error.what());
  } catch (const modeling::NoAnswerError& error) {
    print_message(command.spec + ": " + error.what());
    return ExitCode::kNoAnswer;
  }
  return ExitCode::kBadInput;
}

}  // namespace windtunnel::cli
