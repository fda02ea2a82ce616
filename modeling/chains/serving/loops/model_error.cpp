// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/loops/model_error.h"

#include <algorithm>

namespace windtunnel::modeling {

ModelError::ModelError()
    : entries_{{"requests_per_s_ratio", 0.02}, {"batch_mean_ratio", 0.02}, {"ttft_p50_ratio", 0.05},
               {"ttft_p99_ratio", 0.10},       {"tpot_p50_ratio", 0.03},   {"tpot_p99_ratio", 0.03},
               {"e2e_p50_ratio", 0.03}} {}

void ModelError::widen(const std::string& measure, double ratio) {
  const std::string name = measure + "_ratio";
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Measure& one) { return one.name == name; });
  if (found == entries_.end())
    entries_.push_back({name, ratio});
  else
    found->value = std::max(found->value.value_or(0.0), ratio);
}

}  // namespace windtunnel::modeling
