// SPDX-License-Identifier: Apache-2.0
// What the chains or the event simulation say about a serving system.
#pragma once

#include <string>
#include <vector>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// mean, p50, p90 and p99 of one latency, s. NaN: unknown; infinity: grows without bound.
struct LatencyNumbers {
  double mean_s = 0.0;
  double p50_s = 0.0;
  double p90_s = 0.0;
  double p99_s = 0.0;
};

struct ClassAnswer {
  /// Empty: all classes together.
  std::string name;
  LatencyNumbers ttft, tpot, e2e;
  /// Share of requests that meet all limits asked for.
  double met_ratio = 1.0;
};

struct ServingAnswer {
  double requests_per_s = 0.0;
  double output_tokens_per_s = 0.0;
  double total_tokens_per_s = 0.0;
  /// Of one replica: decoding sequences, busy share of the time, cached tokens.
  double batch_mean = 0.0;
  double utilization_ratio = 0.0;
  double cached_tokens_mean = 0.0;
  double blocking_probability = 0.0;
  double preemptions_per_request = 0.0;
  /// First entry: all classes together; then each class when there are several.
  std::vector<ClassAnswer> classes;
  std::vector<ChainRecord> chains;
  /// Half-widths of the confidence intervals of a simulation, relative, by measure name.
  std::vector<Measure> uncertainty;
  /// Of the chains: how far a measure may be from the batching rules, relative, by measure name; the ranges of
  /// docs/serving.md. Empty: simulated.
  std::vector<Measure> model_error;
  std::vector<std::string> warnings;
  /// Empty: answered. Otherwise why not; what is known is filled in.
  std::string failure;
  /// Why the chains' approximations are stretched further than they were checked; empty: they are not.
  std::string out_of_range;
};

}  // namespace windtunnel::modeling
