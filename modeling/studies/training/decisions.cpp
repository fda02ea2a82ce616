// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/training/decisions.h"

#include <algorithm>
#include <cmath>

#include "solvers/phase_type/order_statistics.h"

namespace windtunnel::modeling {

namespace {

solvers::Distribution log_normal_of_mean_one(double variation) {
  const double sigma = std::sqrt(std::log1p(variation * variation));
  const auto score = [sigma](double t) { return (std::log(t) + 0.5 * sigma * sigma) / sigma; };
  const solvers::Distribution normal = solvers::standard_normal();
  return {.cdf = [=](double t) { return t > 0.0 ? normal.cdf(score(t)) : 0.0; },
          .survival = [=](double t) { return t > 0.0 ? normal.survival(score(t)) : 1.0; },
          .location_s = 1.0,
          .width_s = variation,
          .lower_s = 0.0};
}

}  // namespace

double expected_imbalance(double expert_load_cv, double ranks, double experts_per_rank) {
  if (expert_load_cv <= 0.0 || ranks <= 1.0) return 1.0;
  const double variation = expert_load_cv / std::sqrt(experts_per_rank);
  return solvers::mean_and_variance(solvers::maximum(log_normal_of_mean_one(variation), ranks)).mean_s;
}

void resolve_experts(Training& training, const Model& model, const SoftwareGeneration& software) {
  Parallelism& p = training.parallelism;
  if (p.expert_tensor == 0) p.expert_tensor = software.split_experts && p.expert <= p.data * p.context ? p.tensor : 1;
  if (training.expert_imbalance > 0.0) return;
  training.expert_imbalance = 1.0;
  if (!model.is_mixture_of_experts()) return;
  const double ranks = static_cast<double>(p.expert);
  training.expert_imbalance =
      expected_imbalance(software.training.expert_load_cv.value, ranks, static_cast<double>(model.num_experts) / ranks);
}

void resolve_sequence_parallel(Training& training, const SoftwareGeneration& software) {
  if (training.sequence_parallel_given) return;
  training.sequence_parallel = training.parallelism.tensor > 1 && software.training.sequence_parallel;
}

std::vector<Count> candidate_micro_batches(const Training& training) {
  if (training.micro_batch > 0) return {training.micro_batch};
  if (training.parallelism.pipeline > 1) return {1};
  const Count own = training.global_batch / training.parallelism.data;
  std::vector<Count> divisors;
  for (Count size = std::min<Count>(own, 64); size >= 1; --size) {
    if (own % size == 0) divisors.push_back(size);
  }
  return divisors;
}

KernelTraits kernel_traits(const SoftwareGeneration& software, const Training& training) {
  const TrainingHabits& habits = software.training;
  // Fully sharded training exchanges 16-bit gradients; the others what they accumulate.
  return {.fused_attention = software.fused_attention,
          .fused_elementwise = software.fused_elementwise,
          .deduplicated_dispatch = training.deduplicated_dispatch.value_or(software.deduplicated_dispatch),
          .narrow_gathers = habits.narrow_gathers,
          .fused_cross_entropy = habits.fused_cross_entropy,
          .selective = habits.selective_recompute,
          .grouped_experts = habits.grouped_experts,
          .sharded_exchange_ratio = habits.sharded_exchange_ratio.value,
          .gradient_exchange_bytes = training.zero_stage >= 3 ? 2.0 : habits.gradient_bytes.value};
}

}  // namespace windtunnel::modeling
