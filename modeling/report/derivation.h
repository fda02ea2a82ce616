// SPDX-License-Identifier: Apache-2.0
// How the answer comes about, for a reader who wants to follow it: the question, the study's own steps, every chain
// with its states, rates and equations, the answer, what it hangs on. Expects a report with Detail::kDerivation.
#pragma once

#include <string>
#include <vector>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// The whole derivation as sections, those of the study between the question and the answer.
std::vector<DerivationSection> whole_derivation(const Report& report);

/// For a terminal; tables in columns.
std::string derivation_text(const Report& report);
/// Formulas in LaTeX between dollar signs.
std::string derivation_markdown(const Report& report);
/// One page that works offline; formulas in MathML, chains drawn.
std::string derivation_html(const Report& report);
/// The chains for Graphviz: states with their probabilities, transitions with their rates per second.
std::string derivation_dot(const Report& report);

}  // namespace windtunnel::modeling
