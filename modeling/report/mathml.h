// SPDX-License-Identifier: Apache-2.0
// The LaTeX of our derivations as MathML, which browsers draw without any script.
#pragma once

#include <string>
#include <string_view>

namespace windtunnel::modeling {

/// Knows letters, numbers, signs, `_`, `^`, `{...}`, \frac, \sqrt, \text, \sum, \int, \max, \min, \exp, \ln, \quad and
/// the Greek letters; any other command appears under its name.
std::string mathml(std::string_view latex);

}  // namespace windtunnel::modeling
