// SPDX-License-Identifier: Apache-2.0
// Moments of the work done by some time, over the chain of counts with a pace in every state.
#pragma once

#include <memory>
#include <optional>

#include "modeling/chains/health/time_to_finish.h"
#include "solvers/chain/generator.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::modeling {

/// Mean, variance and third cumulant of the work done by some time.
struct Cumulants {
  double mean = 0.0;
  double variance = 0.0;
  double third = 0.0;
};

/// Of all runs; and of those that were never short of nodes, where the two are told apart.
struct WorkSoFar {
  Cumulants all;
  /// 1: not told apart.
  double never_short_probability = 1.0;
  Cumulants never_short;
};

/// The chain of counts with its pace in every state.
struct PacedChain {
  solvers::Generator generator;
  /// Changes of the moments much faster than this are not of interest, and its rates may be taken in long strides: the
  /// chain of nodes with exponential or hyperexponential repairs, whose eigenvalues are real. Empty otherwise.
  std::optional<double> stride_s;
  /// The chain would have been too large with the phases of the repair.
  bool exponential_repair = false;
  solvers::Vector mean;
  solvers::Vector variance;
  solvers::Vector third;
  /// 1 where the job runs, 0 where it waits for nodes.
  solvers::Vector runs;
  /// Long-run mean pace, and the bias of each state (long_run_average.h).
  double long_run = 0.0;
  solvers::Vector bias;
  solvers::Vector probability;
};

/// Cumulants of the work by time, from state 0.
class WorkPath {
 public:
  virtual ~WorkPath() = default;
  virtual WorkSoFar at(double time_s) = 0;
  virtual long long steps() const = 0;
};

/// Long-run growth: mean r t + g(0) - pi g, variance t (pi s^2 + 2 sum pi (r(k) - r) g(k)).
std::shared_ptr<WorkPath> growth_path(const PacedChain& chain);

/// Integrates the moments step by step as far as they are asked for; `split` tells runs that never wait apart. The
/// chain must live as long as the path.
std::shared_ptr<WorkPath> moment_path(const PacedChain& chain, bool split);

/// Products with the generator's rates that the path of moments takes to this time, about.
double moment_path_work(const PacedChain& chain, bool split, double time_s);

}  // namespace windtunnel::modeling
