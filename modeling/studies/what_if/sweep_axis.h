// SPDX-License-Identifier: Apache-2.0
// What `--vary` asks for: one input and the values it takes.
//   training.micro_batch=1,2,4                      a list, each value as in a spec file
//   cluster.num_devices=1024..4096:1024             from, to, step; the end is included when a step meets it
//   cluster.scale_out.bandwidth=100..800:100 Gb/s   a unit counts for the numbers without one
//   traffic.arrival_rate=log(1..100:5) /s           equal ratios, both ends included
// Lists and ranges mix: `a=1,2,log(10..1000:3)`.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace windtunnel::modeling {

struct SweepAxis {
  /// Dotted path as `--set` takes it.
  std::string path;
  /// YAML texts, in the order asked, at least one.
  std::vector<std::string> values;
};

/// `--vary` cannot be understood; what was found and what was expected, in one line.
class AxisError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Most values one range may have.
inline constexpr int kMostAxisValues = 1'000'000;

/// Throws AxisError.
SweepAxis parse_sweep_axis(std::string_view text);

}  // namespace windtunnel::modeling
