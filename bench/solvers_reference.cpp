// SPDX-License-Identifier: Apache-2.0
// Every row of a table of reference values (argv[1], CSV: model, file, parameters, states, transitions, property,
// formula, reference_value, ...): the model is built, the property answered, the proven bounds compared with the value.
// argv[2]: only rows that contain this text.
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "cpu_clock.h"
#include "solvers/csl/model_checking.h"
#include "solvers/csl/property_binding.h"
#include "solvers/numerics/input_error.h"
#include "solvers/prism/model_file.h"

using namespace windtunnel;

namespace {

std::vector<std::string> split_csv(const std::string& line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool doubled = quoted && line[i] == '"' && i + 1 < line.size() && line[i + 1] == '"';
    if (doubled) {
      cells.back() += line[++i];
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      cells.emplace_back();
    } else if (line[i] != '\r') {
      cells.back() += line[i];
    }
  }
  return cells;
}

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// "1/3", "0.25", "Infinity", "~0.62"; as an interval of what its digits leave open.
struct Reference {
  double lower = 0.0;
  double upper = 0.0;
};

double number(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string::npos) return std::stod(text.substr(0, slash)) / std::stod(text.substr(slash + 1));
  return std::stod(text);
}

Reference reference_of(const std::vector<std::string>& row) {
  std::string text = row[7];
  if (text.front() == '[') {
    const std::size_t comma = text.find(',');
    return {number(text.substr(1, comma - 1)), number(text.substr(comma + 1))};
  }
  double relative = 1e-14;  // a printed double
  if (row[8].find("1e-5 relative") != std::string::npos) relative = 1e-5;
  double absolute = 0.0;
  if (row[8].find("1e-6 absolute") != std::string::npos) absolute = 1e-6;
  if (row[8].find("Storm") != std::string::npos && absolute == 0.0) absolute = 1e-8;
  if (text.front() == '~') text.erase(0, 1);
  const double value = number(text);
  if (std::isinf(value)) return {value, value};
  const double slack = std::max(absolute, relative * std::abs(value));
  return {value - slack, value + slack};
}

struct Tally {
  int held = 0;
  int failed = 0;
};

solvers::CheckResult answer(solvers::prism::BuiltModel& model, const std::string& formula) {
  const auto file = solvers::parse_properties(formula, "formula");
  solvers::declare_constants(file, model.scope);
  const auto inner = [&](const solvers::Query& query) {
    const solvers::StateSet all(static_cast<std::size_t>(model.chain.states()), true);
    const auto states = check_states(model.chain, query, all);
    return solvers::StateBounds{states.lower, states.upper};
  };
  const auto bound = bind_property(file, file.properties.front(), model.chain, model.scope, inner);
  if (const auto* question = std::get_if<solvers::Question>(&bound)) {
    return check(model.chain, question->query, question->filter);
  }
  solvers::CheckResult result;
  result.termination = solvers::Termination::kConverged;
  result.value = result.lower = result.upper = std::get<solvers::prism::Value>(bound).as_double();
  return result;
}

bool check_row(const std::string& folder, const std::vector<std::string>& row) {
  std::string constants = row[2];
  for (char& c : constants) c = c == ';' ? ',' : c;
  // The table leaves it open; its value is that of the embedded system with MAX_COUNT=2.
  if (row[0] == "ctmc-until") constants = "MAX_COUNT=2";
  bench::CpuClock clock;
  auto model =
      solvers::prism::build_model(contents(folder + row[1]), row[1], solvers::prism::parse_constants(constants));
  const double build_s = clock.seconds();
  clock.restart();
  const auto result = answer(model, row[6]);
  const double solve_s = clock.seconds();
  const Reference reference = reference_of(row);
  const bool meets = result.lower <= reference.upper && result.upper >= reference.lower;
  const bool fine = result.usable() && meets;
  std::printf(
      "%s %s %s %s: %.15g in [%.17g, %.17g] +-%.1e, reference %s; %s, %lld iterations, build %.2f s, solve %.2f "
      "s%s%s\n",
      fine ? "ok    " : "FAILED", row[0].c_str(), row[2].c_str(), row[6].c_str(), result.value, result.lower,
      result.upper, result.error_bound.value_or(0.0), row[7].c_str(), to_string(result.method_used).c_str(),
      result.iterations, build_s, solve_s,
      result.usable() ? "" : " NOT USABLE: ", result.usable() ? "" : result.message.c_str());
  return fine;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 0;  // the table is not part of the sources
  const std::string table = argv[1];
  const std::string folder = table.substr(0, table.find_last_of('/') + 1);
  std::istringstream lines(contents(table));
  std::string line;
  std::getline(lines, line);
  Tally tally;
  while (std::getline(lines, line)) {
    if (argc > 2 && line.find(argv[2]) == std::string::npos) continue;
    const auto row = split_csv(line);
    if (row.size() < 9) continue;
    bool fine = false;
    try {
      fine = check_row(folder, row);
    } catch (const std::exception& error) {
      std::printf("FAILED %s %s: %s\n", row[0].c_str(), row[6].c_str(), error.what());
    }
    ++(fine ? tally.held : tally.failed);
    std::fflush(stdout);
  }
  std::printf("%d held, %d failed\n", tally.held, tally.failed);
  return tally.failed == 0 ? 0 : 1;
}
