// SPDX-License-Identifier: Apache-2.0
#include "test/architecture/include_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <regex>
#include <string_view>

namespace windtunnel::architecture {
namespace {

namespace fs = std::filesystem;

/// The stages of modeling/ as the data walks; each may include itself and the earlier ones. The report comes early: it
/// is the form of an answer and knows only units, and the later stages fill it.
constexpr std::array<std::string_view, 7> kStages = {"spec",  "report", "workload", "cluster",
                                                     "costs", "chains", "studies"};

/// A folder of rooms; each room may include itself and the rooms before it.
struct Wing {
  std::string_view folder;
  std::vector<std::string_view> rooms;
};

/// Rooms in the order of the arrows, as docs/architecture.md draws them.
const std::vector<Wing>& wings() {
  static const std::vector<Wing> kWings = {
      {"solvers/",
       {"numerics", "chain", "linear", "passage", "long_run", "transient", "lumping", "phase_type", "arrivals",
        "queues", "networks", "precedence", "simulation", "explicit", "prism", "csl"}},
      {"modeling/chains/",
       {"step", "links", "serving/requests", "serving/engine", "serving/simulation", "serving/replica", "serving/loops",
        "serving_over_time", "serving/fleet", "health"}},
      {"modeling/studies/", {"training", "serving", "health", "coupled", "what_if", "calibration"}},
  };
  return kWings;
}

/// A third-party library is included in these places only, so that replacing it touches them only.
struct Door {
  std::string_view header_prefix;
  std::vector<std::string_view> places;
};

const std::vector<Door>& doors() {
  static const std::vector<Door> kDoors = {
      {"yaml-cpp/", {"modeling/spec/yaml_parse.cpp"}},
      {"boost/", {"modeling/workload/operator_graph.cpp", "modeling/cluster/topology.cpp"}},
      {"nlohmann/",
       {"modeling/report/", "modeling/spec/json_schema.cpp", "modeling/spec/schema_words.h",
        "modeling/spec/schema_paths.cpp", "cli/"}},
      {"CLI/", {"cli/command_line"}},
  };
  return kDoors;
}

constexpr std::array<std::string_view, 6> kHubNames = {"common", "util", "utils", "helper", "helpers", "misc"};

struct Line {
  std::string path;
  int number = 0;
};

std::string breach(const Line& at, const std::string& text) {
  return fmt::format("{}:{}: {}", at.path, at.number, text);
}

std::string first_folder(std::string_view path) {
  return std::string(path.substr(0, path.find('/')));
}

/// Position of modeling/STAGE/... in the walk; files directly in modeling/ come after all stages.
std::size_t stage_of(std::string_view path) {
  const std::string_view below = path.substr(path.find('/') + 1);
  const auto stage = std::find(kStages.begin(), kStages.end(), below.substr(0, below.find('/')));
  return static_cast<std::size_t>(stage - kStages.begin());
}

std::optional<std::string> direction_breach(const Line& at, const std::string& included) {
  const std::string from = first_folder(at.path);
  const std::string to = first_folder(included);
  if (from == "solvers" && to != "solvers") return breach(at, "solvers may not include " + included);
  if (from != "modeling") return std::nullopt;
  if (to != "modeling" && to != "solvers") return breach(at, "modeling may not include " + included);
  const bool later = to == "modeling" && stage_of(included) > stage_of(at.path);
  return later ? std::optional(breach(at, "a stage may not include the later " + included)) : std::nullopt;
}

/// Position of the room that holds `path` among the rooms of `wing`; their number when it is none of them.
std::size_t room_of(const Wing& wing, std::string_view path) {
  const std::string_view folder = path.substr(wing.folder.size(), path.rfind('/') - wing.folder.size());
  const bool inside = path.rfind('/') >= wing.folder.size();
  const auto room = inside ? std::find(wing.rooms.begin(), wing.rooms.end(), folder) : wing.rooms.end();
  return static_cast<std::size_t>(room - wing.rooms.begin());
}

std::optional<std::string> room_breach(const Line& at, const std::string& included) {
  for (const Wing& wing : wings()) {
    if (!at.path.starts_with(wing.folder)) continue;
    const std::size_t from = room_of(wing, at.path);
    if (from == wing.rooms.size()) return breach({at.path, 1}, "stands in no room of " + std::string(wing.folder));
    if (!included.starts_with(wing.folder)) continue;
    if (room_of(wing, included) > from) return breach(at, "a room may not include the later " + included);
  }
  return std::nullopt;
}

std::optional<std::string> door_breach(const Line& at, const std::string& included) {
  for (const Door& door : doors()) {
    if (!included.starts_with(door.header_prefix)) continue;
    const bool allowed = std::any_of(door.places.begin(), door.places.end(),
                                     [&](std::string_view place) { return at.path.starts_with(place); });
    if (!allowed) return breach(at, fmt::format("{} belongs in {} only", included, fmt::join(door.places, ", ")));
  }
  return std::nullopt;
}

bool is_hub_name(const fs::path& part) {
  return std::find(kHubNames.begin(), kHubNames.end(), part.stem().string()) != kHubNames.end();
}

std::optional<std::string> name_breach(const fs::path& relative) {
  for (const fs::path& part : relative) {
    if (is_hub_name(part)) return breach({relative.string(), 1}, "name it after what it does, not whom it serves");
  }
  return std::nullopt;
}

bool is_source(const fs::path& path) {
  return path.extension() == ".cpp" || path.extension() == ".h";
}

std::vector<fs::path> sources_below(const fs::path& root) {
  std::vector<fs::path> sources;
  for (const char* folder : {"bench", "cli", "modeling", "solvers", "test"}) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.is_regular_file() && is_source(entry.path())) sources.push_back(fs::relative(entry.path(), root));
    }
  }
  std::sort(sources.begin(), sources.end());
  return sources;
}

void check_line(const Line& at, const std::string& text, std::vector<std::string>& found) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  if (at.number == 1 && text != "// SPDX-License-Identifier: Apache-2.0") {
    found.push_back(breach(at, "the first line is not '// SPDX-License-Identifier: Apache-2.0'"));
  }
  std::smatch match;
  const bool in_tests = at.path.starts_with("test/") || at.path.starts_with("bench/");
  if (in_tests || !std::regex_search(text, match, kInclude)) return;
  const std::string included = match[1];
  const bool ours = text.find('"') != std::string::npos;
  if (const auto wrong = ours ? direction_breach(at, included) : std::nullopt) found.push_back(*wrong);
  if (const auto wrong = ours ? room_breach(at, included) : std::nullopt) found.push_back(*wrong);
  if (const auto wrong = door_breach(at, included)) found.push_back(*wrong);
}

void check_file(const fs::path& root, const fs::path& relative, std::vector<std::string>& found) {
  if (const auto wrong = name_breach(relative)) found.push_back(*wrong);
  std::ifstream file(root / relative);
  std::string text;
  for (Line at{relative.string(), 1}; std::getline(file, text); ++at.number) check_line(at, text, found);
}

}  // namespace

std::vector<std::string> breaches(const fs::path& root) {
  std::vector<std::string> found;
  for (const fs::path& source : sources_below(root)) check_file(root, source, found);
  return found;
}

}  // namespace windtunnel::architecture
