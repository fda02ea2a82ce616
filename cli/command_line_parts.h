// SPDX-License-Identifier: Apache-2.0
// Options that several verbs share, and how each verb reads its own.
#pragma once

#include <CLI/CLI.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "cli/command_line.h"

namespace windtunnel::cli {

/// What is wrong with the command line, in one line.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The arguments after the verb.
using Arguments = std::vector<std::string>;

bool is_option(const std::string& argument);

/// Every long option of a verb, `--help` included.
std::vector<std::string> option_names(const CLI::App& app);

/// Fills the variables bound to the app's options. Unknown options are answered before missing ones: a misspelt option
/// is usually why something is missing. Throws UsageError and CLI's own errors.
void parse(CLI::App& app, const Arguments& arguments);

Format parse_format(const std::string& text, const std::vector<std::string>& allowed);
std::vector<modeling::YamlOverride> parse_overrides(const std::vector<std::string>& assignments);

/// One spec file, `--set` and `--output`.
void add_spec(CLI::App& app, std::string& spec);
void add_specs(CLI::App& app, std::vector<std::string>& specs);
void add_overrides(CLI::App& app, std::vector<std::string>& assignments);
void add_output(CLI::App& app, std::string& output);
void require_spec(const std::string& spec);
void require_specs(const std::vector<std::string>& specs);

/// Throws UsageError with the option's name.
void require_between(const char* option, int value, int lowest, int highest);

/// Threads; 0: one per core.
void add_jobs(CLI::App& app, int& jobs);
void require_jobs(const CLI::App& app, int jobs);

Command parse_sweep(CLI::App& app, const Arguments& arguments);
Command parse_search(CLI::App& app, const Arguments& arguments);
Command parse_explain(CLI::App& app, const Arguments& arguments);
Command parse_calibrate(CLI::App& app, const Arguments& arguments);
Command parse_solve(CLI::App& app, const Arguments& arguments);

}  // namespace windtunnel::cli
