// SPDX-License-Identifier: Apache-2.0
// Traces as spreadsheets and loggers write them.
#include "modeling/spec/read_trace.h"

#include <filesystem>
#include <fstream>

#include "modeling/spec/spec_error.h"
#include "test/catch.h"

namespace windtunnel::modeling {
namespace {

std::string file_with(const std::string& text) {
  const auto path = std::filesystem::path(WINDTUNNEL_BINARY_DIR) / "test" / "trace.csv";
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
  return path.string();
}

std::string mistake_in(const std::string& text) {
  const std::string file = file_with(text);
  try {
    read_trace(file);
  } catch (const SpecError& error) {
    return std::string(error.what()).substr(file.size());
  }
  return "none";
}

TEST_CASE("A trace may have a mark, quotes, semicolons and the seconds since 1970", "[spec][trace]") {
  const auto plain = read_trace(file_with("arrival_s,prompt_tokens,output_tokens\n0,100,10\n0.5,1100,20\n"));
  for (const char* text :
       {"\xEF\xBB\xBF\"arrival_s\",\"prompt_tokens\",\"output_tokens\"\r\n\"0\",100,10\r\n0.5,\"1100\",20\r\n",
        "arrival_s;prompt_tokens;output_tokens\n0;100;10\n0,5;1100;20\n",
        "arrival_s,prompt_tokens,output_tokens\n1764590000,100,10\n1764590000.5,1100,20\n",
        "user,arrival_s, prompt_tokens ,output_tokens\n\"a, b\",0,100,10\nc,0.5,1100,20\n"}) {
    const auto trace = read_trace(file_with(text));
    REQUIRE(trace.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(trace[i].arrival_s == plain[i].arrival_s);
      CHECK(trace[i].prompt_tokens == plain[i].prompt_tokens);
      CHECK(trace[i].output_tokens == plain[i].output_tokens);
    }
  }
}

TEST_CASE("Mistakes in a trace are told at their place", "[spec][trace]") {
  const std::string header = "arrival_s,prompt_tokens,output_tokens\n";
  CHECK(mistake_in(header + "0,\"1,100\",10\n1,5,5\n") ==
        ":2:3: prompt_tokens is '1,100', expected a number of at least 1 without thousands marks");
  CHECK(mistake_in(header + "0,100,10\n1,100,ten\n") ==
        ":3:7: output_tokens is 'ten', expected a number of at least 1");
  CHECK(mistake_in(header + "0,100,10,7\n") == ":2:10: 4 cells, expected 3 as in the header");
  CHECK(mistake_in(header + "5,100,10\n4,100,10\n") == ":3:1: arrival_s goes back from 5 to 4");
  CHECK(mistake_in("arrival_s,output_tokens\n0,1\n") ==
        ":1:1: no column 'prompt_tokens', expected arrival_s,prompt_tokens,output_tokens");
}

}  // namespace
}  // namespace windtunnel::modeling
