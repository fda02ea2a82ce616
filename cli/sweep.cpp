// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/sweep_journal.h"
#include "cli/version.h"
#include "modeling/evaluate.h"
#include "modeling/spec/data_files.h"
#include "modeling/spec/schema_paths.h"
#include "modeling/spec/spec_error.h"
#include "modeling/studies/what_if/sweep.h"

namespace windtunnel::cli {
namespace {

using modeling::SweepPlan;
using modeling::SweepRow;

/// A misspelt path would otherwise be the same mistake in every row.
void require_known_paths(const std::vector<modeling::SweepAxis>& axes) {
  for (const modeling::SweepAxis& axis : axes) modeling::require_known_path(axis.path, "--vary");
}

SweepPlan plan_of(const SweepCommand& command) {
  require_known_paths(command.axes);
  return {modeling::YamlDocument::load(command.spec, command.overrides), command.axes};
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Files that the words of a text name, beside the spec: config.json, traces, profiles. Read whole, since an answer of
/// before is only an answer while all of them are as they were.
std::string files_named_in(const std::string& text, const std::filesystem::path& folder) {
  std::string contents, word;
  for (const char c : text + " ") {
    if (!std::isspace(static_cast<unsigned char>(c)) &&
        std::string_view("{}[],\"'").find(c) == std::string_view::npos) {
      word += c;
      continue;
    }
    std::error_code ignored;
    if (!word.empty() && std::filesystem::is_regular_file(folder / word, ignored))
      contents += content_of(folder / word);
    word.clear();
  }
  return contents;
}

/// All shipped profiles and shapes that this program would find.
std::string shipped_data() {
  std::string contents;
  for (const char* folder : {"hardware_profiles/devices", "hardware_profiles/software", "model_shapes"}) {
    for (const std::string& name : modeling::data_names(folder))
      contents += content_of(*modeling::find_data_file(folder, name));
  }
  return contents;
}

/// Everything that the answers depend on.
std::string question_of(const SweepCommand& command) {
  const std::filesystem::path folder = std::filesystem::path(command.spec).parent_path();
  std::string question = kVersion + content_of(command.spec);
  for (const auto& change : command.overrides) question += "\n" + change.path + "=" + change.value;
  for (const auto& axis : command.axes) question += fmt::format("\n{}={}", axis.path, fmt::join(axis.values, "\1"));
  std::string words = question;
  std::replace(words.begin(), words.end(), '\1', ' ');
  std::replace(words.begin(), words.end(), '=', ' ');
  return question + files_named_in(words, folder.empty() ? "." : folder) + shipped_data();
}

std::unique_ptr<SweepJournal> open_journal(const SweepCommand& command, const SweepPlan& plan) {
  if (!command.resume) return nullptr;
  auto journal = std::make_unique<SweepJournal>(command.output + ".partial", question_of(command), plan.size());
  if (journal->known_count() > 0)
    print_message(fmt::format("{} of {} points are there from the run before", journal->known_count(), plan.size()));
  return journal;
}

std::vector<SweepRow> rows_of(const SweepCommand& command, const SweepPlan& plan, SweepJournal* journal) {
  Progress progress("points", plan.size());
  std::size_t done = journal ? journal->known_count() : 0;
  const auto on_row = [&](std::size_t point, const SweepRow& row) {
    if (journal) journal->add(point, row);
    progress.update(++done);
  };
  std::vector<std::optional<SweepRow>> known;
  if (journal) known = journal->take_known();
  return run_sweep(plan, modeling::evaluate_in_detail, {.jobs = command.jobs, .on_row = on_row}, std::move(known));
}

/// 0 when any point is answered; else the first reason stands on standard error too.
ExitCode verdict(const SweepCommand& command, const std::vector<SweepRow>& rows) {
  if (std::any_of(rows.begin(), rows.end(), [](const SweepRow& row) { return row.ok; })) return ExitCode::kAnswered;
  print_message(fmt::format("{}: no point has an answer; the first: {}", command.spec, rows.front().status));
  const bool impossible = std::all_of(rows.begin(), rows.end(), [](const SweepRow& row) { return row.bad_input; });
  return impossible ? ExitCode::kBadInput : ExitCode::kNoAnswer;
}

ExitCode sweep_checked(const SweepCommand& command) {
  const SweepPlan plan = plan_of(command);
  const std::unique_ptr<SweepJournal> journal = open_journal(command, plan);
  const std::vector<SweepRow> rows = rows_of(command, plan, journal.get());
  write_output(sweep_csv(plan, rows), command.output);
  if (journal) journal->remove();
  const auto warned =
      std::count_if(rows.begin(), rows.end(), [](const SweepRow& row) { return !row.warnings.empty(); });
  if (warned > 0)
    print_message(
        fmt::format("{}: {} of {} points have warnings, see the column 'warnings'", command.spec, warned, rows.size()));
  return verdict(command, rows);
}

}  // namespace

ExitCode answer(const SweepCommand& command) {
  require_separate_files({command.spec}, {command.output, command.resume ? command.output + ".partial" : ""});
  try {
    return sweep_checked(command);
  } catch (const modeling::SpecError& error) {
    print_message(error.what());
  } catch (const modeling::AxisError& error) {
    print_message(std::string("windtunnel sweep: --vary: ") + error.what());
  }
  return ExitCode::kBadInput;
}

}  // namespace windtunnel::cli
