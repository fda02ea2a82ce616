// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/requests/system.h"

#include <algorithm>

namespace windtunnel::modeling {

double tokens_per_iteration(const BatchRules& rules) {
  if (!rules.speculative) return 1.0;
  // Drafts are accepted up to the first miss: 1 + a + a^2 + ... + a^k.
  double sum = 1.0, power = 1.0;
  for (Count i = 0; i < rules.speculative->tokens; ++i) sum += power *= rules.speculative->acceptance_ratio;
  return sum;
}

bool has_priorities(const std::vector<RequestClass>& classes) {
  return std::any_of(classes.begin(), classes.end(),
                     [&](const RequestClass& one) { return one.priority != classes.front().priority; });
}

double mean_prompt_tokens(const std::vector<RequestClass>& classes) {
  double mean = 0.0;
  for (const RequestClass& one : classes) mean += one.share * one.prompt.mean();
  return mean;
}

double mean_output_tokens(const std::vector<RequestClass>& classes) {
  double mean = 0.0;
  for (const RequestClass& one : classes) mean += one.share * one.output.mean();
  return mean;
}

}  // namespace windtunnel::modeling
