// SPDX-License-Identifier: Apache-2.0
// `import windtunnel`: the tool from Python, answers as plain dicts and lists.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>

#include "cli/solve_model.h"
#include "cli/version.h"
#include "modeling/evaluate.h"
#include "modeling/report/json_report.h"
#include "modeling/report/required_measures.h"
#include "modeling/spec/read_spec.h"
#include "modeling/studies/what_if/sensitivity.h"
#include "modeling/studies/what_if/sweep.h"
#include "python/solve_functions.h"
#include "solvers/numerics/input_error.h"

namespace windtunnel::python {
namespace {

namespace py = pybind11;

/// A text as it is; anything else as JSON, which YAML reads: True, None and dicts come out right.
std::string yaml_text(const py::handle& value) {
  if (py::isinstance<py::str>(value)) return value.cast<std::string>();
  return py::module_::import("json").attr("dumps")(value).cast<std::string>();
}

std::vector<modeling::YamlOverride> overrides_of(const py::dict& values) {
  std::vector<modeling::YamlOverride> overrides;
  for (const auto& [path, value] : values) overrides.push_back({py::str(path).cast<std::string>(), yaml_text(value)});
  return overrides;
}

/// A path of a file; a text of several lines, or a dict, is the spec itself.
modeling::YamlDocument document_of(const py::object& spec, const py::dict& values) {
  const bool is_dict = py::isinstance<py::dict>(spec);
  const std::string text = is_dict ? yaml_text(spec) : py::str(spec).cast<std::string>();
  if (is_dict || text.find('\n') != std::string::npos)
    return modeling::YamlDocument::parse(text, "spec", overrides_of(values));
  return modeling::YamlDocument::load(text, overrides_of(values));
}

py::object run(const py::object& spec, const py::dict& values, bool sensitivities) {
  const modeling::YamlDocument document = document_of(spec, values);
  std::string json;
  {
    const py::gil_scoped_release others_may_run;
    const modeling::Spec asked = modeling::read_spec(document);
    modeling::Report report = modeling::evaluate(asked);
    if (sensitivities) report.sensitivities = modeling::find_sensitivities(asked, report, modeling::evaluate_in_detail);
    modeling::add_unknown_measures(report);
    json = modeling::json_report(report, cli::kVersion);
  }
  return py::module_::import("json").attr("loads")(json);
}

/// A text is what `--vary` takes; a list is the values themselves.
modeling::SweepAxis axis_of(const std::string& path, const py::handle& values) {
  if (py::isinstance<py::str>(values)) return modeling::parse_sweep_axis(path + "=" + values.cast<std::string>());
  modeling::SweepAxis axis{.path = path};
  for (const py::handle& value : values) axis.values.push_back(yaml_text(value));
  return axis;
}

/// NaN is Python's None: unknown.
py::object number(double value) {
  return std::isnan(value) ? py::object(py::none()) : py::object(py::float_(value));
}

py::list sweep(const py::object& spec, const py::dict& vary, const py::dict& values, int jobs) {
  std::vector<modeling::SweepAxis> axes;
  for (const auto& [path, list] : vary) axes.push_back(axis_of(py::str(path).cast<std::string>(), list));
  const modeling::SweepPlan plan(document_of(spec, values), axes);
  std::vector<modeling::SweepRow> rows;
  {
    const py::gil_scoped_release others_may_run;
    rows = modeling::run_sweep(plan, modeling::evaluate_in_detail, {.jobs = jobs});
  }
  py::list table;
  for (std::size_t point = 0; point < rows.size(); ++point) {
    py::dict row;
    const std::vector<std::string> inputs = plan.inputs(point);
    for (std::size_t i = 0; i < axes.size(); ++i) row[py::str(axes[i].path)] = inputs[i];
    for (std::size_t i = 0; i < rows[point].values.size(); ++i)
      row[py::str((*rows[point].names)[i])] = number(rows[point].values[i]);
    row["warnings"] = rows[point].warnings;
    row["status"] = rows[point].status;
    table.append(row);
  }
  return table;
}

/// Wrong input of any kind is a ValueError with the line that the program prints.
void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const modeling::SpecError& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const modeling::AxisError& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const solvers::InputError& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const cli::FileError& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  }
}

}  // namespace

PYBIND11_MODULE(windtunnel, module) {
  module.doc() = "Markov-chain performance models of AI clusters";
  module.attr("__version__") = cli::kVersion;
  py::register_exception_translator(translate);
  module.def("run", &run, py::arg("spec"), py::arg("set") = py::dict(), py::arg("sensitivities") = false,
             "The answer to a spec (path, YAML text or dict) as a dict: what `windtunnel run --format json` prints.\n"
             "set: {dotted path: value}. Wrong input raises ValueError; without an answer 'failure' says why.");
  module.def(
      "sweep", &sweep, py::arg("spec"), py::arg("vary"), py::arg("set") = py::dict(), py::arg("jobs") = 0,
      "One dict per point of the cross product. vary: {dotted path: list of values, or '1..8:1', 'log(1..64:7)'}.\n"
      "Unknown numbers are None; 'status' is 'ok' or the reason. pandas.DataFrame(rows) makes a frame.");
  add_solve_functions(module);
}

}  // namespace windtunnel::python
