// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/burst_noise.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

namespace {

/// Around the mean state the rate l of arrivals forgets at w, the slots held follow it, dn = (l - d n) dt + noise, and
/// a cycle takes longer by b per sequence and by g per arrival per second.
struct LinearState {
  double w_per_s = 0.0;
  double d_per_s = 0.0;
  double by_slots = 0.0;
  double by_rate = 0.0;
};

LinearState linear_state(const solvers::SwitchedPoisson& bursts, const SlotPopulation& population) {
  const SlotPopulation::Phase &calm = population.phases[0], &busy = population.phases[1];
  const auto cycle = [](const SlotPopulation::Phase& phase, std::size_t n) {
    return static_cast<double>(n) / phase.completion_per_s[n];
  };
  const std::size_t top = calm.law.size() - 1;
  const auto n = static_cast<std::size_t>(std::clamp(std::round(population.mean_slots), 1.0, static_cast<double>(top)));
  const std::size_t low = std::max<std::size_t>(1, n - 1), high = std::min(top, n + 1);
  const double width = std::max(1.0, static_cast<double>(high - low)), busy_ratio = busy.time_ratio;
  const auto slope = [&](const SlotPopulation::Phase& phase) {
    return (phase.completion_per_s[high] - phase.completion_per_s[low]) / width;
  };
  LinearState state{.w_per_s = bursts.forget_per_s()};
  state.d_per_s = std::max((1.0 - busy_ratio) * slope(calm) + busy_ratio * slope(busy),
                           1e-3 * busy.completion_per_s[n] / static_cast<double>(n));
  // Two equal rates would make one of the exponentials t exp(-w t).
  if (std::abs(state.d_per_s - state.w_per_s) < 1e-3 * state.w_per_s) state.d_per_s *= 1.0 + 2e-3;
  state.by_slots = (cycle(calm, high) - cycle(calm, low)) / width;
  state.by_rate = (cycle(busy, n) - cycle(calm, n)) / (busy.arrival_per_s - calm.arrival_per_s);
  return state;
}

/// The covariance of b n + g l over a time t is A exp(-d t) + W exp(-w t); W / (A + W).
double phase_share(const LinearState& state, double slots_variance, double rate_variance) {
  const auto [w, d, b, g] = state;
  // E[n l], and the two covariances of n: its own, and with the past of l.
  const double both = rate_variance / (d + w);
  const double slots_w = both / (d - w), slots_d = slots_variance - slots_w;
  const double past_w = rate_variance / (d - w), past_d = both - past_w;
  const double by_slots = b * b * slots_d + b * g * past_d;
  const double by_phase = b * b * slots_w + b * g * (past_w + both) + g * g * rate_variance;
  return by_slots + by_phase > 0.0 ? by_phase / (by_slots + by_phase) : 0.0;
}

/// Mean over all tokens of something that fades at this rate per cycle from 1 at each first token.
double faded_over_lives(const DecodeSurvival& lives, double decay) {
  double sum = 0.0, faded = 0.0;
  const double step = lives.step_iterations, within = faded_share(decay * step);
  for (std::size_t i = 0; i < lives.at.size(); ++i) {
    sum += lives.at[i];
    faded += lives.at[i] * within * std::exp(-decay * step * static_cast<double>(i));
  }
  return sum > 0.0 ? faded / sum : 0.0;
}

/// Mean and variance of the cycle time over all tokens: weighted by completions.
void add_tokens(const SlotPopulation::Phase& phase, double& weight, double& sum, double& squares) {
  for (std::size_t n = 1; n < phase.law.size(); ++n) {
    const double completed = phase.law[n] * phase.completion_per_s[n];
    const double cycle_s = static_cast<double>(n) / phase.completion_per_s[n];
    weight += completed;
    sum += completed * cycle_s;
    squares += completed * cycle_s * cycle_s;
  }
}

}  // namespace

void start_in_phases(const EngineModel& engine, const solvers::SwitchedPoisson& bursts, const SolvedEngine& solved,
                     const DecodeSurvival& lives, double cycles_before, GapNoise& noise) {
  const SlotPopulation& population = solved.population;
  double weight = 0.0, mean_s = 0.0, square_s2 = 0.0;
  for (const SlotPopulation::Phase& phase : population.phases) add_tokens(phase, weight, mean_s, square_s2);
  mean_s /= weight;
  const double scale = noise.cycle_s / mean_s, rate = bursts.rate_per_s();
  const LinearState state = linear_state(bursts, population);
  noise.slow_std_s = scale * std::sqrt(std::max(0.0, square_s2 / weight - mean_s * mean_s));
  noise.slow_decay = state.d_per_s * noise.cycle_s;
  noise.phase_decay = state.w_per_s * noise.cycle_s;
  noise.phase_share = phase_share(state, population.variance_slots, bursts.rate_variance());
  double on_average_s = 0.0;
  const double slots_faded = faded_over_lives(lives, noise.slow_decay);
  const double phase_faded = faded_over_lives(lives, noise.phase_decay);
  const double kept = std::exp(-cycles_before * noise.phase_decay);
  for (const SlotPopulation::Phase& phase : population.phases) {
    const SlowCycles cycles = slow_cycles(engine, phase);
    const double beyond = phase.arrival_per_s - rate;
    const double by_phase = (state.by_rate + state.by_slots / (state.d_per_s - state.w_per_s)) * beyond;
    GapNoise::Start start{.weight = phase.arrival_per_s * phase.time_ratio / rate,
                          .slots_excess_s = scale * (cycles.mean_s - mean_s - by_phase),
                          .phase_excess_s = kept * scale * by_phase,
                          .prompts_excess = kept * (phase.arrival_per_s * cycles.mean_s / (rate * mean_s) - 1.0),
                          .own_ratio = 1.0 + kept * beyond / rate,
                          .std_s = scale * cycles.std_s,
                          .shape = cycles.shape};
    on_average_s += start.weight * (start.slots_excess_s * slots_faded + start.phase_excess_s * phase_faded);
    if (start.weight > 0.0) noise.starts.push_back(std::move(start));
  }
  noise.cycle_s -= on_average_s;
}

}  // namespace windtunnel::modeling
