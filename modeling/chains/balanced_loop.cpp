// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/balanced_loop.h"

#include <fmt/format.h>

#include "modeling/chains/engine_model.h"
#include "modeling/chains/load_over_time.h"
#include "modeling/chains/open_loop.h"

namespace windtunnel::modeling {

namespace {

/// The test matrix of docs/serving.md: outputs of geometric and heavier laws, up to eight replicas.
constexpr double kLeastOutputScv = 0.9;
constexpr Count kMostReplicas = 8;
/// Above which the 99th percentile of the time per token leaves its target.
constexpr double kHeavyOutputScv = 2.0;

void name_weak_points(const ServingSystem& system, const RequestWork& work, ServingAnswer& answer) {
  if (work.decode_scv < kLeastOutputScv || system.pool.replicas > kMostReplicas)
    answer.out_of_range = fmt::format("shortest queue: outputs of scv {:.3g} below {}, or more than {} replicas",
                                      work.decode_scv, kLeastOutputScv, kMostReplicas);
  if (work.decode_scv > kHeavyOutputScv)
    answer.warnings.push_back(
        "rule shortest-queue: with heavy-tailed outputs over several replicas tpot_p99_s may be 16 % too high");
  else if (system.pool.replicas > 2)
    answer.warnings.push_back("rule shortest-queue: tpot_p99_s may be 6 % too high, ttft_p50_s 8 % too low");
}

}  // namespace

ServingAnswer solve_balanced_loop(const ServingSystem& system, const RequestLimits& limits) {
  // Rates, and the ranges within which the chain of prompts holds, are those of random placement.
  ServingSystem random = system;
  random.balancer = LoadBalancer::kRandom;
  ServingAnswer answer = solve_open_loop(random, limits);
  const double context_tokens = answer.cached_tokens_mean / answer.batch_mean;
  LoadAtRest rest = load_at_rest(system, limits);
  answer.batch_mean = rest.decoding;
  answer.utilization_ratio = 1.0 - rest.idle_ratio;
  answer.cached_tokens_mean = rest.decoding * context_tokens;
  answer.classes = std::move(rest.point.classes);
  rest.chain.method_used = "level cuts of a birth-death chain, mean field over replicas";
  answer.chains.front() = std::move(rest.chain);
  if (answer.out_of_range.empty()) name_weak_points(system, request_work(system.classes, system.pool.rules), answer);
  return answer;
}

}  // namespace windtunnel::modeling
