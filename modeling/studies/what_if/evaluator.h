// SPDX-License-Identifier: Apache-2.0
// The whole tool as a function, handed to the studies that ask it many times: sweep, search, sensitivities. They come
// before modeling/evaluate.h in the walk, so they take it as an argument; that also lets a test put in its own.
#pragma once

#include <functional>

#include "modeling/report/report.h"
#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

/// Must be safe to call from several threads. Throws SpecError for wrong input.
using Evaluate = std::function<Report(const Spec&, Detail)>;

}  // namespace windtunnel::modeling
