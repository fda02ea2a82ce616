// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <iterator>
#include <regex>

#include "test/architecture/include_rules.h"
#include "test/catch.h"

namespace windtunnel::architecture {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLicence = "// SPDX-License-Identifier: Apache-2.0\n";

/// A source tree of one file, gone when the test ends.
class Tree {
 public:
  Tree(const fs::path& file, const std::string& content) {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << content;
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() { fs::remove_all(root_); }
  const fs::path& root() const { return root_; }

 private:
  fs::path root_ = fs::path(WINDTUNNEL_BINARY_DIR) / "test" / "architecture_tree";
};

std::vector<std::string> breaches_of(const std::string& file, const std::string& content) {
  return breaches(Tree(file, kLicence + content).root());
}

using Breaches = std::vector<std::string>;

TEST_CASE("The repository keeps its include direction, doors and names", "[architecture]") {
  const Breaches found = breaches(WINDTUNNEL_SOURCE_DIR);
  for (const std::string& one : found) UNSCOPED_INFO(one);
  CHECK(found.empty());
}

TEST_CASE("Every place that README and the plan of rooms name exists", "[architecture]") {
  for (const char* document : {"README.md", "docs/architecture.md"}) {
    std::ifstream file(fs::path(WINDTUNNEL_SOURCE_DIR) / document);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    static const std::regex kPlace("`((?:solvers|modeling|cli|hardware_profiles|docs)/[a-z_/]*(?:\\.[a-z]+)?)`");
    int places = 0;
    for (std::sregex_iterator at(text.begin(), text.end(), kPlace), end; at != end; ++at, ++places) {
      INFO(document << ": " << (*at)[1]);
      CHECK(fs::exists(fs::path(WINDTUNNEL_SOURCE_DIR) / (*at)[1].str()));
    }
    CHECK(places > 10);
  }
}

TEST_CASE("A breach of the direction is found, with its place", "[architecture]") {
  CHECK(breaches_of("solvers/chain/a.h", "#include \"modeling/spec/spec.h\"\n") ==
        Breaches{"solvers/chain/a.h:2: solvers may not include modeling/spec/spec.h"});
  CHECK(breaches_of("modeling/spec/a.cpp", "\n  #  include \"cli/run.h\"\n") ==
        Breaches{"modeling/spec/a.cpp:3: modeling may not include cli/run.h"});
  CHECK(breaches_of("modeling/workload/a.h", "#include \"modeling/chains/b.h\"\n") ==
        Breaches{"modeling/workload/a.h:2: a stage may not include the later modeling/chains/b.h"});
  CHECK(breaches_of("modeling/studies/health/a.h", "#include \"modeling/evaluate.h\"\n") ==
        Breaches{"modeling/studies/health/a.h:2: a stage may not include the later modeling/evaluate.h"});
}

TEST_CASE("A room that includes a later room, or a file outside all rooms, is found", "[architecture]") {
  CHECK(breaches_of("solvers/chain/a.h", "#include \"solvers/transient/b.h\"\n") ==
        Breaches{"solvers/chain/a.h:2: a room may not include the later solvers/transient/b.h"});
  CHECK(breaches_of("modeling/chains/serving/loops/a.h", "#include \"modeling/chains/serving/fleet/b.h\"\n").size() ==
        1);
  CHECK(breaches_of("modeling/chains/health/a.h", "#include \"modeling/chains/serving/fleet/b.h\"\n").empty());
  CHECK(breaches_of("solvers/a.h", "#include \"solvers/chain/b.h\"\n") ==
        Breaches{"solvers/a.h:1: stands in no room of solvers/"});
}

TEST_CASE("A library outside its door is found", "[architecture]") {
  CHECK(breaches_of("modeling/spec/a.cpp", "#include <yaml-cpp/yaml.h>\n") ==
        Breaches{"modeling/spec/a.cpp:2: yaml-cpp/yaml.h belongs in modeling/spec/yaml_parse.cpp only"});
  CHECK(breaches_of("solvers/chain/a.cpp", "#include <boost/graph/adjacency_list.hpp>\n").size() == 1);
  CHECK(breaches_of("modeling/costs/a.cpp", "#include <nlohmann/json.hpp>\n").size() == 1);
  CHECK(breaches_of("cli/run.cpp", "#include <CLI/CLI.hpp>\n").size() == 1);
}

TEST_CASE("A hub and a missing licence line are found", "[architecture]") {
  CHECK(breaches_of("solvers/util/a.h", "") ==
        Breaches{"solvers/util/a.h:1: name it after what it does, not whom it serves"});
  CHECK(breaches_of("test/common.h", "").size() == 1);
  CHECK(breaches(Tree("bench/a.cpp", "#include <vector>\n").root()) ==
        Breaches{"bench/a.cpp:1: the first line is not '// SPDX-License-Identifier: Apache-2.0'"});
}

TEST_CASE("What is allowed is not reported", "[architecture]") {
  CHECK(breaches_of("cli/a.cpp", "#include \"modeling/evaluate.h\"\n#include \"solvers/a.h\"\n").empty());
  CHECK(breaches_of("modeling/evaluate.cpp", "#include \"modeling/studies/a.h\"\n").empty());
  CHECK(breaches_of("modeling/chains/step/a.cpp", "#include \"modeling/report/report.h\"\n#include \"solvers/a.h\"\n")
            .empty());
  CHECK(breaches_of("modeling/spec/yaml_parse.cpp", "#include <yaml-cpp/yaml.h>\n").empty());
  CHECK(breaches_of("solvers/chain/a.cpp", "#include <vector>\n").empty());
}

}  // namespace
}  // namespace windtunnel::architecture
