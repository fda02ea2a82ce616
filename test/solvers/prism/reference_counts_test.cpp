// SPDX-License-Identifier: Apache-2.0
// State and transition counts of published models: Quantitative Verification Benchmark Set, TACAS 2019, and PRISM's own
// regression tests. The files are test data beside the repository.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "solvers/prism/model_file.h"
#include "test/catch.h"

namespace windtunnel::solvers::prism {
namespace {

const std::filesystem::path kChains = std::filesystem::path(WINDTUNNEL_SOURCE_DIR) / ".." / "shared" / "chains";

struct ReferenceModel {
  std::string file;
  std::string constants;
  Index states = 0;
  Index transitions = 0;

  auto operator<=>(const ReferenceModel&) const = default;
};

/// The first cells of a row: none of them is quoted.
std::vector<std::string> first_cells(const std::string& row) {
  std::vector<std::string> cells;
  std::istringstream text(row);
  for (std::string cell; cells.size() < 5 && std::getline(text, cell, ',');) cells.push_back(cell);
  return cells;
}

std::set<ReferenceModel> reference_models() {
  std::set<ReferenceModel> models;
  std::ifstream file(kChains / "reference.csv");
  std::string row;
  std::getline(file, row);  // the header
  while (std::getline(file, row)) {
    const std::vector<std::string> cells = first_cells(row);
    if (cells.size() < 5 || cells[3].empty()) continue;
    std::string constants = cells[2];
    std::replace(constants.begin(), constants.end(), ';', ',');
    models.insert({cells[1], constants, std::stol(cells[3]), std::stol(cells[4])});
  }
  return models;
}

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST_CASE("Published models have the published numbers of states and transitions", "[solvers][prism]") {
  if (!std::filesystem::exists(kChains)) {
    WARN("skipped: no reference models at " << kChains.string());
    return;
  }
  const std::set<ReferenceModel> models = reference_models();
  CHECK(models.size() >= 18);
  for (const ReferenceModel& model : models) {
    INFO(model.file << " " << model.constants);
    const LabelledChain chain =
        build_model(text_of(kChains / model.file), model.file, parse_constants(model.constants)).chain;
    CHECK(chain.states() == model.states);
    CHECK(chain.transitions() == model.transitions);
  }
}

}  // namespace
}  // namespace windtunnel::solvers::prism
