// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/version.h"
#include "modeling/evaluate.h"
#include "modeling/report/csv_report.h"
#include "modeling/report/html_report.h"
#include "modeling/report/json_report.h"
#include "modeling/report/required_measures.h"
#include "modeling/report/table_report.h"
#include "modeling/spec/read_spec.h"
#include "modeling/studies/what_if/sensitivity.h"

namespace windtunnel::cli {
namespace {

using modeling::Report;

/// What came of one spec. No report: there is nothing to say but the message that was printed.
struct Answer {
  std::optional<Report> report;
  ExitCode exit_code = ExitCode::kBadInput;
};

Answer answer_of(Report report, const std::string& file) {
  add_unknown_measures(report);
  for (const std::string& warning : report.warnings) print_message(file + ": warning: " + warning);
  if (report.failure.empty()) return {std::move(report), ExitCode::kAnswered};
  print_message(file + ": " + report.failure);
  return {std::move(report), ExitCode::kNoAnswer};
}

modeling::Detail detail_of(const RunCommand& command) {
  return command.report.empty() ? modeling::Detail::kAnswer : modeling::Detail::kDerivation;
}

/// Whatever is wrong with one spec ends here, so that the others are still answered.
Answer answer_file(const std::string& file, const RunCommand& command) {
  try {
    const modeling::Spec spec = modeling::load_spec(file, command.overrides);
    Report report = modeling::evaluate(spec, {.simulated_requests = command.simulated_requests,
                                              .timeline = !command.trace.empty(),
                                              .detail = detail_of(command)});
    // The noise of a simulation would drown a small change of an input.
    if (!command.simulated_requests)
      report.sensitivities = modeling::find_sensitivities(spec, report, modeling::evaluate_in_detail);
    return answer_of(std::move(report), file);
  } catch (const modeling::SpecError& error) {
    print_message(error.what());
    return {std::nullopt, ExitCode::kBadInput};
  } catch (const std::exception& error) {
    print_message(file + ": no answer: " + error.what());
    return {std::nullopt, ExitCode::kNoAnswer};
  }
}

std::string as_tables(const std::vector<Report>& reports, const modeling::TableOptions& options) {
  std::string text;
  for (const Report& report : reports) text += (text.empty() ? "" : "\n") + table_report(report, options);
  return text;
}

std::string as_json_lines(const std::vector<Report>& reports) {
  std::string text;
  for (const Report& report : reports) text += json_report(report, kVersion);
  return text;
}

std::string render(const std::vector<Report>& reports, const RunCommand& command) {
  switch (command.format) {
    case Format::kJson:
      return as_json_lines(reports);
    case Format::kCsv:
      return csv_report(reports);
    case Format::kTable:
      break;
  }
  return as_tables(reports, {.colour = colour_is_welcome(command.output)});
}

}  // namespace

namespace {

ExitCode write_trace(const Report& report, const std::string& path) {
  if (!report.timeline) {
    if (report.failure.empty())
      print_message(report.spec_file + ": --trace: study '" + report.study + "' has no timeline");
    return ExitCode::kNoAnswer;
  }
  write_output(modeling::chrome_trace(*report.timeline), path);
  return ExitCode::kAnswered;
}

ExitCode write_series(const Report& report, const std::string& path) {
  if (!report.series) {
    if (report.failure.empty())
      print_message(report.spec_file +
                    ": --series: the spec asks for no stretch of time, expected a block 'transient'");
    return ExitCode::kNoAnswer;
  }
  write_output(modeling::csv_series(*report.series), path);
  return ExitCode::kAnswered;
}

}  // namespace

ExitCode answer(const RunCommand& command) {
  require_separate_files(command.specs, {command.output, command.report, command.trace, command.series});
  std::vector<Report> reports;
  ExitCode worst = ExitCode::kAnswered;
  for (const std::string& file : command.specs) {
    Answer one = answer_file(file, command);
    worst = std::max(worst, one.exit_code);
    if (one.report && !command.trace.empty()) worst = std::max(worst, write_trace(*one.report, command.trace));
    if (one.report && !command.series.empty()) worst = std::max(worst, write_series(*one.report, command.series));
    if (one.report) reports.push_back(std::move(*one.report));
  }
  if (reports.empty()) return worst;
  write_output(render(reports, command), command.output);
  if (!command.report.empty()) write_output(html_report(reports.front(), kVersion), command.report);
  return worst;
}

}  // namespace windtunnel::cli
