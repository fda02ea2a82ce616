// SPDX-License-Identifier: Apache-2.0
// Chains on which iterations are known to stall.
#pragma once
#include <cstdint>

#include "solvers/chain/explore.h"

namespace windtunnel::bench {

struct TandemState {
  std::int16_t first = 0;
  /// 1 or 2.
  std::int8_t phase = 1;
  std::int16_t second = 0;

  bool operator==(const TandemState&) const = default;
};

struct TandemStateHash {
  std::size_t operator()(const TandemState& s) const {
    return static_cast<std::size_t>(s.first) * 4096 + static_cast<std::size_t>(s.second) * 2 +
           static_cast<std::size_t>(s.phase);
  }
};

/// M/Cox2/1/c queue before an M/1/c queue. Source: Hermanns, Meyer-Kayser, Siegle, Multi terminal binary decision
/// diagrams to represent and analyse continuous time Markov chains, NSMC 1999; rates as in the Quantitative
/// Verification Benchmark Set (ctmc/tandem): c = 511 has 523,776 states, 1,829,379 transitions.
inline auto explore_tandem(int capacity) {
  const double arrival = 4.0 * capacity;
  const auto successors = [=](const TandemState& s, const auto& emit) {
    const auto next = [&](int first, int phase, int second) {
      return TandemState{static_cast<std::int16_t>(first), static_cast<std::int8_t>(phase),
                         static_cast<std::int16_t>(second)};
    };
    if (s.first < capacity) emit(next(s.first + 1, s.phase, s.second), arrival);
    if (s.first > 0 && s.phase == 1) emit(next(s.first, 2, s.second), 0.1 * 2.0);
    if (s.first > 0 && s.second < capacity) emit(next(s.first - 1, 1, s.second + 1), s.phase == 1 ? 0.9 * 2.0 : 2.0);
    if (s.second > 0) emit(next(s.first, s.phase, s.second - 1), 4.0);
  };
  return solvers::explore<TandemState, TandemStateHash>(TandemState{}, successors);
}

struct MainframeState {
  std::int16_t jobs = 0;
  std::int16_t interactive = 0;
  /// Of the four processors: up, failed.
  std::int8_t up = 4;
  bool manager_up = true;

  bool operator==(const MainframeState&) const = default;
};

struct MainframeStateHash {
  std::size_t operator()(const MainframeState& s) const {
    return (static_cast<std::size_t>(s.jobs) << 16) + (static_cast<std::size_t>(s.interactive) << 8) +
           static_cast<std::size_t>(s.up) * 2 + s.manager_up;
  }
};

/// A machine that serves milliseconds' work and fails once in years, rates per second over a ratio above 1e9: batch
/// jobs wait at up to 4 processors shared with interactive users that think and come back.
inline auto explore_mainframe(int users_by_ten, int jobs_by_hundred) {
  const int users = 5 * users_by_ten;
  const int max_jobs = 10 * jobs_by_hundred;
  const auto successors = [=](const MainframeState& s, const auto& emit) {
    const auto with = [&](auto change) {
      MainframeState next = s;
      change(next);
      return next;
    };
    if (s.interactive < users) emit(with([](auto& n) { ++n.interactive; }), 0.2 * (users - s.interactive));
    if (s.jobs < max_jobs) emit(with([](auto& n) { ++n.jobs; }), 3.0);
    const int serving = s.manager_up ? s.up : 0;
    const int shared = s.interactive + s.jobs;
    if (serving > 0 && shared > 0) {
      const double busy = shared < serving ? shared : serving;
      if (s.interactive > 0) emit(with([](auto& n) { --n.interactive; }), 2000.0 * busy * s.interactive / shared);
      if (s.jobs > 0) emit(with([](auto& n) { --n.jobs; }), 20.0 * busy * s.jobs / shared);
    }
    if (s.up > 0) emit(with([](auto& n) { --n.up; }), s.up * 1e-8);
    if (s.up < 4) emit(with([](auto& n) { ++n.up; }), 1e-4);
    if (s.manager_up) emit(with([](auto& n) { n.manager_up = false; }), 1e-7);
    if (!s.manager_up) emit(with([](auto& n) { n.manager_up = true; }), 2e-3);
  };
  return solvers::explore<MainframeState, MainframeStateHash>(MainframeState{}, successors);
}

}  // namespace windtunnel::bench
