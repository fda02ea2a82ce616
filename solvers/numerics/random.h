// SPDX-License-Identifier: Apache-2.0
// Random numbers that are the same on every machine: the standard library fixes its engines but not its distributions.
#pragma once
#include <array>
#include <cstdint>

namespace windtunnel::solvers {

/// xoshiro256++: 256 bits of state, period 2^256 - 1. Source: Blackman and Vigna, Scrambled Linear Pseudorandom Number
/// Generators, ACM Transactions on Mathematical Software 47(4), 2021.
class RandomSource {
 public:
  /// The seed is spread over the state by splitmix64 (Steele, Lea, Flood, OOPSLA 2014), so close seeds give unrelated
  /// streams.
  explicit RandomSource(std::uint64_t seed);
  /// Continues from a given state, not all zero.
  explicit RandomSource(const std::array<std::uint64_t, 4>& state) : state_(state) {}

  std::uint64_t next_bits();
  /// In (0, 1), never the ends: the middle of one of 2^52 equal cells.
  double uniform();
  /// Mean 1.
  double exponential();
  /// Mean 0, variance 1. Marsaglia's polar method, 1964; the second value of each pair is dropped.
  double normal();
  /// Gamma with this shape > 0 and scale 1. Marsaglia and Tsang, ACM Transactions on Mathematical Software 26(3), 2000.
  double gamma(double shape);

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace windtunnel::solvers
