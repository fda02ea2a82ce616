// SPDX-License-Identifier: Apache-2.0
// CPU time and checked expectations, for the benchmarks.
#pragma once
#include <cstdio>
#include <ctime>

namespace windtunnel::bench {

/// CPU seconds of this process since the last start.
class CpuClock {
 public:
  CpuClock() { restart(); }
  void restart() { start_ = std::clock(); }
  double seconds() const { return static_cast<double>(std::clock() - start_) / CLOCKS_PER_SEC; }

 private:
  std::clock_t start_ = 0;
};

/// Prints "ok" or "FAILED" and what was expected; returns whether it held.
inline bool expect(bool held, const char* what) {
  std::printf("  %s: %s\n", held ? "ok" : "FAILED", what);
  return held;
}

}  // namespace windtunnel::bench
