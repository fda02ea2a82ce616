// SPDX-License-Identifier: Apache-2.0
// A file of recorded requests: header `arrival_s,prompt_tokens,output_tokens`, one request per line.
#pragma once

#include <string>
#include <vector>

#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

/// One recorded request.
struct TracedRequest {
  double arrival_s = 0.0;
  Count prompt_tokens = 1;
  Count output_tokens = 1;
};

/// In order of arrival, the first at 0 s. The three columns may stand in any order among others. Throws SpecError with
/// file:line for a missing column, a number that is none, fewer than two requests, or arrivals that go back in time.
std::vector<TracedRequest> read_trace(const std::string& file);

}  // namespace windtunnel::modeling
