// SPDX-License-Identifier: Apache-2.0
// The verbs that ask one spec many times, and the one that explains it: their options.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <map>

#include "cli/command_line_parts.h"
#include "modeling/spec/nearest_name.h"

namespace windtunnel::cli {
namespace {

using modeling::in_quotes;
using modeling::joined;

constexpr int kMostLayouts = 1'000'000;

std::vector<modeling::SweepAxis> parse_axes(const std::vector<std::string>& texts) {
  if (texts.empty()) throw UsageError("expected at least one --vary path.to.key=VALUES");
  std::vector<modeling::SweepAxis> axes;
  for (const std::string& text : texts) {
    try {
      axes.push_back(modeling::parse_sweep_axis(text));
    } catch (const modeling::AxisError& error) {
      throw UsageError(std::string("--vary: ") + error.what());
    }
    for (std::size_t i = 0; i + 1 < axes.size(); ++i) {
      if (axes[i].path == axes.back().path) throw UsageError("--vary names " + in_quotes(axes[i].path) + " twice");
    }
  }
  return axes;
}

/// `tensor,schedule` or one name; repeatable.
std::vector<std::string> split_names(const std::vector<std::string>& texts) {
  std::vector<std::string> names;
  for (const std::string& text : texts) {
    names.emplace_back();
    for (const char c : text) {
      if (c == ',') {
        names.emplace_back();
      } else {
        names.back() += c;
      }
    }
  }
  return names;
}

/// `2.5` of every device, `h100-sxm-80gb=2.5` of one.
void read_price(const std::string& text, modeling::SearchOptions& options) {
  const auto equals = text.find('=');
  const std::string amount = equals == std::string::npos ? text : text.substr(equals + 1);
  double value = 0.0;
  const char* const end = amount.data() + amount.size();
  const auto [stop, error] = std::from_chars(amount.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value) || !(value > 0.0))
    throw UsageError("--price is " + in_quotes(amount) + ", expected an amount above 0");
  if (equals == std::string::npos)
    options.price_per_device_hour = value;
  else
    options.prices_per_device_hour[text.substr(0, equals)] = value;
}

modeling::Count device_count(const std::string& text) {
  modeling::Count value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  constexpr modeling::Count kMost = 1'000'000;
  if (error != std::errc() || stop != end || value < 1 || value > kMost)
    throw UsageError("--num-devices is " + in_quotes(text) + ", expected whole numbers from 1, for example 1,2,4,8");
  return value;
}

TextFormat parse_text_format(const std::string& text) {
  static const std::map<std::string, TextFormat> kFormats = {{"text", TextFormat::kText},
                                                             {"markdown", TextFormat::kMarkdown},
                                                             {"html", TextFormat::kHtml},
                                                             {"dot", TextFormat::kDot}};
  const auto found = kFormats.find(text);
  if (found != kFormats.end()) return found->second;
  throw UsageError("--format is " + in_quotes(text) + ", expected one of " +
                   joined({"text", "markdown", "html", "dot"}));
}

}  // namespace

Command parse_sweep(CLI::App& app, const Arguments& arguments) {
  SweepCommand command;
  std::vector<std::string> assignments;
  std::vector<std::string> axes;
  std::string format = "csv";
  add_spec(app, command.spec);
  app.add_option("--vary", axes, "An input and its values; repeatable, all combinations are answered")
      ->type_name("PATH=VALUES")
      ->allow_extra_args(false);
  add_overrides(app, assignments);
  add_jobs(app, command.jobs);
  app.add_option("--format", format, "csv")->type_name("FORMAT");
  add_output(app, command.output);
  app.add_flag("--resume", command.resume, "Keep finished points in FILE.partial; the same command goes on from them");
  parse(app, arguments);
  require_spec(command.spec);
  require_jobs(app, command.jobs);
  parse_format(format, {"csv"});
  if (command.resume && (command.output.empty() || command.output == "-"))
    throw UsageError("--resume needs --output FILE, beside which it keeps the finished points");
  command.overrides = parse_overrides(assignments);
  command.axes = parse_axes(axes);
  return command;
}

