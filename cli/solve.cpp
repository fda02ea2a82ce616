// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <new>
#include <set>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/solve_csv.h"
#include "cli/solve_experiment.h"
#include "cli/solve_model.h"
#include "cli/solve_points.h"
#include "cli/solve_report.h"
#include "solvers/explicit/explicit_output.h"
#include "solvers/numerics/chain_error.h"

namespace windtunnel::cli {
namespace {

using solvers::prism::BuiltModel;

solvers::PropertyFile properties_of(const std::string& text, const std::string& file) {
  return solvers::parse_properties(text, file);
}

/// The files are parsed before the chain is built: a mistake is answered at once.
std::vector<solvers::PropertyFile> read_properties(const SolveCommand& command) {
  std::vector<solvers::PropertyFile> files;
  for (const std::string& property : command.properties) files.push_back(properties_of(property, "--property"));
  if (!command.properties_file.empty()) {
    files.push_back(properties_of(file_text(command.properties_file), command.properties_file));
  }
  return files;
}

void write_exports(const SolveCommand& command, const BuiltModel& model) {
  const solvers::LabelledChain& chain = model.chain;
  if (!command.export_tra.empty()) write_output(tra_text(chain), command.export_tra);
  if (!command.export_lab.empty()) write_output(lab_text(chain), command.export_lab);
  if (!command.export_sta.empty()) write_output(sta_text(chain), command.export_sta);
  if (!command.export_srew.empty()) write_output(srew_text(chain), command.export_srew);
  if (!command.export_trew.empty()) write_output(trew_text(chain), command.export_trew);
  if (!command.export_mtx.empty()) write_output(matrix_market_text(chain), command.export_mtx);
  if (!command.export_dot.empty()) write_output(dot_text(chain), command.export_dot);
}

/// Each message once, however many points it is about.
ExitCode print_messages(const SolveCommand& command, const std::vector<ExperimentPoint>& points) {
  ExitCode worst = ExitCode::kAnswered;
  std::set<std::string> printed;
  for (const ExperimentPoint& point : points) {
    for (const PropertyAnswer& answer : point.report.properties) {
      worst = std::max(worst, answer.exit_code);
      if (answer.exit_code == ExitCode::kAnswered) continue;
      const bool has_place = answer.exit_code == ExitCode::kBadInput;
      const std::string message =
          has_place ? answer.message : command.model + ": " + answer.property + ": " + answer.message;
      if (printed.insert(message).second) print_message(message);
    }
  }
  return worst;
}

bool exports(const SolveCommand& command) {
  const std::string* files[] = {&command.export_tra,  &command.export_lab, &command.export_sta, &command.export_srew,
                                &command.export_trew, &command.export_mtx, &command.export_dot};
  return std::any_of(std::begin(files), std::end(files), [](const std::string* file) { return !file->empty(); });
}

ExperimentPoint solve_one(const SolveCommand& command, const std::vector<solvers::PropertyFile>& files) {
  const auto start = std::chrono::steady_clock::now();
  BuiltModel model = load_model(command, files);
  const double build_time_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  write_exports(command, model);
  ExperimentPoint point{{}, answered(command, files, model, build_time_s)};
  warn_about_unused(command, model);
  return point;
}

void require_questions_only(const SolveCommand& command, const std::vector<solvers::PropertyFile>& files) {
  if (exports(command)) throw solvers::InputError("--const", {}, "a range has many chains, exports take one");
  if (files.empty()) throw solvers::InputError("--const", {}, "a range without a property, expected --property");
}

std::string printed(const SolveCommand& command, const Experiment& experiment,
                    const std::vector<ExperimentPoint>& points) {
  const std::vector<std::string> names = experiment.names();
  if (command.format == Format::kCsv) return solve_csv(names, points);
  if (experiment.has_ranges())
    return command.format == Format::kJson ? experiment_json(names, points) : experiment_table(names, points);
  const SolveReport& report = points.front().report;
  return command.format == Format::kJson ? solve_json(report) : solve_table(report);
}

ExitCode solve_or_throw(const SolveCommand& command) {
  const std::vector<solvers::PropertyFile> files = read_properties(command);
  const Experiment experiment(command.constants);
  if (experiment.has_ranges()) require_questions_only(command, files);
  const std::vector<ExperimentPoint> points = experiment.has_ranges()
                                                  ? answer_points(command, files, experiment)
                                                  : std::vector<ExperimentPoint>{solve_one(command, files)};
  const ExitCode exit_code = print_messages(command, points);
  write_output(printed(command, experiment, points), command.output);
  return exit_code;
}

}  // namespace

ExitCode answer(const SolveCommand& command) {
  std::vector<std::string> inputs = {command.model, command.properties_file, command.label_file, command.state_file};
  inputs.insert(inputs.end(), command.state_reward_files.begin(), command.state_reward_files.end());
  inputs.insert(inputs.end(), command.transition_reward_files.begin(), command.transition_reward_files.end());
  require_separate_files(inputs, {command.output, command.export_tra, command.export_lab, command.export_sta,
                                  command.export_srew, command.export_trew, command.export_mtx, command.export_dot});
  try {
    return solve_or_throw(command);
  } catch (const solvers::InputError& error) {
    print_message(error.what());
    return ExitCode::kBadInput;
  } catch (const FileError& error) {
    print_message(error.what());
    return ExitCode::kBadInput;
  } catch (const solvers::ChainError& error) {
    print_message(command.model + ": " + error.what());
    return ExitCode::kNoAnswer;
  } catch (const std::bad_alloc&) {
    print_message(command.model + ": no answer: the chain does not fit the memory");
    return ExitCode::kNoAnswer;
  }
}

}  // namespace windtunnel::cli
