// SPDX-License-Identifier: Apache-2.0
// Mean and variance of a duration, the currency of the step chain.
#pragma once

namespace windtunnel::modeling {

struct Moments {
  double mean_s = 0.0;
  double variance_s2 = 0.0;
};

/// Sum of independent durations.
inline Moments operator+(const Moments& a, const Moments& b) {
  return {a.mean_s + b.mean_s, a.variance_s2 + b.variance_s2};
}

/// Sum of `count` independent copies.
inline Moments operator*(double count, const Moments& m) {
  return {count * m.mean_s, count * m.variance_s2};
}

}  // namespace windtunnel::modeling
