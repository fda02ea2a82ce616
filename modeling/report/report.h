// SPDX-License-Identifier: Apache-2.0
// The answer of one evaluation: measures, where the time and memory go, the chains behind them, warnings.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "modeling/report/timeline.h"

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

/// An arrow of a chain's picture, between positions in ChainRecord::state_probabilities.
struct ChainArrow {
  int from = 0;
  int to = 0;
  double rate_per_s = 0.0;
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
  /// Where the state is a count: probability of 0, 1, 2 ...; for pictures, not in the JSON.
  std::vector<double> law;
  /// Its transitions; only with Detail::kDerivation, and only where the states are named.
  std::vector<ChainArrow> arrows;
};

/// An input number that shaped the answer, with the class of its evidence.
struct Assumption {
  std::string name;
  double value = 0.0;
  std::string unit;
  std::string evidence;
  std::string source;
};

/// How an answer reacts to an input: elasticity = d ln measure / d ln input, so 0.13 means that 10 % more of the input
/// gives about 1.3 % more of the measure. Empty: unknown (the measure or the input is zero, or jumps).
struct Sensitivity {
  /// Dotted path of the input, as `--set` takes it.
  std::string path;
  std::string measure;
  std::optional<double> elasticity;
  /// Value of the input in SI units.
  double input_value = 0.0;
  /// "exact", or "central_difference" with the relative step below.
  std::string method;
  double step_ratio = 0.0;
  /// Half the difference of the slopes to either side: where the measure bends one way only, the true value lies
  /// within; at a kink or where the measure's own cells show it is as large as the elasticity. Empty: one side only.
  std::optional<double> elasticity_error;
};

/// A law or a profile as points of a line: P(step time <= x), probability of n requests ...
struct Curve {
  std::string name;
  std::string title;
  /// Names with units, as of measures.
  std::string x_name;
  std::string y_name;
  /// True: one bar per point (counts); false: a line.
  bool bars = false;
  std::vector<std::pair<double, double>> points;
};

/// Numbers over time as a table: a row per moment, the first column is its time_s. Empty cells: unknown.
struct Series {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<double>>> rows;
};

/// One part of the derivation: words, then formulas, then rows.
struct DerivationSection {
  std::string title;
  std::vector<std::string> paragraphs;
  /// LaTeX without dollar signs, and the same in plain text with the numbers put in.
  struct Equation {
    std::string latex;
    std::string text;
  };
  std::vector<Equation> equations;
  /// First row: headings. Empty: no table.
  std::vector<std::vector<std::string>> rows;
};

/// What was read of the model.
struct ModelRecord {
  /// parameters, active_parameters, weights_bytes, kv_bytes_per_token ...
  std::vector<Measure> numbers;
  /// How many layers of which kind, and which precision the weights have, in words.
  std::string layers;
  std::string precision;
};

/// How much a report says. Each level holds the ones before.
enum class Detail {
  kMeans,       ///< training without failures: the means of a step, nothing of its law; for ranking. Else as kDirect
  kDirect,      ///< measures without those that are searched for by many answers: for differences
  kMeasures,    ///< measures, breakdowns and failure: for sweeps and searches
  kAnswer,      ///< and title, finding, chains, assumptions
  kDerivation,  ///< and arrows, curves and derivation
};

struct Report {
  /// Set before the study runs.
  Detail detail = Detail::kAnswer;
  std::string spec_file;
  std::string study;
  std::string title;
  /// One sentence: where the bottleneck is.
  std::string finding;
  std::vector<Measure> measures;
  std::vector<Breakdown> breakdowns;
  /// Only where the spec has a model.
  std::optional<ModelRecord> model;
  std::vector<ChainRecord> chains;
  std::vector<Assumption> assumptions;
  std::vector<Sensitivity> sensitivities;
  std::vector<Curve> curves;
  std::vector<DerivationSection> derivation;
  std::vector<std::string> warnings;
  /// Only where the spec asks for a stretch of time.
  std::optional<Series> series;
  /// One step drawn out; only where it was asked for and the study has one.
  std::optional<Timeline> timeline;
  /// Empty when the question was answered; otherwise why not (exit code 1).
  std::string failure;
};

/// Value of a measure by name; empty when absent or unknown.
std::optional<double> find_measure(const Report& report, const std::string& name);

/// Every number under its column name: the measures, the breakdowns as `group.entry`, the sensitivities as
/// `elasticity.MEASURE.PATH`, the model's as `model.NAME`.
std::vector<Measure> numbers_of(const Report& report);

}  // namespace windtunnel::modeling
