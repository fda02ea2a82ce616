// SPDX-License-Identifier: Apache-2.0
// Hyper-Erlang laws (mixtures of Erlangs) fitted to samples by maximum likelihood.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "solvers/phase_type/phase_type.h"

namespace windtunnel::solvers {

struct HyperErlangOptions {
  /// Phases of all branches together, >= 1.
  int phases = 6;
  /// Most branches, >= 1.
  int max_branches = 3;
  /// Stop when the mean log-likelihood per sample grows by less than this. > 0.
  double tolerance = 1e-8;
  int max_iterations = 2'000;
};

struct HyperErlangFit {
  PhaseType duration;
  /// Phases, probability and mean of each branch.
  std::vector<int> branch_phases;
  std::vector<double> branch_probability;
  std::vector<double> branch_mean_s;
  /// Sum over the samples of log density.
  double log_likelihood = 0.0;
  /// Largest distance of the distribution function from that of the samples (Kolmogorov-Smirnov).
  double largest_distance = 0.0;
  int iterations = 0;
  bool has_converged = false;
  std::string message = "no law was fitted";

  bool usable() const { return has_converged; }
};

/// Every way to divide the phases among the branches is tried for a few steps, the most likely is finished. The
/// likelihood never falls, and the mean of the law is the mean of the samples.
/// Thuemmler, Buchholz, Telek, IEEE Transactions on Dependable and Secure Computing 3(3), 2006 (G-FIT).
/// samples_s: at least 2, finite, > 0; else std::invalid_argument.
HyperErlangFit fit_hyper_erlang(std::span<const double> samples_s, const HyperErlangOptions& options = {});

}  // namespace windtunnel::solvers
