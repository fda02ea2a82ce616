// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pybind11/pybind11.h>

namespace windtunnel::python {

/// Adds what `windtunnel solve` can do: solve, solve_report, experiment.
void add_solve_functions(pybind11::module_& module);

}  // namespace windtunnel::python
