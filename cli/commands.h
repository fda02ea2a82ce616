// SPDX-License-Identifier: Apache-2.0
// What a command line can ask for, one struct per verb, and the functions that answer, one file per verb.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "modeling/spec/yaml_reader.h"
#include "modeling/studies/what_if/search.h"
#include "modeling/studies/what_if/sweep_axis.h"
#include "solvers/numerics/solve_result.h"

namespace windtunnel::cli {

enum class Format { kTable, kJson, kCsv };

/// Of a derivation.
enum class TextFormat { kText, kMarkdown, kHtml, kDot };

/// `windtunnel run SPEC...`: one evaluation per spec. A bad spec does not stop the others; the worst exit code counts.
struct RunCommand {
  std::vector<std::string> specs;
  std::vector<modeling::YamlOverride> overrides;
  Format format = Format::kTable;
  /// Empty or "-": standard output.
  std::string output;
  /// Empty: not written. One step as Chrome trace events; needs a single spec.
  std::string trace;
  /// Empty: not written. Numbers over time as CSV; needs a single spec with a block transient.
  std::string series;
  /// Serving: event simulation of this many requests instead of the chains.
  std::optional<std::int64_t> simulated_requests;
  /// HTML; empty: none.
  std::string report;
};
ExitCode answer(const RunCommand& command);

/// `windtunnel sweep SPEC --vary PATH=VALUES`: the cross product, one CSV row per point.
struct SweepCommand {
  std::string spec;
  std::vector<modeling::YamlOverride> overrides;
  std::vector<modeling::SweepAxis> axes;
  /// Threads; 0: one per core.
  int jobs = 0;
  std::string output;
  /// Keep finished points beside the output, and go on from there.
  bool resume = false;
};
ExitCode answer(const SweepCommand& command);

/// `windtunnel search SPEC`: legal layouts, ranked.
struct SearchCommand {
  std::string spec;
  std::vector<modeling::YamlOverride> overrides;
  modeling::SearchOptions options;
  Format format = Format::kTable;
  std::string output;
};
ExitCode answer(const SearchCommand& command);

/// `windtunnel explain SPEC`: the derivation of the answer.
struct ExplainCommand {
  std::string spec;
  std::vector<modeling::YamlOverride> overrides;
  TextFormat format = TextFormat::kText;
  std::string output;
};
ExitCode answer(const ExplainCommand& command);

/// `windtunnel check SPEC...`: reads each spec with its model and profile, prints `FILE: ok`.
struct CheckCommand {
  std::vector<std::string> specs;
  std::vector<modeling::YamlOverride> overrides;
};
ExitCode answer(const CheckCommand& command);

/// `windtunnel profiles [NAME]`: the shipped devices, or every number of one with its unit, source and evidence.
struct ProfilesCommand {
  /// Empty: list all.
  std::string name;
  /// List the software generations and what each stands for.
  bool software = false;
  Format format = Format::kTable;
};
ExitCode answer(const ProfilesCommand& command);

/// `windtunnel models [NAME|config.json]`: the shipped shapes, or layers, parameters, FLOP and cache of one.
struct ModelsCommand {
  /// Empty: list all.
  std::string name;
  Format format = Format::kTable;
};
ExitCode answer(const ModelsCommand& command);

/// Rows of a samples file whose cell in `column` is `value`.
struct SampleFilter {
  std::string column;
  std::string value;
};

/// `windtunnel calibrate SAMPLES.csv --device NAME`: fits the device's efficiency curves to measured operator times.
struct CalibrateCommand {
  std::string samples;
  /// A shipped device or the path of a profile file: its peaks, bandwidths and tiles are taken as given.
  std::string device;
  std::vector<SampleFilter> filters;
  Format format = Format::kTable;
  std::string output;
};
ExitCode answer(const CalibrateCommand& command);

/// `windtunnel import 'vllm serve MODEL ...'`: the spec of a command that starts a serving engine.
struct ImportCommand {
  std::vector<std::string> words;
  /// Empty: the spec says that it has to be named.
  std::string device;
  std::string output;
};
ExitCode answer(const ImportCommand& command);

/// `windtunnel schema`: the JSON Schema of a spec file, for editors.
struct SchemaCommand {};
ExitCode answer(const SchemaCommand& command);

/// `windtunnel solve MODEL`: answers questions about a Markov chain, and writes it in other formats.
struct SolveCommand {
  std::string model;
  /// `N=5,rate=1/3,T=0:1:10`.
  std::string constants;
  /// In the order asked; the properties of the file come after them.
  std::vector<std::string> properties;
  std::string properties_file;
  /// Beside a .tra or .mtx file.
  std::string label_file;
  std::string state_file;
  std::vector<std::string> state_reward_files;
  std::vector<std::string> transition_reward_files;
  solvers::Method method = solvers::Method::kAutomatic;
  /// Proven error wanted, absolute or relative; 0: the default of the library.
  double tolerance = 0.0;
  /// Also say by how much each answer changes with each constant or transition.
  bool sensitivity = false;
  /// Check the certificates once more, independently of the solver.
  bool verify = false;
  /// Count states as one where the question cannot tell them apart.
  bool lump = false;
  /// Modules that are counted instead of told apart: groups such as `m1,m2,m3`, or `auto` alone.
  std::vector<std::string> symmetry;
  /// Threads; 0: one per core.
  int jobs = 0;
  Format format = Format::kTable;
  /// Empty or "-": standard output.
  std::string output;
  /// Each empty: not written.
  std::string export_tra;
  std::string export_lab;
  std::string export_sta;
  std::string export_srew;
  std::string export_trew;
  std::string export_mtx;
  std::string export_dot;
};
ExitCode answer(const SolveCommand& command);

}  // namespace windtunnel::cli
