// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/random.h"

#include <bit>
#include <cmath>

namespace windtunnel::solvers {
namespace {

std::uint64_t splitmix64(std::uint64_t& counter) {
  std::uint64_t z = (counter += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace

RandomSource::RandomSource(std::uint64_t seed) {
  for (std::uint64_t& word : state_) word = splitmix64(seed);
}

std::uint64_t RandomSource::next_bits() {
  auto& [a, b, c, d] = state_;
  const std::uint64_t result = std::rotl(a + d, 23) + a;
  const std::uint64_t shifted = b << 17;
  c ^= a;
  d ^= b;
  b ^= c;
  a ^= d;
  c ^= shifted;
  d = std::rotl(d, 45);
  return result;
}

double RandomSource::uniform() {
  return (static_cast<double>(next_bits() >> 12) + 0.5) * 0x1p-52;
}

double RandomSource::exponential() {
  return -std::log(uniform());
}

double RandomSource::normal() {
  for (;;) {
    const double x = 2.0 * uniform() - 1.0, y = 2.0 * uniform() - 1.0, square = x * x + y * y;
    if (square < 1.0) return x * std::sqrt(-2.0 * std::log(square) / square);
  }
}

double RandomSource::gamma(double shape) {
  // A shape below 1 is that of shape + 1 times a power of a uniform.
  if (shape < 1.0) return gamma(shape + 1.0) * std::pow(uniform(), 1.0 / shape);
  const double d = shape - 1.0 / 3.0, c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double x = normal(), root = 1.0 + c * x;
    if (root <= 0.0) continue;
    const double v = root * root * root;
    if (std::log(uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace windtunnel::solvers
