// SPDX-License-Identifier: Apache-2.0
// Numbers with units as a person writes them: `3.35 TB/s`, `400 Gb/s`, `80 GiB`, `30 min`, `989 TFLOP/s`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace windtunnel::modeling {

enum class Dimension { kTime, kBytes, kBytesPerSecond, kFlopPerSecond, kFlop, kRate, kPower };

/// The SI unit of a dimension: "s", "bytes", "bytes/s", "FLOP/s", "FLOP", "/s", "W".
std::string si_unit(Dimension dimension);

/// For messages: "a bandwidth such as 3.35 TB/s".
std::string dimension_with_example(Dimension dimension);

/// Every unit of a dimension as it is written, smallest first: "ns", "us" ... for a time.
std::vector<std::string> unit_names(Dimension dimension);

/// A finite decimal number without unit: `12`, `0.5`, `1.5e9`, `-3`. No leading zeros, no hexadecimal, no underscores,
/// no infinity. Throws std::invalid_argument saying what was found.
double parse_number(std::string_view text);

/// Parses `text` into SI, >= 0. Decimal prefixes k M G T P E, binary Ki Mi Gi Ti Pi; B is bytes, b is bits (converted
/// to bytes); time ns us ms s min h d week year (365.25 d); rates `/s /min /h /d /week /month /year` (a month is year /
/// 12). Throws std::invalid_argument saying what was found and what was expected; the YAML reader adds the location.
double parse_quantity(std::string_view text, Dimension dimension);

/// A number in a readable unit with 4 significant digits: 3.35e12 -> "3.35 TB/s". Whole multiples of a binary unit
/// keep it: 85899345920 bytes -> "80 GiB".
std::string format_quantity(double value, Dimension dimension);

}  // namespace windtunnel::modeling
