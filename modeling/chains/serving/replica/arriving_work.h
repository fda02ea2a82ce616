// SPDX-License-Identifier: Apache-2.0
// The prompt work that arrives while an iteration runs, by the phase of the arrivals.
#pragma once

#include <vector>

#include "modeling/chains/serving/replica/arrivals.h"

namespace windtunnel::modeling {

/// Law of one prompt's computed tokens in whole quanta of `quantum_tokens`: probability[j] of j quanta, the mean kept.
struct PromptQuanta {
  double quantum_tokens = 1.0;
  std::vector<double> probability;
};

/// What arrives in some seconds that start in one phase.
struct ArrivingWork {
  /// [j][v]: phase j in the end and v quanta have come.
  std::vector<std::vector<double>> by_end_phase;
  /// Quanta that come beside one tagged arrival. Equal to the above for Poisson arrivals.
  std::vector<double> companions;
  /// Mean number of arrivals.
  double arrivals = 0.0;
};

/// One phase, or two (calm, busy) where the stream has bursts.
int phases_of(const ReplicaArrivals& stream);

/// Laws of work of 0 .. size - 1 quanta for one kind of prompt; what is beyond is left out.
class WorkLaws {
 public:
  WorkLaws(const ReplicaArrivals& stream, const PromptQuanta& prompts, int size);
  /// By the phase at the start.
  std::vector<ArrivingWork> within(double seconds);

 private:
  /// P(n arrivals, phase j in the end) from phase i, [i][j][n]; two phases.
  std::vector<std::vector<std::vector<double>>> counts_by_phase(double seconds) const;
  const std::vector<double>& work_of(std::size_t prompts);
  void add(double weight, std::size_t prompts, std::vector<double>& law);
  ArrivingWork one_phase(const std::vector<double>& counts, double mean);

  ReplicaArrivals stream_;
  PromptQuanta prompts_;
  std::size_t size_;
  std::vector<std::vector<double>> powers_;  // law of the work of n prompts
};

}  // namespace windtunnel::modeling
