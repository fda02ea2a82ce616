// SPDX-License-Identifier: Apache-2.0
// Many decode iterations in one step: as long as no sequence ends and no prompt may start, an iteration differs from
// the one before only by the tokens its sequences have cached. The event simulation leaps over them.
#pragma once

#include <vector>

#include "modeling/costs/iteration_time.h"

namespace windtunnel::modeling {

/// `iterations` >= 1 iterations in a row, the first with load `first`; each adds `growth_tokens` to the context (and
/// `growth_drafted_tokens` to what verified drafts attend to).
///
/// The sum of their times is an integral over panels in which the context grows by at most a tenth, two Gauss points
/// each: exact where the time is linear in the context, within 1e-4 on one with a corner and a root (test).
class DecodeRun {
 public:
  void start(const IterationTime& time, const IterationLoad& first, double growth_tokens, double growth_drafted_tokens,
             long long iterations);

  long long iterations() const { return iterations_; }
  /// Duration of the first `count` iterations, 1 <= count <= iterations().
  double elapsed_s(long long count) const;
  /// Fewest iterations, at least one, that last `s` seconds or longer; at most iterations().
  long long iterations_within(double s) const;
  /// Integral over the time of the first `count` iterations of the cached tokens at their start, tokens x s.
  double context_integral(long long count) const;

 private:
  /// Times of iterations as a line over [begin, end): the iteration number j stands for [j, j + 1).
  struct Panel {
    double begin = 0.0, end = 0.0;
    double time_s = 0.0;   // of an iteration in the middle
    double slope_s = 0.0;  // per iteration
    double before_s = 0.0;
    double integral_s(double to) const;
  };

  std::vector<Panel> panels_;
  long long iterations_ = 0;
  double context_ = 0.0, growth_ = 0.0;
};

}  // namespace windtunnel::modeling