Command parse_search(CLI::App& app, const Arguments& arguments) {
  SearchCommand command;
  std::vector<std::string> assignments;
  std::vector<std::string> keep, prices, devices, sizes;
  std::string format = "table";
  modeling::SearchOptions& options = command.options;
  add_spec(app, command.spec);
  app.add_option("--objective", options.objective,
                 "What to rank by, a measure or cost_per_token, goodput; default by study")
      ->type_name("NAME");
  app.add_option("--top", options.top, "Layouts to print, default 20")->type_name("N");
  app.add_option("--keep", keep, "Keep what the spec says of these, for example tensor,schedule; repeatable")
      ->type_name("NAMES")
      ->allow_extra_args(false);
  app.add_option("--price", prices, "Of one device for one hour, of all or of one kind; default 1; repeatable")
      ->type_name("[DEVICE=]AMOUNT")
      ->allow_extra_args(false);
  app.add_option("--devices", devices, "Serving: devices to try, for example h100-sxm-80gb,h200-sxm-141gb; repeatable")
      ->type_name("NAMES")
      ->allow_extra_args(false);
  app.add_option("--num-devices", sizes, "Serving: numbers of devices to try, for example 1,2,4,8; repeatable")
      ->type_name("COUNTS")
      ->allow_extra_args(false);
  add_overrides(app, assignments);
  add_jobs(app, options.jobs);
  app.add_option("--format", format, "table, json or csv")->type_name("FORMAT");
  add_output(app, command.output);
  parse(app, arguments);
  require_spec(command.spec);
  require_jobs(app, options.jobs);
  require_between("--top", options.top, 1, kMostLayouts);
  for (const std::string& price : prices) read_price(price, options);
  options.devices = split_names(devices);
  for (const std::string& size : split_names(sizes)) options.num_devices.push_back(device_count(size));
  command.overrides = parse_overrides(assignments);
  command.format = parse_format(format, {"table", "json", "csv"});
  options.keep = split_names(keep);
  return command;
}

Command parse_calibrate(CLI::App& app, const Arguments& arguments) {
  CalibrateCommand command;
  std::vector<std::string> filters;
  std::string format = "table";
  app.add_option("SAMPLES", command.samples, "A CSV file of measured operator times")->type_name("");
  app.add_option("--device", command.device, "A shipped device or the path of a profile file")->type_name("NAME");
  app.add_option("--where", filters, "Only rows whose COLUMN holds VALUE; repeatable")
      ->type_name("COLUMN=VALUE")
      ->allow_extra_args(false);
  app.add_option("--format", format, "table (a profile fragment) or json")->type_name("FORMAT");
  add_output(app, command.output);
  parse(app, arguments);
  if (command.samples.empty()) throw UsageError("expected a CSV file of samples");
  if (command.device.empty()) throw UsageError("expected --device NAME, the profile the samples belong to");
  for (const std::string& filter : filters) {
    const std::size_t equals = filter.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UsageError("--where is " + in_quotes(filter) + ", expected COLUMN=VALUE");
    command.filters.push_back({filter.substr(0, equals), filter.substr(equals + 1)});
  }
  command.format = parse_format(format, {"table", "json"});
  return command;
}

Command parse_explain(CLI::App& app, const Arguments& arguments) {
  ExplainCommand command;
  std::vector<std::string> assignments;
  std::string format = "text";
  add_spec(app, command.spec);
  add_overrides(app, assignments);
  app.add_option("--format", format, "text, markdown, html or dot")->type_name("FORMAT");
  add_output(app, command.output);
  parse(app, arguments);
  require_spec(command.spec);
  command.overrides = parse_overrides(assignments);
  command.format = parse_text_format(format);
  return command;
}

}  // namespace windtunnel::cli
