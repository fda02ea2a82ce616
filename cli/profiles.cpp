// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/profile_facts.h"
#include "cli/text_table.h"
#include "modeling/cluster/read_profile.h"
#include "modeling/spec/data_files.h"

namespace windtunnel::cli {
namespace {

using Json = nlohmann::ordered_json;
using modeling::YamlDocument;

/// The value of a fact by its path; empty when the profile does not state it.
std::string fact(const std::vector<ProfileFact>& facts, const std::string& path) {
  for (const ProfileFact& one : facts) {
    if (one.path == path) return one.value;
  }
  return "";
}

/// "3.35 TB/s" is a number and a unit, "8" a number, anything else text.
Json value_of(const std::string& text) {
  double number = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = end == text.data() + text.size() || *end == ' ';
  return error == std::errc() && whole ? Json(number) : Json(text);
}

std::string unit_of(const std::string& text) {
  const std::size_t space = text.find(' ');
  return value_of(text).is_number() && space != std::string::npos ? text.substr(space + 1) : "";
}

struct Profile {
  std::string file;
  std::vector<ProfileFact> facts;
  std::vector<ProfileSource> sources;
};

Profile read(const std::string& name) {
  const std::string file = modeling::hardware_profile_file(name);
  const modeling::YamlValue root = YamlDocument::load(file).root();
  return {file, profile_facts(root), profile_sources(root)};
}

std::string list_as_table() {
  std::vector<std::vector<std::string>> rows = {{"NAME", "VENDOR", "DESCRIPTION"}};
  for (const std::string& name : modeling::hardware_profile_names()) {
    const Profile profile = read(name);
    rows.push_back({name, fact(profile.facts, "vendor"), fact(profile.facts, "description")});
  }
  return text_table(rows);
}

std::string list_as_json() {
  Json list = Json::array();
  for (const std::string& name : modeling::hardware_profile_names()) {
    const Profile profile = read(name);
    list.push_back({{"name", name},
                    {"vendor", fact(profile.facts, "vendor")},
                    {"description", fact(profile.facts, "description")}});
  }
  return list.dump() + "\n";
}

/// What the device is in words, then its numbers, then where they come from.
std::string profile_as_table(const Profile& profile) {
  std::vector<std::vector<std::string>> words;
  std::vector<std::vector<std::string>> numbers = {{"NUMBER", "VALUE", "EVIDENCE", "SOURCE"}};
  for (const ProfileFact& one : profile.facts) {
    if (one.evidence.empty()) {
      words.push_back({one.path, one.value});
    } else {
      numbers.push_back({one.path, one.value, one.evidence, one.source});
    }
  }
  std::vector<std::vector<std::string>> sources = {{"SOURCE", "TITLE", "WHERE"}};
  for (const ProfileSource& one : profile.sources) sources.push_back({one.key, one.title, one.where});
  return text_table(words) + "\n" + text_table(numbers) + "\n" + text_table(sources);
}

std::string profile_as_json(const Profile& profile) {
  Json root = {{"file", profile.file}, {"facts", Json::array()}, {"sources", Json::object()}};
  for (const ProfileFact& one : profile.facts) {
    Json entry = {{"key", one.path}, {"value", value_of(one.value)}, {"unit", unit_of(one.value)}};
    entry["evidence"] = one.evidence.empty() ? Json(nullptr) : Json(one.evidence);
    entry["source"] = one.source.empty() ? Json(nullptr) : Json(one.source);
    root["facts"].push_back(entry);
  }
  for (const ProfileSource& one : profile.sources) {
    root["sources"][one.key] = {{"title", one.title}, {"where", one.where}};
  }
  return root.dump() + "\n";
}

/// What a generation stands for is its file's `description`, else its family.
std::string software_list(bool json) {
  std::vector<std::vector<std::string>> rows = {{"NAME", "STANDS FOR"}};
  Json list = Json::array();
  for (const std::string& name : modeling::software_names()) {
    const auto file = modeling::find_data_file("hardware_profiles/software", name);
    const auto facts = file ? profile_facts(YamlDocument::load(file->string()).root()) : std::vector<ProfileFact>{};
    const std::string description = fact(facts, "description");
    rows.push_back({name, description});
    list.push_back({{"name", name}, {"description", description}});
  }
  return json ? list.dump() + "\n" : text_table(rows);
}

std::string render(const ProfilesCommand& command) {
  const bool json = command.format == Format::kJson;
  if (command.software) return software_list(json);
  if (command.name.empty()) return json ? list_as_json() : list_as_table();
  const Profile profile = read(command.name);
  return json ? profile_as_json(profile) : profile_as_table(profile);
}

}  // namespace

ExitCode answer(const ProfilesCommand& command) {
  try {
    write_output(render(command), "");
    return ExitCode::kAnswered;
  } catch (const modeling::SpecError& error) {
    print_message(error.what());
    return ExitCode::kBadInput;
  }
}

}  // namespace windtunnel::cli
