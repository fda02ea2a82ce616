// SPDX-License-Identifier: Apache-2.0
#include "cli/solve_points.h"

#include <chrono>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <optional>

#include "cli/message.h"
#include "cli/solve_model.h"
#include "modeling/studies/what_if/parallel_for.h"
#include "solvers/numerics/chain_error.h"
#include "solvers/prism/model.h"

namespace windtunnel::cli {
namespace {

using solvers::prism::BuiltModel;
using solvers::prism::GivenConstants;

/// The chain of a thread's last point, as long as it is also that of the next.
class LastModel {
 public:
  explicit LastModel(const std::vector<solvers::PropertyFile>& files) : files_(files) {}

  /// The model at the command's constants. Throws as load_model does.
  BuiltModel& at(const SolveCommand& command) {
    GivenConstants constants = solvers::prism::parse_constants(command.constants);
    if (is_the_same(command, constants)) {
      model_->scope = load_scope(command, model_->chain);
    } else {
      model_.reset();  // two chains at once may not fit
      model_.emplace(load_model(command, files_));
      names_.emplace(model_->scope);
    }
    constants_ = std::move(constants);
    return *model_;
  }

 private:
  /// Which modules are counted may depend on constants of properties.
  bool is_the_same(const SolveCommand& command, const GivenConstants& constants) const {
    if (!model_.has_value() || !command.symmetry.empty() || constants.size() != constants_.size()) return false;
    for (const auto& [name, value] : constants) {
      const auto before = constants_.find(name);
      if (before == constants_.end()) return false;
      if (!(before->second == value) && names_->has_used(name)) return false;
    }
    return true;
  }

  const std::vector<solvers::PropertyFile>& files_;
  std::optional<BuiltModel> model_;
  /// As the model left them, before properties asked for more.
  std::optional<solvers::prism::Scope> names_;
  GivenConstants constants_;
};

/// Those that no thread is using.
class LastModels {
 public:
  explicit LastModels(const std::vector<solvers::PropertyFile>& files) : files_(files) {}

  std::unique_ptr<LastModel> taken() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<LastModel>(files_);
    std::unique_ptr<LastModel> model = std::move(idle_.back());
    idle_.pop_back();
    return model;
  }

  void give_back(std::unique_ptr<LastModel> model) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(model));
  }

 private:
  const std::vector<solvers::PropertyFile>& files_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<LastModel>> idle_;
};

/// Every property unknown, for one reason.
SolveReport unanswered(const std::vector<solvers::PropertyFile>& files, const std::string& reason, ExitCode code) {
  SolveReport report;
  for (const solvers::PropertyFile& file : files) {
    for (const solvers::PropertySyntax& property : file.properties) {
      PropertyAnswer answer{.name = property.name, .property = property.text};
      answer.message = reason;
      answer.exit_code = code;
      report.properties.push_back(std::move(answer));
    }
  }
  return report;
}

SolveReport answer_point(const SolveCommand& command, const std::vector<solvers::PropertyFile>& files, LastModel& last,
                         bool warns) {
  try {
    const auto start = std::chrono::steady_clock::now();
    BuiltModel& model = last.at(command);
    const double build_time_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    SolveReport report = answered(command, files, model, build_time_s);
    if (warns) warn_about_unused(command, model);
    return report;
  } catch (const solvers::InputError& error) {
    return unanswered(files, error.what(), ExitCode::kBadInput);
  } catch (const solvers::ChainError& error) {
    return unanswered(files, error.what(), ExitCode::kNoAnswer);
  } catch (const std::bad_alloc&) {
    return unanswered(files, "no answer: the chain does not fit the memory", ExitCode::kNoAnswer);
  }
}

}  // namespace

SolveReport answered(const SolveCommand& command, const std::vector<solvers::PropertyFile>& files, BuiltModel& model,
                     double build_time_s) {
  SolveReport report{.states = model.chain.states(),
                     .transitions = model.chain.transitions(),
                     .symmetric_modules = model.symmetric_modules,
                     .build_time_s = build_time_s};
  AnswerOptions options{.method = command.method,
                        .tolerance = command.tolerance,
                        .verify = command.verify,
                        .lump = command.lump,
                        .threads = modeling::thread_count(command.jobs)};
  if (command.sensitivity) options.sensitivities = sensitivities_of(command, model);
  for (const solvers::PropertyFile& file : files) {
    std::vector<PropertyAnswer> more = answers(file, model, options);
    std::move(more.begin(), more.end(), std::back_inserter(report.properties));
  }
  return report;
}

void warn_about_unused(const SolveCommand& command, const BuiltModel& model) {
  if (!command.symmetry.empty() && model.symmetric_modules.empty())
    print_message("warning: --symmetry auto: no two modules are alike to the model and to every property");
  for (const std::string& name : model.scope.unused_constants()) {
    print_message("warning: constant '" + name + "' is not used by the model or the properties");
  }
}

std::vector<ExperimentPoint> answer_points(const SolveCommand& command, const std::vector<solvers::PropertyFile>& files,
                                           const Experiment& experiment) {
  if (!is_explicit(command.model)) solvers::prism::parse_model(file_text(command.model), command.model);
  std::vector<ExperimentPoint> points(experiment.size());
  LastModels models(files);
  modeling::parallel_for(points.size(), command.jobs, [&](std::size_t k) {
    SolveCommand one = command;
    one.constants = experiment.constants(k);
    one.jobs = 1;
    std::unique_ptr<LastModel> last = models.taken();
    points[k] = {experiment.values(k), answer_point(one, files, *last, k == 0)};
    models.give_back(std::move(last));
  });
  return points;
}

}  // namespace windtunnel::cli
