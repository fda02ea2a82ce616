// SPDX-License-Identifier: Apache-2.0
// Questions at every value of a range of constants: `--const N=2:2:16,T=0:0.5:10`.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace windtunnel::cli {

/// Constants of which some run through a range. Without ranges there is one point.
class Experiment {
 public:
  /// `NAME=LOW:STEP:HIGH` or `NAME=LOW:HIGH` (step 1) among the constants, ends included; a whole-numbered range gives
  /// whole numbers. Throws solvers::InputError "--const: what was found, what was expected".
  explicit Experiment(const std::string& constants);

  bool has_ranges() const { return !ranges_.empty(); }
  /// Of the ranges, as written.
  std::vector<std::string> names() const;
  /// Points of the cross product, the last range fastest.
  std::size_t size() const;
  /// Values of the ranges at a point, in the order of names().
  std::vector<std::string> values(std::size_t point) const;
  /// All constants of a point, as `--const` takes them.
  std::string constants(std::size_t point) const;

 private:
  struct Range {
    std::string name;
    std::vector<std::string> values;
  };

  std::vector<std::string> fixed_;
  std::vector<Range> ranges_;
};

}  // namespace windtunnel::cli
