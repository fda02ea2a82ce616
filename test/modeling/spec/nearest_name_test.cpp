// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/nearest_name.h"

#include "test/catch.h"

using namespace windtunnel::modeling;

TEST_CASE("the edit distance counts insertions, deletions, substitutions and swaps", "[spec][names]") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("tensor", "tensor") == 0);
  CHECK(edit_distance("Tensor", "tensor") == 0);
  CHECK(edit_distance("tensr", "tensor") == 1);
  CHECK(edit_distance("tenosr", "tensor") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("abc", "") == 3);
}

TEST_CASE("the edit distance is symmetric and obeys its bounds", "[spec][names]") {
  const std::vector<std::string> words = {"pipeline", "pipelines", "pipline", "data", "context", "x", "virtual_stages"};
  for (const std::string& a : words) {
    for (const std::string& b : words) {
      const int difference = static_cast<int>(std::max(a.size(), b.size()) - std::min(a.size(), b.size()));
      CHECK(edit_distance(a, b) == edit_distance(b, a));
      CHECK(edit_distance(a, b) >= difference);
      CHECK(edit_distance(a, b) <= static_cast<int>(std::max(a.size(), b.size())));
    }
  }
}

TEST_CASE("a name is suggested only when it is near", "[spec][names]") {
  const std::vector<std::string> known = {"tensor", "pipeline", "data"};
  CHECK(nearest_name("tensr", known) == "tensor");
  CHECK(nearest_name("dat", known) == "data");
  CHECK(nearest_name("colour", known) == std::nullopt);
  CHECK(nearest_name(std::string(1'000'000, 'x'), known) == std::nullopt);
  CHECK(suggestion("tensr", known) == ", did you mean 'tensor'?");
  CHECK(suggestion("colour", known) == ", expected one of tensor, pipeline, data");
  CHECK(suggestion("colour", {}) == "");
}

TEST_CASE("a quoted text stays on one short line", "[spec][names]") {
  CHECK(in_quotes("a\nb\x1b[31m") == "'a\\x0ab\\x1b[31m'");
  CHECK(in_quotes(std::string(59, 'x') + "\u20ac") == "'" + std::string(59, 'x') + "...'");
  CHECK(in_quotes(std::string(100, 'x')) == "'" + std::string(60, 'x') + "...'");
}
