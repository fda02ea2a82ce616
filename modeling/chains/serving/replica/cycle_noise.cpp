// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/cycle_noise.h"

#include <algorithm>
#include <cmath>

#include "modeling/chains/serving/replica/burst_noise.h"

namespace windtunnel::modeling {

namespace {

/// Prompts that arrive while the tagged request's own prompt is computed, beyond what an average cycle brings.
double own_prompts(const EngineModel& engine, const ReplicaArrivals& arrivals, const GapNoise& noise, double decoding,
                   double share, double prompt_tokens) {
  const double own_s = own_prefill_s(engine, arrivals.rate_per_s, noise.prompt_s, decoding, prompt_tokens);
  if (engine.is_chunked()) return arrivals.rate_per_s * std::max(0.0, own_s - noise.cycle_s);
  // Decoding stands still until the prompts that came during this prefill are computed too.
  return arrivals.rate_per_s * (own_s - engine.iteration_s(decoding, 0.0)) / (1.0 - share);
}

}  // namespace

double own_prefill_s(const EngineModel& engine, double rate_per_s, double prompt_s, double decoding,
                     double prompt_tokens) {
  const double mean = engine.work().prompt_tokens;
  if (engine.is_chunked()) {
    const double others =
        rate_per_s * (engine.iteration_s(decoding, 0.0) / std::max(0.05, 1.0 - rate_per_s * prompt_s));
    return engine.iteration_s(decoding, std::min(engine.prompt_room(decoding), prompt_tokens + others * mean));
  }
  const double others = rate_per_s * engine.iteration_s(decoding, 0.0);
  return engine.iteration_s(0.0,
                            std::min(std::max(prompt_tokens, engine.prompt_room(0.0)), prompt_tokens + others * mean));
}

std::vector<GapNoise> open_noise(const EngineModel& engine, const std::vector<RequestClass>& classes,
                                 const ReplicaArrivals& arrivals, const SolvedEngine& solved, const MeanCycle& mean) {
  const RequestWork& work = engine.work();
  const double decoding_mean = mean.decoding;
  GapNoise noise;
  if (work.decode_iterations <= 0.0) return std::vector<GapNoise>(classes.size());
  noise.resolution = engine.resolution();
  noise.cycle_s = mean.cycle_s;
  noise.prompts_per_cycle = arrivals.rate_per_s * noise.cycle_s;
  noise.prompt_s = engine.is_chunked() ? marginal_prompt_s(engine, decoding_mean) : solved.prefill_s;
  noise.prompts = solved.quanta;
  const double share = std::min(0.95, arrivals.rate_per_s * noise.prompt_s);
  // A full engine computes one prompt per slot that is freed: as irregular as the outputs are.
  const double full = solved.population.wait_probability, regular = std::min(1.0, work.decode_scv);
  // Bursts are in the slow part: given the phase, arrivals are Poisson.
  const double scv = arrivals.bursts ? 1.0 : arrivals.scv;
  const double bunched = prompt_bunching(scv, share, work.prompt_scv);
  noise.long_run_dispersion = (1.0 - full) * bunched + full * regular;
  const double counted = arrivals.bursts ? 1.0 : count_dispersion(arrivals, noise.cycle_s);
  noise.dispersion_growth = scv / std::max(0.05, counted);
  const double alone = engine.is_chunked()
                           ? counted + share * share * (counted + work.prompt_scv) / (1.0 - share * share)
                           : prompt_bunching(counted, share, work.prompt_scv);
  noise.one_cycle_dispersion = (1.0 - full) * alone + full * regular;
  noise.prompt_correlation = engine.is_chunked() ? share : 0.0;
  if (engine.is_chunked())
    noise.longest_cycle_s = engine.iteration_s(engine.slots(), engine.prompt_room(decoding_mean));
  const SlowCycles slow = slow_cycles(engine, solved);
  noise.slow_shape = slow.shape;
  const double decode_s = noise.cycle_s - noise.prompts_per_cycle * noise.prompt_s;
  const double full_s = decode_s / std::max(0.05, 1.0 - share);
  // Slots forget at the slope of their death rate: 1 / k where the iteration time does not grow with them.
  const std::vector<double>& death = solved.rates.completion_per_s;
  const auto n = static_cast<std::size_t>(std::clamp(std::round(solved.population.mean_slots), 1.0,
                                                     std::max(1.0, static_cast<double>(death.size()) - 2.0)));
  const double slope = n + 1 < death.size() ? 0.5 * (death[n + 1] - death[n - 1]) : death[n] - death[n - 1];
  noise.slow_decay = std::max(1e-6, slope * full_s);
  noise.slow_std_s = slow.mean_s > 0.0 ? slow.std_s / slow.mean_s * noise.cycle_s : 0.0;
  GapNoise started = noise;
  // Half of an iteration, that of its own prompt, and back by half: one. Prefill first: the prompts that came meanwhile
  // are computed before it decodes.
  if (arrivals.bursts)
    start_in_phases(engine, *arrivals.bursts, solved, decode_survival(classes, engine.rules()),
                    engine.is_chunked() ? 1.0 : 2.0, started);
  std::vector<GapNoise> all;
  const double computed = 1.0 - engine.rules().prefix_cache_hit_ratio;
  double own = 0.0;
  for (const RequestClass& one : classes) {
    all.push_back(started);
    all.back().own_prompts = own_prompts(engine, arrivals, noise, decoding_mean, share, one.prompt.mean() * computed);
    own += one.share * own_prompts_within(all.back(), work.decode_iterations);
  }
  // The mean over all cycles holds what the requests' own prompts brought about.
  for (GapNoise& one : all) one.cycle_s -= noise.prompt_s * own / work.decode_iterations;
  return all;
}

}  // namespace windtunnel::modeling
