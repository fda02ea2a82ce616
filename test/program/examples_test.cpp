// SPDX-License-Identifier: Apache-2.0
// Examples are tests: each prints exactly its expected output, and the README shows what the program prints.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/program/program.h"

namespace windtunnel::test {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = WINDTUNNEL_SOURCE_DIR;

bool is_refresh() {
  return std::getenv("WINDTUNNEL_REFRESH_EXAMPLES") != nullptr;
}

/// `examples/NAME.yaml`, as a user would type them, sorted.
std::vector<std::string> examples() {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(kRoot / "examples")) {
    if (entry.path().extension() == ".yaml") files.push_back("examples/" + entry.path().filename().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

fs::path expected_file(const std::string& example) {
  return kRoot / fs::path(example).replace_extension(".expected_output.txt");
}

TEST_CASE("Every example prints its expected output", "[examples]") {
  REQUIRE_FALSE(examples().empty());
  for (const std::string& example : examples()) {
    INFO(example);
    const Outcome outcome = run_program("run " + example);
    if (is_refresh()) std::ofstream(expected_file(example)) << outcome.out;
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.out == content_of(expected_file(example).string()));
  }
}

TEST_CASE("Every expected output belongs to an example", "[examples]") {
  for (const auto& entry : fs::directory_iterator(kRoot / "examples")) {
    const std::string name = entry.path().filename().string();
    const std::string ending = ".expected_output.txt";
    if (!name.ends_with(ending)) continue;
    INFO(name);
    CHECK(fs::exists(kRoot / "examples" / (name.substr(0, name.size() - ending.size()) + ".yaml")));
  }
}

/// Where one sample stands in the README: the arguments of the program and the lines between the fences.
struct Sample {
  std::string arguments;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// A sample is a comment `<!-- sample: ARGUMENTS -->` followed by a fenced block.
std::vector<Sample> samples_in(const std::string& text) {
  const std::string opening = "<!-- sample: ";
  const std::string closing = " -->\n```text\n";
  std::vector<Sample> samples;
  for (std::size_t at = text.find(opening); at != std::string::npos; at = text.find(opening, at + 1)) {
    const std::size_t arguments = at + opening.size();
    const std::size_t fence = text.find(closing, arguments);
    REQUIRE(fence != std::string::npos);
    const std::size_t begin = fence + closing.size();
    const std::size_t end = text.find("```", begin);
    REQUIRE(end != std::string::npos);
    samples.push_back({text.substr(arguments, fence - arguments), begin, end});
  }
  return samples;
}

/// Times and the last digits of error bounds differ from machine to machine.
std::string comparable(const std::string& text) {
  static const std::regex kBuilt("built in +[0-9.e+-]+ s");
  static const std::regex kBoundAndTime("  +([0-9.e+-]+|-) +([a-z_]+( [a-z_]+)*) +([0-9]+) +[0-9.e+-]+ s\n");
  static const std::regex kSpaces(" +");
  const std::string timeless = std::regex_replace(text, kBuilt, "built in T s");
  return std::regex_replace(std::regex_replace(timeless, kBoundAndTime, " BOUND $2 $4 T s\n"), kSpaces, " ");
}

/// The documents with samples.
const std::vector<std::string> kDocuments = {"README.md", "examples/course/README.md", "docs/desk.md"};

TEST_CASE("The documents show what the program prints", "[examples]") {
  const std::string name = GENERATE(from_range(kDocuments));
  const std::string readme = (kRoot / name).string();
  std::string text = content_of(readme);
  std::vector<Sample> samples = samples_in(text);
  REQUIRE_FALSE(samples.empty());
  // From the back, so that a replacement does not move the ones still to come.
  std::reverse(samples.begin(), samples.end());
  for (const Sample& sample : samples) {
    INFO(sample.arguments);
    const Outcome outcome = run_program(sample.arguments);
    CHECK(outcome.exit_code == 0);
    const std::string shown = text.substr(sample.begin, sample.end - sample.begin);
    const bool same = comparable(shown) == comparable(outcome.out);
    if (is_refresh() && !same) text.replace(sample.begin, sample.end - sample.begin, outcome.out);
    if (!is_refresh()) CHECK(comparable(shown) == comparable(outcome.out));
  }
  if (is_refresh()) std::ofstream(readme) << text;
}

}  // namespace
}  // namespace windtunnel::test
