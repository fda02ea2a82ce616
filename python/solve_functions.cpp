// SPDX-License-Identifier: Apache-2.0
#include "python/solve_functions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pybind11/stl.h>

#include <map>
#include <string>
#include <vector>

#include "cli/solve_experiment.h"
#include "cli/solve_model.h"
#include "cli/solve_points.h"
#include "cli/solve_report.h"

namespace windtunnel::python {
namespace {

namespace py = pybind11;

/// A text, or several.
std::vector<std::string> texts(const py::object& one_or_more) {
  if (py::isinstance<py::str>(one_or_more)) return {one_or_more.cast<std::string>()};
  return one_or_more.cast<std::vector<std::string>>();
}

/// A text as `--const` takes it, or {name: value}, where a value may be a range.
std::string constants_text(const py::object& constants) {
  if (py::isinstance<py::str>(constants)) return constants.cast<std::string>();
  std::vector<std::string> parts;
  for (const auto& [name, value] : constants.cast<py::dict>()) {
    const bool boolean = py::isinstance<py::bool_>(value);
    const std::string text = boolean ? (value.cast<bool>() ? "true" : "false") : py::str(value).cast<std::string>();
    parts.push_back(py::str(name).cast<std::string>() + "=" + text);
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

/// What all functions are asked.
struct Asked {
  cli::SolveCommand command;
  std::vector<solvers::PropertyFile> properties;
};

using Setter = void (*)(cli::SolveCommand& command, const py::object& value);

/// Named as the options of the program.
const std::map<std::string, Setter> kOptions = {
    {"lump", [](auto& command, const auto& value) { command.lump = value.template cast<bool>(); }},
    {"sensitivity", [](auto& command, const auto& value) { command.sensitivity = value.template cast<bool>(); }},
    {"verify", [](auto& command, const auto& value) { command.verify = value.template cast<bool>(); }},
    {"tolerance", [](auto& command, const auto& value) { command.tolerance = value.template cast<double>(); }},
    {"jobs", [](auto& command, const auto& value) { command.jobs = value.template cast<int>(); }},
    {"labels", [](auto& command, const auto& value) { command.label_file = value.template cast<std::string>(); }},
    {"states", [](auto& command, const auto& value) { command.state_file = value.template cast<std::string>(); }},
    {"state_rewards", [](auto& command, const auto& value) { command.state_reward_files = texts(value); }},
    {"transition_rewards", [](auto& command, const auto& value) { command.transition_reward_files = texts(value); }},
};

void set_option(const std::string& name, const py::object& value, cli::SolveCommand& command) {
  const auto option = kOptions.find(name);
  if (option == kOptions.end()) {
    std::vector<std::string> names;
    for (const auto& [known, setter] : kOptions) names.push_back(known);
    throw py::type_error(fmt::format("unknown argument '{}', expected one of {}", name, fmt::join(names, ", ")));
  }
  option->second(command, value);
}

Asked asked(const std::string& model, const py::object& property, const py::object& constants,
            const py::object& symmetry, const py::kwargs& options) {
  Asked result{.command = {.model = model, .constants = constants_text(constants), .symmetry = texts(symmetry)}};
  for (const auto& [name, value] : options) {
    set_option(py::str(name).cast<std::string>(), py::reinterpret_borrow<py::object>(value), result.command);
  }
  if (!(result.command.tolerance >= 0.0 && result.command.tolerance < 1.0))
    throw py::value_error(fmt::format("tolerance is {}, expected a number between 0 and 1", result.command.tolerance));
  for (const std::string& text : texts(property))
    result.properties.push_back(solvers::parse_properties(text, "property"));
  return result;
}

void warn_about(const std::vector<std::string>& unused) {
  for (const std::string& name : unused) {
    const std::string text = "constant '" + name + "' is not used by the model or the properties";
    if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 2) != 0) throw py::error_already_set();
  }
}

/// The answers of one chain.
cli::SolveReport report_of(const Asked& asked) {
  cli::SolveReport report;
  std::vector<std::string> unused;
  {
    const py::gil_scoped_release others_may_run;
    solvers::prism::BuiltModel model = cli::load_model(asked.command, asked.properties);
    report = cli::answered(asked.command, asked.properties, model, 0.0);
    unused = model.scope.unused_constants();
  }
  warn_about(unused);
  return report;
}

std::vector<cli::ExperimentPoint> points_of(const Asked& asked, const cli::Experiment& experiment) {
  const py::gil_scoped_release others_may_run;
  return cli::answer_points(asked.command, asked.properties, experiment);
}

py::object value_of(const cli::PropertyAnswer& answer) {
  if (answer.exit_code == cli::ExitCode::kBadInput) throw py::value_error(answer.message);
  if (!answer.value) throw std::runtime_error(answer.property + ": " + answer.message);
  return std::visit([](auto value) { return py::cast(value); }, *answer.value);
}

/// One value for one property, a list for a list.
py::object solve(const std::string& model, const py::object& property, const py::object& constants,
                 const py::object& symmetry, const py::kwargs& options) {
  const cli::SolveReport report = report_of(asked(model, property, constants, symmetry, options));
  py::list values;
  for (const cli::PropertyAnswer& answer : report.properties) values.append(value_of(answer));
  return py::isinstance<py::str>(property) && values.size() == 1 ? py::object(values[0]) : py::object(values);
}

py::object solve_report(const std::string& model, const py::object& property, const py::object& constants,
                        const py::object& symmetry, const py::kwargs& options) {
  const Asked question = asked(model, property, constants, symmetry, options);
  const cli::Experiment experiment(question.command.constants);
  const std::string json = experiment.has_ranges()
                               ? experiment_json(experiment.names(), points_of(question, experiment))
                               : solve_json(report_of(question));
  return py::module_::import("json").attr("loads")(json);
}

py::object known(const std::optional<double>& number) {
  return number ? py::object(py::float_(*number)) : py::object(py::none());
}

py::dict row_of(const cli::PropertyAnswer& answer) {
  py::dict row;
  row["property"] = answer.name.empty() ? answer.property : answer.name;
  row["value"] = answer.value ? std::visit([](auto value) { return py::object(py::cast(value)); }, *answer.value)
                              : py::object(py::none());
  row["error_bound"] = known(answer.error_bound);
  row["lower"] = known(answer.lower);
  row["upper"] = known(answer.upper);
  for (const cli::AnswerSensitivity& s : answer.sensitivities) {
    row[py::str("derivative." + s.input)] = known(s.derivative);
    row[py::str("derivative_error." + s.input)] = known(s.error_bound);
  }
  row["status"] = answer.message.empty() ? "ok" : answer.message;
  return row;
}

py::list experiment(const std::string& model, const py::object& property, const py::object& constants,
                    const py::object& symmetry, const py::kwargs& options) {
  const Asked question = asked(model, property, constants, symmetry, options);
  const cli::Experiment points(question.command.constants);
  const py::object as_number = py::module_::import("json").attr("loads");
  py::list rows;
  for (const cli::ExperimentPoint& point : points_of(question, points)) {
    for (const cli::PropertyAnswer& answer : point.report.properties) {
      py::dict row;
      for (std::size_t k = 0; k < point.values.size(); ++k)
        row[py::str(points.names()[k])] = as_number(point.values[k]);
      row.attr("update")(row_of(answer));
      rows.append(row);
    }
  }
  return rows;
}

constexpr const char* kArguments =
    "property: a text, or a list of them. constants: 'N=2,mu=0.5' or a dict. symmetry: 'auto', or groups of equal\n"
    "modules such as 'm1,m2,m3'. Also lump, sensitivity, verify, tolerance, jobs, labels, states, state_rewards and\n"
    "transition_rewards, as the options of `windtunnel solve`. Wrong input raises ValueError.";

template <typename Function>
void define(py::module_& module, const char* name, const Function& function, const char* says) {
  const std::string text = fmt::format("{}\n{}", says, kArguments);
  module.def(name, function, py::arg("model"), py::arg("property"), py::arg("constants") = "",
             py::arg("symmetry") = py::list(), text.c_str());
}

}  // namespace

void add_solve_functions(py::module_& module) {
  define(module, "solve", &solve,
         "The value of a property (or a list of values) of a chain in a file: PRISM language, .tra, .mtx.");
  define(
      module, "solve_report", &solve_report,
      "Values, bounds, methods, derivatives: what `windtunnel solve --format json` prints, as a dict. Constants may\n"
      "be ranges, 'N=2:2:16': then its 'experiments' is a list with one such dict per point.");
  define(
      module, "experiment", &experiment,
      "One dict per point of the ranges in constants ('N=2:2:16', {'N': '2:2:16'}) and property: the constants that\n"
      "vary, value, bounds, derivatives; 'status' is 'ok' or why there is no value. pandas.DataFrame(rows) makes a\n"
      "frame.");
}

}  // namespace windtunnel::python
