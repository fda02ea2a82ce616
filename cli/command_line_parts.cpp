// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "modeling/spec/nearest_name.h"

namespace windtunnel::cli {

using modeling::in_quotes;
using modeling::joined;
using modeling::suggestion;

namespace {

constexpr int kMostJobs = 1024;

std::string unknown_option(const CLI::App& app, const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  return "unknown option " + in_quotes(name) + suggestion(name, option_names(app));
}

}  // namespace

bool is_option(const std::string& argument) {
  return argument.size() > 1 && argument.front() == '-';
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

void parse(CLI::App& app, const Arguments& arguments) {
  app.allow_extras();
  app.parse(Arguments(arguments.rbegin(), arguments.rend()));  // it wants them last first
  const std::vector<std::string> unknown = app.remaining();
  if (unknown.empty()) return;
  const auto option = std::find_if(unknown.begin(), unknown.end(), is_option);
  if (option != unknown.end()) throw UsageError(unknown_option(app, *option));
  throw UsageError("unexpected argument " + in_quotes(unknown.front()));
}

Format parse_format(const std::string& text, const std::vector<std::string>& allowed) {
  static const std::map<std::string, Format> kFormats = {
      {"table", Format::kTable}, {"json", Format::kJson}, {"csv", Format::kCsv}};
  if (std::find(allowed.begin(), allowed.end(), text) == allowed.end()) {
    throw UsageError("--format is " + in_quotes(text) + ", expected one of " + joined(allowed));
  }
  return kFormats.at(text);
}

std::vector<modeling::YamlOverride> parse_overrides(const std::vector<std::string>& assignments) {
  std::vector<modeling::YamlOverride> overrides;
  for (const std::string& assignment : assignments) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UsageError("--set is " + in_quotes(assignment) + ", expected path.to.key=value");
    }
    overrides.push_back({assignment.substr(0, equals), assignment.substr(equals + 1)});
  }
  return overrides;
}

void require_spec(const std::string& spec) {
  if (spec.empty()) throw UsageError("expected a spec file");
}

void require_specs(const std::vector<std::string>& specs) {
  if (specs.empty()) throw UsageError("expected at least one spec file");
}

void add_spec(CLI::App& app, std::string& spec) {
  app.add_option("SPEC", spec, "Spec file (YAML)")->type_name("");
}

void add_output(CLI::App& app, std::string& output) {
  app.add_option("--output", output, "Write the result here, whole or not at all")->type_name("FILE");
}

void add_specs(CLI::App& app, std::vector<std::string>& specs) {
  app.add_option("SPEC", specs, "Spec files (YAML)")->type_name("")->expected(0, -1);
}

void add_overrides(CLI::App& app, std::vector<std::string>& assignments) {
  app.add_option("--set", assignments, "Replace one value of every spec; repeatable")
      ->type_name("PATH.TO.KEY=VALUE")
      // One value each: otherwise it takes the spec file that follows.
      ->allow_extra_args(false);
}

void require_between(const char* option, int value, int lowest, int highest) {
  if (value >= lowest && value <= highest) return;
  throw UsageError(fmt::format("{} is {}, expected a whole number from {} to {}", option, value, lowest, highest));
}

void add_jobs(CLI::App& app, int& jobs) {
  app.add_option("--jobs", jobs, "Threads; default: one per core")->type_name("N");
}

void require_jobs(const CLI::App& app, int jobs) {
  if (app.count("--jobs") > 0) require_between("--jobs", jobs, 1, kMostJobs);
}

}  // namespace windtunnel::cli
