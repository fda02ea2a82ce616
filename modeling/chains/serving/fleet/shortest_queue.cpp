// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/fleet/shortest_queue.h"

#include <fmt/format.h>

#include "modeling/chains/serving/engine/mean_work.h"
#include "modeling/chains/serving/loops/model_error.h"
#include "modeling/chains/serving/loops/open_loop.h"
#include "modeling/chains/serving_over_time/latencies.h"

namespace windtunnel::modeling {

namespace {

/// The test matrix of docs/serving.md: outputs of geometric and heavier laws, up to eight replicas.
constexpr double kLeastOutputScv = 0.9;
constexpr Count kMostReplicas = 8;
/// Arrivals that take turns, nearly, bring long prompts apart: with unequal ones the chain is up to 40 % too high.
constexpr double kMostPromptScv = 0.5;
/// Above which the 99th percentile of the time per token leaves its target.
constexpr double kHeavyOutputScv = 2.0;

void name_weak_points(const ServingSystem& system, const RequestWork& work, ServingAnswer& answer) {
  if (work.decode_scv < kLeastOutputScv || system.pool.replicas > kMostReplicas)
    answer.out_of_range = fmt::format("shortest queue: outputs of scv {:.3g} below {}, or more than {} replicas",
                                      work.decode_scv, kLeastOutputScv, kMostReplicas);
  if (work.prompt_scv > kMostPromptScv)
    answer.out_of_range =
        fmt::format("shortest queue: prompts of scv {:.3g} above {}", work.prompt_scv, kMostPromptScv);
  const double tpot = work.decode_scv > kHeavyOutputScv ? 0.16 : 0.06;
  ModelError error(std::move(answer.model_error));
  error.widen("ttft_p50", 0.08);
  error.widen("tpot_p99", tpot);
  answer.model_error = error.entries();
  answer.warnings.push_back(
      fmt::format("rule shortest-queue: tpot_p99_s may be {:.0f} % too high, ttft_p50_s 8 % too low", 100.0 * tpot));
}

}  // namespace

ServingAnswer solve_balanced_loop(const ServingSystem& system, const RequestLimits& limits, double resolution) {
  // Rates, and the ranges within which the chain of prompts holds, are those of random placement.
  ServingSystem random = system;
  random.balancer = LoadBalancer::kRandom;
  ServingAnswer answer = solve_open_loop(random, limits, resolution);
  const double context_tokens = answer.cached_tokens_mean / answer.batch_mean;
  LoadAtRest rest = load_at_rest(system, limits, resolution);
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
