// SPDX-License-Identifier: Apache-2.0
// The candidates of a search and what is known of each before it is evaluated.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "modeling/cluster/machine.h"
#include "modeling/spec/yaml_reader.h"
#include "modeling/studies/what_if/search.h"

namespace windtunnel::modeling {

struct SearchSpace {
  /// Per candidate a value of the objective that its own cannot beat; infinite (of the good sign) where none is known.
  std::vector<double> optimistic;
  /// As much of a report as the objective and the second aim need; what is shown is answered in full.
  Detail ranking = Detail::kMeasures;
  /// Makes candidate i.
  std::function<Candidate(std::size_t)> candidate;
  /// Empty, or why an evaluated candidate does not count; not called where it is unset.
  std::function<std::string(const Report&)> refused;
  /// Those that are impossible or do not fit.
  std::map<std::string, long long> rejected;
  /// Measure of the Pareto mark beside the objective, smaller is better.
  std::string second_aim;
};

/// Training: every tensor x pipeline x data x context x expert x virtual x micro-batch x recompute x ZeRO that
/// arithmetic allows and that fits in memory.
SearchSpace training_space(const YamlDocument& document, const SearchOptions& options, const Objective& objective);

/// Serving: replicas of every size that divides the devices, each with several batch limits, and every split into
/// prefill and decode engines; what misses the spec's slo is refused.
SearchSpace serving_space(const YamlDocument& document, const SearchOptions& options, const Objective& objective);

/// What `--keep` may name of a serving deployment.
const std::vector<std::string>& serving_choices();

/// Names of the choices of a training layout, in the contract's order.
const std::vector<std::string>& training_choices();

/// Divisors of n, ascending.
std::vector<Count> divisors(Count n);

}  // namespace windtunnel::modeling
