// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/yaml_reader.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>

#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

namespace fs = std::filesystem;

template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const SpecError& error) {
    return error.what();
  }
  return "no error";
}

std::string parse_error(const std::string& text) {
  return error_of([&] { YamlDocument::parse(text, "f.yaml"); });
}

YamlReader read(const std::string& text, const std::vector<YamlOverride>& overrides = {}) {
  return YamlDocument::parse(text, "f.yaml", overrides).root().map();
}

std::string repeated(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

double seconds_of(const std::function<void()>& action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// A file that is gone at the end of the test.
struct TemporaryFile {
  fs::path path = fs::temp_directory_path() / ("windtunnel_yaml_" + std::to_string(::getpid()) + ".yaml");
  ~TemporaryFile() { fs::remove(path); }
};

}  // namespace

TEST_CASE("values come back typed and located", "[spec][yaml]") {
  YamlReader map = read("a: 7e9\nb: 3.35 TB/s\nc: true\nd: [1, 2]\ne:\n  f: text\ng: -1.5\nh: ~\n");
  CHECK(map.count("a", 0, 10'000'000'000) == 7'000'000'000);
  CHECK(map.quantity("b", Dimension::kBytesPerSecond) == 3.35e12);
  CHECK(map.boolean("c", false));
  CHECK(map.require("d").list().at(1).count(0, 9) == 2);
  YamlReader inner = map.map("e");
  CHECK(inner.text("f") == "text");
  CHECK(to_string(inner.location()) == "f.yaml:6:3");
  CHECK(map.number("g", -2.0, 2.0, 0.0) == -1.5);
  CHECK(map.require("h").is_null());
  CHECK(map.count("absent", 1, 9, 5) == 5);
  CHECK_NOTHROW(map.finish());
}

TEST_CASE("each wrong value is one line that says what was found and expected", "[spec][yaml]") {
  struct Row {
    const char* value;
    const char* message;
  };
  const Row row = GENERATE(
      Row{"010", "f.yaml:1:4: '010' has a leading zero, expected a whole number from 1 to 99"},
      Row{"0x10", "f.yaml:1:4: '0x10' is not a number, expected a whole number from 1 to 99"},
      Row{"1_0", "f.yaml:1:4: '1_0' is not a number, expected a whole number from 1 to 99"},
      Row{".nan", "f.yaml:1:4: '.nan' is not a number, expected a whole number from 1 to 99"},
      Row{".inf", "f.yaml:1:4: '.inf' is not a number, expected a whole number from 1 to 99"},
      Row{"1e999", "f.yaml:1:4: '1e999' is outside the range of numbers, expected a whole number from 1 to 99"},
      Row{"1.5", "f.yaml:1:4: found '1.5', expected a whole number from 1 to 99"},
      Row{"0", "f.yaml:1:4: found '0', expected a whole number from 1 to 99"},
      Row{"-3", "f.yaml:1:4: found '-3', expected a whole number from 1 to 99"},
      Row{"1e300", "f.yaml:1:4: found '1e300', expected a whole number from 1 to 99"},
      Row{"\"8\"", "f.yaml:1:4: found the text '8', expected a whole number from 1 to 99"},
      Row{"eight", "f.yaml:1:4: 'eight' is not a number, expected a whole number from 1 to 99"},
      Row{"", "f.yaml:1:1: found nothing, expected a whole number from 1 to 99"},
      Row{"[8]", "f.yaml:1:4: found a list, expected a whole number from 1 to 99"},
      Row{"{b: 8}", "f.yaml:1:4: found a map, expected a whole number from 1 to 99"},
      Row{"true", "f.yaml:1:4: 'true' is not a number, expected a whole number from 1 to 99"});
  CHECK(error_of([&] { read(std::string("a: ") + row.value).count("a", 1, 99); }) == row.message);
}

TEST_CASE("only true and false are booleans", "[spec][yaml]") {
  const std::string value = GENERATE("yes", "no", "on", "off", "True", "1", "y");
  CHECK(error_of([&] { read("a: " + value).boolean("a", false); }) ==
        "f.yaml:1:4: found '" + value + "', expected true or false");
}

TEST_CASE("bad syntax is located", "[spec][yaml]") {
  CHECK(parse_error("a: 1\nb: 2\na: 3\n") == "f.yaml:3:1: repeated key 'a', first at line 1");
  CHECK(parse_error("x: {a: 1, a: 2}") == "f.yaml:1:11: repeated key 'a', first at line 1");
  CHECK(parse_error("a: 1\n---\nb: 2\n") ==
        "f.yaml:2:1: a second document starts here, expected one document per file");
  CHECK(parse_error("a: &x {b: 1}\nc:\n  <<: *x\n") ==
        "f.yaml:3:3: merge key '<<' is not supported, write the keys out");
  CHECK(parse_error("a: !!int 3\n") == "f.yaml:1:4: tag 'tag:yaml.org,2002:int' is not supported");
  CHECK(parse_error("a:\n\tb: 1\n") == "f.yaml:2:1: tab in the indentation, expected spaces");
  CHECK(parse_error("a: {b: 1\nc: 2\n") == "f.yaml:2:2: not valid YAML: end of map flow not found");
  CHECK(parse_error("[a, b]: 1\n") ==
        "f.yaml:1:1: found a list or map where a key is expected, is a bracket not closed?");
  CHECK(parse_error("a: *nothing\n") == "f.yaml:1:4: not valid YAML: the referenced anchor is not defined");
  CHECK(parse_error("a: &x [*x]\n") == "f.yaml:1:8: alias stands inside its own anchor");
  CHECK(parse_error("") == "f.yaml: is empty");
  CHECK(parse_error("# only a comment\n") == "f.yaml: is empty");
}

TEST_CASE("bytes that are not text are refused before parsing", "[spec][yaml]") {
  CHECK(parse_error(std::string("a: 1\nb: x\0y\n", 12)) == "f.yaml:2:5: control character 0x00 in the text");
  CHECK(parse_error("a: \x1b[31m\n") == "f.yaml:1:4: control character 0x1b in the text");
  CHECK(parse_error("a: \xff\n") == "f.yaml:1:4: byte 0xff is not UTF-8");
  CHECK(parse_error("a: \xc0\xaf\n") == "f.yaml:1:4: byte 0xc0 is not UTF-8");          // overlong '/'
  CHECK(parse_error("a: \xed\xa0\x80\n") == "f.yaml:1:4: byte 0xed is not UTF-8");      // surrogate
  CHECK(parse_error("a: \xf4\x90\x80\x80\n") == "f.yaml:1:4: byte 0xf4 is not UTF-8");  // beyond U+10FFFF
  CHECK(parse_error("a: \xe2\x82") == "f.yaml:1:4: byte 0xe2 is not UTF-8");            // cut off
  CHECK(parse_error("a: \"x\\0y\"\n") == "f.yaml:1:4: NUL byte in a text");
  CHECK(parse_error("a: \xe2\x82\xac \xf0\x9f\x8c\x80\n") == "no error");
}

TEST_CASE("hostile documents end in one line, soon", "[spec][yaml]") {
  // Measured below 0.5 s each in an optimised build; the bound leaves room for a sanitised build on a slow machine.
  constexpr double kSoon_s = 20.0;
  const auto expect = [&](const std::string& text, const std::string& message) {
    std::string found;
    CHECK(seconds_of([&] { found = parse_error(text); }) < kSoon_s);
    CHECK(found == message);
  };
  SECTION("deep open nesting") {
    expect("a: " + repeated("[", 100'000),
           "f.yaml:1:5: found a list or map where a key is expected, is a bracket not closed?");
  }
  SECTION("deep balanced nesting") {
    expect(repeated("[", 50'000) + repeated("]", 50'000), "f.yaml:1:33: more than 32 levels deep");
  }
  SECTION("deep block nesting") {
    expect(repeated("- ", 100'000), "f.yaml:1:65: more than 32 levels deep");
  }
  SECTION("alias bomb") {
    std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
    for (char c = 'b'; c < 'k'; ++c) {
      const std::string previous = std::string("*") + static_cast<char>(c - 1) + ", ";
      bomb += std::string(1, c) + ": &" + c + " [" + repeated(previous, 9) + "]\n";
    }
    expect(bomb, "f.yaml:6:8: more than 100000 values, aliases expanded");
  }
  SECTION("many values") {
    expect("a: [" + repeated(",", 900'000), "f.yaml:1:100003: more than 100000 values, aliases expanded");
  }
  SECTION("many keys") {
    std::string text;
    for (int i = 0; i < 60'000; ++i) text += "k" + std::to_string(i) + ": 1\n";
    expect(text, "no error");
    CHECK(error_of([&] { read(text).finish(); }) == "f.yaml:1:1: unknown key 'k0'");
  }
  SECTION("too long") {
    expect(std::string((1 << 20) + 1, '#'), "f.yaml: larger than 1048576 bytes");
  }
}

TEST_CASE("files are read within bounds", "[spec][yaml]") {
  const auto load_error = [](const std::string& file) { return error_of([&] { YamlDocument::load(file); }); };
  SECTION("a file of 100 MB ends at once") {
    TemporaryFile file;
    std::ofstream(file.path) << "a: 1\n";
    fs::resize_file(file.path, 100'000'000);
    std::string found;
    CHECK(seconds_of([&] { found = load_error(file.path.string()); }) < 1.0);
    CHECK(found == file.path.string() + ": larger than 1048576 bytes");
  }
  SECTION("an endless file") {
    CHECK(load_error("/dev/zero") == "/dev/zero: larger than 1048576 bytes");
  }
  SECTION("a folder") {
    CHECK(load_error("/tmp") == "/tmp: is a directory, expected a file");
  }
  SECTION("no file") {
    CHECK(load_error("/nowhere/x.yaml") == "/nowhere/x.yaml: cannot be opened: No such file or directory");
  }
}

TEST_CASE("unknown and missing keys name the nearest", "[spec][yaml]") {
  const auto finish = [](const std::string& text) {
    return error_of([&] {
      YamlReader map = read(text);
      map.find("tensor");
      map.find("pipeline");
      map.finish();
    });
  };
  CHECK(finish("tensor: 1\npipline: 2\n") == "f.yaml:2:1: unknown key 'pipline', did you mean 'pipeline'?");
  CHECK(finish("colour: 2\n") == "f.yaml:1:1: unknown key 'colour', expected one of tensor, pipeline");
  CHECK(finish("max_num_seqs: 8\n") ==
        "f.yaml:1:1: unknown key 'max_num_seqs', an engine's name for serving.max_batch");
  CHECK(finish("mem-fraction-static: 0.8\n") ==
        "f.yaml:1:1: unknown key 'mem-fraction-static', an engine's name for serving.memory_utilization");
  CHECK(finish("tensor_parallel_size: 8\n") ==
        "f.yaml:1:1: unknown key 'tensor_parallel_size', an engine's name for parallelism.tensor");
  CHECK(error_of([] { read("a: 1\n").require("tensor"); }) == "f.yaml:1:1: missing key 'tensor'");
  CHECK(error_of([] { read("a: 1\ntensr: 1\n").require("tensor"); }) ==
        "f.yaml:2:1: unknown key 'tensr', did you mean 'tensor'?");
  CHECK(error_of([] { read("a: 1\n").map("a"); }) == "f.yaml:1:4: found '1', expected a map (key: value)");
}

TEST_CASE("an override replaces, creates, appends and removes", "[spec][yaml][override]") {
  const std::string text = "a: {b: 1, keep: 2}\nl: [{x: 1}, {x: 2}]\n";
  CHECK(read(text, {{"a.b", "7"}}).map("a").count("b", 0, 9) == 7);
  CHECK(read(text, {{"a.b", "7"}}).map("a").count("keep", 0, 9) == 2);
  CHECK(read(text, {{"n.e.w", "400 Gb/s"}}).map("n").map("e").quantity("w", Dimension::kBytesPerSecond) == 50e9);
  CHECK(read(text, {{"l.1.x", "5"}}).require("l").list().at(1).map().count("x", 0, 9) == 5);
  CHECK(read(text, {{"l.2", "{x: 9}"}}).require("l").list().size() == 3);
  CHECK_FALSE(read(text, {{"a.b", "null"}}).map("a").has("b"));
  CHECK(read(text, {{"a.b", "3"}, {"a.b", "4"}}).map("a").count("b", 0, 9) == 4);
  CHECK(read("p: &p {x: 1}\nq: *p\n", {{"q.x", "2"}}).map("p").count("x", 0, 9) == 1);
}

TEST_CASE("an error in an override is located in it", "[spec][yaml][override]") {
  const auto count = [](const std::vector<YamlOverride>& overrides) {
    return error_of([&] {
      YamlReader map = read("a: {b: 1}\nl: [1]\n", overrides);
      YamlReader a = map.map("a");
      a.count("b", 1, 9);
      a.finish();
      map.find("l");
      map.finish();
    });
  };
  CHECK(count({{"a.b", "0"}}) == "--set a.b:1:1: found '0', expected a whole number from 1 to 9");
  CHECK(count({{"a.b", "[1"}}) ==
        "--set a.b:1:1: found a list or map where a key is expected, is a bracket not closed?");
  CHECK(count({{"a.bb", "1"}}) == "--set a.bb:1:1: unknown key 'bb', expected one of b");
  CHECK(count({{"z.y", "1"}}) == "--set z.y:1:1: unknown key 'z', expected one of a, l");
  CHECK(count({{"a.b.c", "1"}}) == "--set a.b.c:1:1: cannot set 'c' inside the value '1'");
  CHECK(count({{"a..b", "1"}}) == "--set a..b:1:1: path 'a..b' has an empty part");
  CHECK(count({{"l.7", "1"}}) == "--set l.7:1:1: '7' is not an index of a list of 1 entries");
  CHECK(count({{"l.x", "1"}}) == "--set l.x:1:1: 'x' is not an index of a list of 1 entries");
  CHECK(count({{"a.b", ""}}) == "--set a.b:1:1: no value, expected PATH=VALUE (the value null removes a key)");
}
