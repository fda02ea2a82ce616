// SPDX-License-Identifier: Apache-2.0
// Legal layouts of a job, all of them, ranked.
#pragma once

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "modeling/report/report.h"
#include "modeling/spec/yaml_reader.h"
#include "modeling/studies/what_if/evaluator.h"
#include "modeling/studies/what_if/search_objective.h"

namespace windtunnel::modeling {

/// The search was asked for something it does not know: exit code 2.
class SearchError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A number or a word of a layout: tensor 8, recompute "full".
using Choice = std::variant<Count, std::string>;

/// One candidate: what it chooses, under the names of the contract, and the spec that says so.
struct Candidate {
  std::vector<std::pair<std::string, Choice>> choices;
  Spec spec;
};

struct RankedLayout {
  std::vector<std::pair<std::string, Choice>> choices;
  Report report;
  /// No other layout is better in the objective, or as good, and needs less memory (training) or answers sooner
  /// (serving).
  bool pareto = false;
};

struct SearchResult {
  Objective objective;
  /// The second aim of the Pareto mark.
  std::string second_aim;
  long long evaluated = 0;
  /// By reason; the reasons are disjoint.
  std::map<std::string, long long> rejected;
  /// Best first, at most `top`.
  std::vector<RankedLayout> layouts;
};

/// Called now and then with (layouts dealt with, layouts to deal with); by one thread at a time.
using SearchProgress = std::function<void(std::size_t done, std::size_t total)>;

/// `document`: the spec; its layout is only a starting point. Throws SearchError and SpecError.
SearchResult search_layouts(const YamlDocument& document, const SearchOptions& options, const Evaluate& evaluate,
                            const SearchProgress& progress = {});

}  // namespace windtunnel::modeling
