// SPDX-License-Identifier: Apache-2.0
// The measure a study is about, and what moves it most.
#pragma once

#include <string>
#include <vector>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// Name of the measure that sensitivities are told about: throughput, or latency where the throughput is given by the
/// arrivals, or productive time. Empty when the report has none.
std::string headline_measure(const Report& report);

/// Sensitivities of that measure, largest effect first; those without effect (below 1e-4), or not clear of their own
/// error, left out.
std::vector<Sensitivity> headline_sensitivities(const Report& report);

/// `10 % more cluster.scale_out.bandwidth buys 1.3 % more tokens_per_s_per_device`: what 10 % of the input in the good
/// direction does, from its elasticity.
std::string sensitivity_sentence(const Sensitivity& sensitivity);

/// Relative change of the measure when the input grows by `change` (0.1: by 10 %), from the elasticity.
double relative_effect(const Sensitivity& sensitivity, double change);

/// True for times, sizes, costs and probabilities of trouble: less of it is better.
bool smaller_is_better(const std::string& measure);

}  // namespace windtunnel::modeling
