// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <new>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/solve_answers.h"
#include "cli/solve_experiment.h"
#include "cli/solve_model.h"
#include "cli/solve_report.h"
#include "solvers/chain_error.h"
#include "solvers/explicit/explicit_output.h"

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

SolveReport answered(const SolveCommand& command, const std::vector<solvers::PropertyFile>& files, BuiltModel& model,
                     double build_time_s) {
  SolveReport report{.states = model.chain.states(),
                     .transitions = model.chain.transitions(),
                     .symmetric_modules = model.symmetric_modules,
                     .build_time_s = build_time_s};
  AnswerOptions options{
      .method = command.method, .tolerance = command.tolerance, .verify = command.verify, .lump = command.lump};
  if (command.sensitivity) options.sensitivities = sensitivities_of(command, model);
  for (const solvers::PropertyFile& file : files) {
    std::vector<PropertyAnswer> more = answers(file, model, options);
    std::move(more.begin(), more.end(), std::back_inserter(report.properties));
  }
  return report;
}

void warn_about_unused(const BuiltModel& model) {
  for (const std::string& name : model.scope.unused_constants()) {
    print_message("warning: constant '" + name + "' is not used by the model or the properties");
  }
}

ExitCode print_messages(const SolveCommand& command, const SolveReport& report) {
  ExitCode worst = ExitCode::kAnswered;
  for (const PropertyAnswer& answer : report.properties) {
    worst = std::max(worst, answer.exit_code);
    if (answer.exit_code == ExitCode::kAnswered) continue;
    const bool has_place = answer.exit_code == ExitCode::kBadInput;
    print_message(has_place ? answer.message : command.model + ": " + answer.property + ": " + answer.message);
  }
  return worst;
}

bool exports(const SolveCommand& command) {
  const std::string* files[] = {&command.export_tra,  &command.export_lab, &command.export_sta, &command.export_srew,
                                &command.export_trew, &command.export_mtx, &command.export_dot};
  return std::any_of(std::begin(files), std::end(files), [](const std::string* file) { return !file->empty(); });
}

/// One point: its constants are all given.
SolveReport solved(const SolveCommand& command, const std::vector<solvers::PropertyFile>& files, bool warns) {
  const auto start = std::chrono::steady_clock::now();
  BuiltModel model = load_model(command, files);
  const double build_time_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  write_exports(command, model);
  SolveReport report = answered(command, files, model, build_time_s);
  if (warns) warn_about_unused(model);
  return report;
}

ExitCode solve_experiment(const SolveCommand& command, const std::vector<solvers::PropertyFile>& files,
                          const Experiment& experiment) {
  if (exports(command)) throw solvers::InputError("--const", {}, "a range has many chains, exports take one");
  if (files.empty()) throw solvers::InputError("--const", {}, "a range without a property, expected --property");
  ExitCode worst = ExitCode::kAnswered;
  std::vector<ExperimentPoint> points;
  for (std::size_t k = 0; k < experiment.size(); ++k) {
    SolveCommand one = command;
    one.constants = experiment.constants(k);
    points.push_back({experiment.values(k), solved(one, files, k == 0)});
    worst = std::max(worst, print_messages(command, points.back().report));
  }
  const std::vector<std::string> names = experiment.names();
  write_output(command.format == Format::kJson ? experiment_json(names, points) : experiment_table(names, points),
               command.output);
  return worst;
}

ExitCode solve_or_throw(const SolveCommand& command) {
  const std::vector<solvers::PropertyFile> files = read_properties(command);
  const Experiment experiment(command.constants);
  if (experiment.has_ranges()) return solve_experiment(command, files, experiment);
  const SolveReport report = solved(command, files, true);
  const ExitCode exit_code = print_messages(command, report);
  write_output(command.format == Format::kJson ? solve_json(report) : solve_table(report), command.output);
  return exit_code;
}

}  // namespace

ExitCode answer(const SolveCommand& command) {
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
