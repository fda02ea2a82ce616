// SPDX-License-Identifier: Apache-2.0
// How far the serving chains were found to be from the event simulation of the same batching rules.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// Largest relative differences, by measure; the tests of the chains hold them.
class ModelError {
 public:
  /// Those of the whole checked range: see docs/serving.md, "How good it is".
  ModelError();
  /// Those stated already.
  explicit ModelError(std::vector<Measure> entries) : entries_(std::move(entries)) {}
  /// Where a rule names `measure` ("ttft_p99") as further off, by up to `ratio`.
  void widen(const std::string& measure, double ratio);
  /// `ttft_p99_ratio` and so on.
  std::vector<Measure> entries() const { return entries_; }

 private:
  std::vector<Measure> entries_;
};

}  // namespace windtunnel::modeling
