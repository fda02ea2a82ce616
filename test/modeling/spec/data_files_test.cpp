// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/data_files.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

namespace fs = std::filesystem;

/// A data folder that WINDTUNNEL_DATA points to while the test runs.
struct ChosenData {
  fs::path folder = fs::temp_directory_path() / ("windtunnel_data_" + std::to_string(::getpid()));

  ChosenData() {
    fs::create_directories(folder / "model_shapes");
    std::ofstream(folder / "model_shapes" / "gpt-2.yaml") << "name: gpt-2\n";
    std::ofstream(folder / "model_shapes" / "mine.yaml") << "name: mine\n";
    ::setenv("WINDTUNNEL_DATA", folder.c_str(), 1);
  }
  ~ChosenData() {
    ::unsetenv("WINDTUNNEL_DATA");
    fs::remove_all(folder);
  }
};

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

TEST_CASE("shipped data are found by name in any letter case", "[spec][data]") {
  REQUIRE(find_data_file("model_shapes", "GPT-2").has_value());
  CHECK(find_data_file("model_shapes", "GPT-2")->filename() == "gpt-2.yaml");
  CHECK(find_data_file("hardware_profiles/devices", "h100-sxm-80gb").has_value());
  CHECK_FALSE(find_data_file("model_shapes", "no-such-model").has_value());
  CHECK_FALSE(find_data_file("model_shapes", "../model_shapes/gpt-2").has_value());
  CHECK_FALSE(find_data_file("no_such_folder", "gpt-2").has_value());
}

TEST_CASE("the folder in WINDTUNNEL_DATA comes first and the others remain", "[spec][data]") {
  const ChosenData chosen;
  CHECK(find_data_file("model_shapes", "gpt-2") == chosen.folder / "model_shapes" / "gpt-2.yaml");
  CHECK(find_data_file("model_shapes", "llama-2-7b").has_value());
  CHECK(contains(data_names("model_shapes"), "mine"));
  CHECK(contains(data_names("model_shapes"), "llama-2-7b"));
}
