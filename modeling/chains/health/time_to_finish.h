// SPDX-License-Identifier: Apache-2.0
// How long a job takes for a given amount of work while its nodes fail and come back: performability as the first
// passage of accumulated work.
//
// While the count of nodes down stays in a level, work grows at the level's pace with the noise of stops and
// recoveries; the count moves as its chain does, from all nodes up. The first three moments of the work done by time t
// follow from linear differential equations over the chain's states (Meyer, IEEE Transactions on Computers 29, 1980;
// moments as in Telek, Racz, Performance Evaluation 36-37, 1999). Work never shrinks, so P(T > t) = P(work by t < B).
// [A] The time lost by t, given that some is lost, is fitted by a phase-type law with these three moments; P(nothing
// lost) is exact. Checked by event simulation.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "modeling/chains/health/health_chain.h"

namespace windtunnel::modeling {

/// Work per second in one level, in seconds of work at full speed: mean, and the growth of variance and third cumulant.
struct WorkPace {
  double mean_ratio = 0.0;
  double variance_s = 0.0;
  double third_s2 = 0.0;
};

struct WorkPassageProblem {
  NodeHealth health;
  LevelOfCount level_of;
  std::vector<WorkPace> pace;
  /// Work per second while nothing goes wrong, > 0: no level is faster.
  double fastest_ratio = 1.0;
  /// Rate of everything that costs time, at full size: with probability exp(-rate t) nothing was lost by t.
  double loss_per_s = 0.0;
  /// B, > 0.
  double work_s = 0.0;
};

struct WorkPassage {
  double mean_s = 0.0;
  double p50_s = 0.0;
  double p99_s = 0.0;
  std::string method;
  long long states = 0;
  long long transitions = 0;
  long long steps = 0;
  /// The chain would have been too large with the phases of the repair: exponential repairs stand in.
  bool exponential_repair = false;
  /// P(T <= t).
  std::function<double(double)> finished_probability;
};

/// Integrates the moments with the classical Runge-Kutta method at one step per fastest stay, or, where that takes more
/// than about a second, takes their long-run growth. Throws NoAnswerError when the job makes no progress.
WorkPassage solve_work_passage(const WorkPassageProblem& problem);

}  // namespace windtunnel::modeling
