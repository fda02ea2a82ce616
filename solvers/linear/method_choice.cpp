// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/method_choice.h"

#include <fmt/format.h>

#include <stdexcept>

namespace windtunnel::solvers {
namespace {

constexpr Index kMaxAutomaticFullStates = 2'000;
constexpr Index kMaxFullStates = 20'000;  // 3.2 GB
constexpr double kMaxBandOperations = 2e9;
constexpr double kMaxBandBytes = 5e8;

Method automatic_method(const SparseRates& rates, Method iterative) {
  const ReductionCost cost = reduction_cost(rates.rows(), bandwidth(rates));
  const bool affordable = cost.operations <= kMaxBandOperations && cost.memory_bytes <= kMaxBandBytes;
  if (cost.banded && affordable) return Method::kBandedGth;
  return rates.rows() <= kMaxAutomaticFullStates ? Method::kGth : iterative;
}

}  // namespace

Method choose_method(const SparseRates& rates, Method requested, Method iterative) {
  if (requested == iterative) return requested;
  switch (requested) {
    case Method::kAutomatic:
      return automatic_method(rates, iterative);
    case Method::kBandedGth:
    case Method::kGaussSeidel:
      return requested;
    case Method::kGth:
      if (rates.rows() <= kMaxFullStates) return requested;
      throw std::invalid_argument(
          fmt::format("method gth takes at most {} states, got {}", kMaxFullStates, rates.rows()));
    default:
      throw std::invalid_argument("method " + to_string(requested) + " does not solve this problem");
  }
}

StateReduction::Storage storage_of(Method reduction) {
  return reduction == Method::kBandedGth ? StateReduction::Storage::kBanded : StateReduction::Storage::kFull;
}

void check_sweep_options(double tolerance, long long max_iterations) {
  if (!(tolerance > 0.0)) throw std::invalid_argument(fmt::format("tolerance {} is not > 0", tolerance));
  if (max_iterations < 1) throw std::invalid_argument(fmt::format("max_iterations {} is not >= 1", max_iterations));
}

}  // namespace windtunnel::solvers
