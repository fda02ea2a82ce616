// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/quantity.h"

#include <stdexcept>

#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

std::string error_of(const std::string& text, Dimension dimension) {
  try {
    parse_quantity(text, dimension);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

constexpr Dimension kAll[] = {Dimension::kTime,          Dimension::kBytes, Dimension::kBytesPerSecond,
                              Dimension::kFlopPerSecond, Dimension::kFlop,  Dimension::kRate,
                              Dimension::kPower};

}  // namespace

TEST_CASE("a quantity is its number times the definition of its unit", "[spec][quantity]") {
  struct Row {
    const char* text;
    Dimension dimension;
    double si;
  };
  // Prefixes: SI brochure (2019) table 7, IEC 80000-13; year = 365.25 d, month = year / 12 (contract).
  const Row row = GENERATE(
      Row{"3.35 TB/s", Dimension::kBytesPerSecond, 3.35e12}, Row{"400 Gb/s", Dimension::kBytesPerSecond, 50e9},
      Row{"400Gb/s", Dimension::kBytesPerSecond, 50e9}, Row{"1 KiB/s", Dimension::kBytesPerSecond, 1024.0},
      Row{"80 GiB", Dimension::kBytes, 85899345920.0}, Row{"80 GB", Dimension::kBytes, 80e9},
      Row{"8 Gb", Dimension::kBytes, 1e9}, Row{"8 Gib", Dimension::kBytes, 1073741824.0},
      Row{"1 EB", Dimension::kBytes, 1e18}, Row{"1e3 kB", Dimension::kBytes, 1e6}, Row{".5 B", Dimension::kBytes, 0.5},
      Row{"2 PiB", Dimension::kBytes, 0x1p51}, Row{"30 min", Dimension::kTime, 1800.0},
      Row{"10 us", Dimension::kTime, 1e-5}, Row{"3 ns", Dimension::kTime, 3e-9},
      Row{"54 d", Dimension::kTime, 4665600.0}, Row{"2 week", Dimension::kTime, 1209600.0},
      Row{"1 year", Dimension::kTime, 31557600.0}, Row{"1.26e-5 /h", Dimension::kRate, 1.26e-5 / 3600.0},
      Row{"12 /s", Dimension::kRate, 12.0}, Row{"12/s", Dimension::kRate, 12.0}, Row{"6 /min", Dimension::kRate, 0.1},
      Row{"12 /year", Dimension::kRate, 12.0 / 31557600.0}, Row{"1 /month", Dimension::kRate, 12.0 / 31557600.0},
      Row{"7 /week", Dimension::kRate, 1.0 / 86400.0}, Row{"989.4 TFLOP/s", Dimension::kFlopPerSecond, 989.4e12},
      Row{"2 PFLOP", Dimension::kFlop, 2e15}, Row{"0.7 kW", Dimension::kPower, 700.0});
  // One multiplication: at most one rounding away.
  CHECK(parse_quantity(row.text, row.dimension) == Approx(row.si).epsilon(1e-15));
}

TEST_CASE("a wrong quantity says what was found and what was meant", "[spec][quantity]") {
  CHECK(error_of("3.35", Dimension::kBytesPerSecond) == "'3.35' has no unit, expected a bandwidth such as 3.35 TB/s");
  CHECK(error_of("fast", Dimension::kBytesPerSecond) ==
        "'fast' is not a quantity, expected a bandwidth such as 3.35 TB/s");
  CHECK(error_of("", Dimension::kTime) == "'' is not a quantity, expected a time such as 30 min");
  CHECK(error_of("3.35 TB", Dimension::kBytesPerSecond) ==
        "'3.35 TB' is a size, expected a bandwidth such as 3.35 TB/s");
  CHECK(error_of("400 Gb/s", Dimension::kTime) == "'400 Gb/s' is a bandwidth, expected a time such as 30 min");
  CHECK(error_of("989 TFLOPS", Dimension::kFlopPerSecond) == "unknown unit 'TFLOPS', did you mean 'TFLOP/s'?");
  CHECK(error_of("1979 TOPS", Dimension::kFlopPerSecond) == "unknown unit 'TOPS', did you mean 'TFLOP/s'?");
  CHECK(error_of("400 Gbps", Dimension::kBytesPerSecond) == "unknown unit 'Gbps', did you mean 'Gb/s'?");
  CHECK(error_of("80 gb", Dimension::kBytes) == "unknown unit 'gb', did you mean 'GB'?");
  CHECK(error_of("80 GIB", Dimension::kBytes) == "unknown unit 'GIB', did you mean 'GiB'?");
  CHECK(error_of("1 KB", Dimension::kBytes) == "unknown unit 'KB', did you mean 'kB'?");
  CHECK(error_of("10 sec", Dimension::kTime) == "unknown unit 'sec', did you mean 's'?");
  CHECK(error_of("10 µs", Dimension::kTime) == "unknown unit 'µs', did you mean 'us'?");
  CHECK(error_of("10 parsec", Dimension::kTime) == "unknown unit 'parsec', expected a time such as 30 min");
  CHECK(error_of("-5 s", Dimension::kTime) == "'-5 s' is negative");
  CHECK(error_of("010 s", Dimension::kTime) == "'010' has a leading zero");
  CHECK(error_of("0x10 s", Dimension::kTime) == "unknown unit 'x10 s', expected a time such as 30 min");
  CHECK(error_of("1e999 s", Dimension::kTime) == "'1e999' is outside the range of numbers");
  CHECK(error_of("1e308 year", Dimension::kTime) == "'1e308 year' is outside the range of numbers");
  CHECK(error_of("inf s", Dimension::kTime) == "'inf s' is not a quantity, expected a time such as 30 min");
  CHECK(error_of("nan s", Dimension::kTime) == "'nan s' is not a quantity, expected a time such as 30 min");
}

TEST_CASE("a formatted quantity reads back within its four digits", "[spec][quantity]") {
  for (const Dimension dimension : kAll) {
    for (double value = 1.2345678e-9; value < 1e19; value *= 7.3) {
      // Half a unit in the fourth significant digit.
      CHECK(parse_quantity(format_quantity(value, dimension), dimension) == Approx(value).epsilon(5e-4));
    }
  }
}

TEST_CASE("a formatted quantity uses the unit a person would", "[spec][quantity]") {
  CHECK(format_quantity(3.35e12, Dimension::kBytesPerSecond) == "3.35 TB/s");
  CHECK(format_quantity(85899345920.0, Dimension::kBytes) == "80 GiB");
  CHECK(format_quantity(80e9, Dimension::kBytes) == "80 GB");
  CHECK(format_quantity(5400.0, Dimension::kTime) == "1.5 h");
  CHECK(format_quantity(1.5e-6, Dimension::kTime) == "1.5 us");
  CHECK(format_quantity(0.0, Dimension::kTime) == "0 s");
  CHECK(format_quantity(989.4e12, Dimension::kFlopPerSecond) == "989.4 TFLOP/s");
  CHECK(format_quantity(1.0 / 86400.0, Dimension::kRate) == "1 /d");
  CHECK(format_quantity(12.0, Dimension::kRate) == "12 /s");
}

TEST_CASE("every unit of every dimension parses back to itself", "[spec][quantity]") {
  for (const Dimension dimension : kAll) {
    for (const std::string& unit : unit_names(dimension)) CHECK(parse_quantity("2 " + unit, dimension) > 0.0);
  }
}
