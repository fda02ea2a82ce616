// SPDX-License-Identifier: Apache-2.0
// The answer of one evaluation: measures, where the time and memory go, the chains behind them, warnings.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace windtunnel::modeling {

/// A named number. The name ends in its unit (`_s`, `_bytes`, `_ratio`) and is the JSON key and the CSV column.
/// Empty value: unknown (null in JSON, NA in CSV). Infinity is written as the string "inf".
struct Measure {
  std::string name;
  std::optional<double> value;
};

/// One group of related numbers, for example "activity" (probabilities that sum to 1) or "memory_bytes".
struct Breakdown {
  std::string name;
  std::vector<Measure> entries;
};

/// One chain that was solved and how well.
struct ChainRecord {
  std::string name;
  std::string purpose;
  long long states = 0;
  long long transitions = 0;
  std::string method_requested;
  std::string method_used;
  long long iterations = 0;
  /// max_i |(pi Q)_i| relative to the largest exit rate, or the equivalent of the method.
  double residual = 0.0;
  /// Proven bound on the error of the chain's answer, relative; empty when none is known.
  std::optional<double> error_bound;
  /// Probability left out by truncation.
  double lost_probability = 0.0;
  /// Names of the states with their stationary probability, for reading; empty for large chains.
  std::vector<Measure> state_probabilities;
};

/// An input number that shaped the answer, with the class of its evidence.
struct Assumption {
  std::string name;
  double value = 0.0;
  std::string unit;
  std::string evidence;
  std::string source;
};

struct Report {
  std::string spec_file;
  std::string study;
  std::string title;
  /// One sentence: where the bottleneck is.
  std::string finding;
  std::vector<Measure> measures;
  std::vector<Breakdown> breakdowns;
  std::vector<ChainRecord> chains;
  std::vector<Assumption> assumptions;
  std::vector<std::string> warnings;
  /// Empty when the question was answered; otherwise why not (exit code 1).
  std::string failure;
};

/// Value of a measure by name; empty when absent or unknown.
std::optional<double> find_measure(const Report& report, const std::string& name);

}  // namespace windtunnel::modeling
