// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/slot_population.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

/// Iteration times are smooth in n: these many nodes, linear between them.
constexpr double kNodeGrowth = 1.12;

/// The chunked engine with n sequences: p of them in prefill, with the weights of a closed network of two stations.
/// Prefill completes min(p, prompts that fit the budget) per iteration, decode (n - p) / k.
struct ChunkedPoint {
  double completion_per_iteration = 0.0;
  double iteration_s = 0.0;
  double in_prefill = 0.0;
};

ChunkedPoint chunked_point(const EngineModel& engine, double n) {
  const RequestWork& work = engine.work();
  const double k = std::max(work.decode_iterations, 1e-9), prompt = work.prompt_tokens;
  const auto rate = [&](double p) { return std::min(p, engine.prompt_room(n - p) / prompt); };
  // Upwards from p = 0 in units of the largest weight: w(p + 1) / w(p) = (n - p) / k / rate(p + 1).
  ChunkedPoint point;
  double weight = 1.0, total = 0.0, largest = 0.0;
  // More decodes than the budget has tokens leave no room for prompts: such states are never entered.
  const double fewest = std::max(0.0, n - static_cast<double>(engine.rules().max_batched_tokens) + 1.0);
  for (double p = fewest; p <= n; p += 1.0) {
    const double done = rate(p);
    total += weight;
    point.completion_per_iteration += weight * done;
    const double iteration_s = engine.iteration_s(n - p, done * prompt);
    point.iteration_s += weight * iteration_s;
    // Of the time, not of the iterations: those with prompts are longer.
    point.in_prefill += weight * iteration_s * p;
    largest = std::max(largest, weight);
    const double next = rate(p + 1.0);
    if (next <= 0.0) break;
    const double ratio = (n - p) / k / next;
    if (ratio < 1.0 && weight < 1e-13 * largest) break;
    weight *= ratio;
    if (weight > 1e200) {
      const double scale = 1e-200;
      weight *= scale;
      total *= scale;
      largest *= scale;
      point.completion_per_iteration *= scale;
      point.iteration_s *= scale;
      point.in_prefill *= scale;
    }
  }
  point.completion_per_iteration /= total;
  point.in_prefill /= point.iteration_s;
  point.iteration_s /= total;
  return point;
}

/// Decode with n sequences; each completion (n / k per decode iteration) is matched by one prefill.
ChunkedPoint prefill_first_point(const EngineModel& engine, double n, double prefill_s) {
  const double k = std::max(engine.work().decode_iterations, 1e-9);
  const double decode_s = engine.iteration_s(n, 0.0);
  return {.completion_per_iteration = n / k, .iteration_s = decode_s + n / k * prefill_s};
}

ChunkedPoint decode_only_point(const EngineModel& engine, double n) {
  return {.completion_per_iteration = n / std::max(engine.work().decode_iterations, 1e-9),
          .iteration_s = engine.iteration_s(n, 0.0)};
}

ChunkedPoint engine_point(const EngineModel& engine, double n, double prefill_s) {
  if (engine.decodes_only()) return decode_only_point(engine, n);
  return engine.is_chunked() ? chunked_point(engine, n) : prefill_first_point(engine, n, prefill_s);
}

/// prefill_first with every slot held: what one decode iteration frees is prefilled together.
double saturated_prefill_s(const EngineModel& engine, double n) {
  const RequestWork& work = engine.work();
  const double freed = n / std::max(1.0, work.decode_iterations);
  // Poisson number of freed slots.
  double weight = std::exp(-freed), sum = 0.0;
  if (weight == 0.0) return engine.iteration_s(0.0, work.prompt_tokens * freed) / freed;
  for (double d = 1.0; d < freed + 12.0 * std::sqrt(freed + 1.0) + 4.0; d += 1.0) {
    weight *= freed / d;
    const double room = std::max(1.0, std::floor(engine.prompt_room(n) / work.prompt_tokens));
    const double rounds = std::ceil(d / room);
    sum += weight * rounds * engine.iteration_s(0.0, work.prompt_tokens * d / rounds);
  }
  return sum / freed;
}

std::vector<double> nodes_up_to(double slots, double growth) {
  std::vector<double> nodes;
  for (double n = 1.0; n < slots; n = std::max(n + 1.0, std::floor(n * growth))) nodes.push_back(n);
  nodes.push_back(slots);
  return nodes;
}

/// Excess of (lambda + ...) over one: the decay of the wait solves E[exp(-tau A)] E[exp(tau S / c)] = 1.
double log_transform(double x, double scv) {
  // ln E[exp(-x Y)] for a gamma variable of mean 1 and this scv; x < 0 is the growing side.
  if (scv < 1e-9) return -x;
  const double argument = 1.0 + scv * x;
  return argument > 0.0 ? -std::log(argument) / scv : INFINITY;
}

/// Decay of the wait for a slot. Neuts, Takahashi, Zeitschrift fuer Wahrscheinlichkeitstheorie 57, 1981: that of one
/// server with the services divided by their number.
double wait_decay_per_s(double arrival_per_s, double arrival_scv, double service_per_s, double service_scv) {
  const auto excess = [&](double tau) {
    return log_transform(tau / arrival_per_s, arrival_scv) + log_transform(-tau / service_per_s, service_scv);
  };
  double low = 0.0, high = service_scv > 1e-9 ? service_per_s / service_scv : 50.0 * service_per_s;
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    (excess(middle) < 0.0 ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

/// Unnormalised law of a chain with these death rates, births in bunches of geometric size (mean `bunch` >= 1):
/// level cuts give mu(n+1) x(n+1) = (arrivals / bunch) sum over i <= n of x(i) r^(n-i), r = 1 - 1 / bunch.
std::vector<double> bunched_law(const std::vector<double>& death_per_s, double arrival_per_s, double bunch) {
  std::vector<double> law = {1.0};
  const double again = 1.0 - 1.0 / bunch;
  double carried = 1.0;
  for (std::size_t n = 1; n < death_per_s.size(); ++n) {
    law.push_back(arrival_per_s / bunch * carried / death_per_s[n]);
    carried = again * carried + law.back();
    if (law.back() < 1e200) continue;
    for (double& one : law) one *= 1e-200;
    carried *= 1e-200;
  }
  return law;
}

/// Fewer fluctuations than a birth-death chain has: the same chain on levels `step` < 1 apart, put back on whole
/// numbers.
std::vector<double> steady_law(const std::vector<double>& death_per_s, double arrival_per_s, double step) {
  const double top = static_cast<double>(death_per_s.size() - 1);
  const auto rate = [&](double n) {
    const double within = std::min(n, top), low = std::min(std::floor(within), top - 1.0);
    const auto index = static_cast<std::size_t>(low);
    return death_per_s[index] + (within - low) * (death_per_s[index + 1] - death_per_s[index]);
  };
  std::vector<double> law(death_per_s.size(), 0.0);
  double weight = 1.0;
  for (double n = 0.0; n <= top; n += step) {
    const double low = std::floor(n);
    const auto index = static_cast<std::size_t>(low);
    law[index] += weight * (1.0 - (n - low));
    if (index + 1 < law.size()) law[index + 1] += weight * (n - low);
    weight *= arrival_per_s / std::max(rate(n + step), 1e-300);
    if (weight < 1e200) continue;
    for (double& one : law) one *= 1e-200;
    weight *= 1e-200;
  }
  return law;
}

}  // namespace

SlotRates slot_rates(const EngineModel& engine, double prefill_s_per_prompt) {
  SlotRates rates{.completion_per_s = {0.0}, .iteration_s = {0.0}, .in_prefill = {0.0}};
  double last = 0.0;
  ChunkedPoint before;
  for (const double node : nodes_up_to(engine.slots(), std::pow(kNodeGrowth, 1.0 / engine.resolution()))) {
    const ChunkedPoint point = engine_point(engine, node, prefill_s_per_prompt);
    if (last == 0.0) before = point;
    for (double n = last + 1.0; n <= node; n += 1.0) {
      const double share = node > last ? (n - last) / (node - last) : 1.0;
      const double iteration_s = before.iteration_s + share * (point.iteration_s - before.iteration_s);
      // Completions per iteration start at 0 for n = 0.
      const double from = last == 0.0 ? 0.0 : before.completion_per_iteration;
      rates.completion_per_s.push_back((from + share * (point.completion_per_iteration - from)) / iteration_s);
      rates.iteration_s.push_back(iteration_s);
      rates.in_prefill.push_back(before.in_prefill + share * (point.in_prefill - before.in_prefill));
    }
    last = node;
    before = point;
  }
  if (!engine.is_chunked() && !engine.decodes_only()) {
    const ChunkedPoint full = prefill_first_point(engine, engine.slots(), saturated_prefill_s(engine, engine.slots()));
    rates.completion_per_s.back() = full.completion_per_iteration / full.iteration_s;
    rates.iteration_s.back() = full.iteration_s;
  }
  return rates;
}

FullEngine full_engine(const EngineModel& engine, double sequences) {
  const bool prefills_first = !engine.is_chunked() && !engine.decodes_only();
  const ChunkedPoint point =
      engine_point(engine, sequences, prefills_first ? saturated_prefill_s(engine, sequences) : 0.0);
  return {point.in_prefill, point.iteration_s, point.completion_per_iteration};
}

double saturated_requests_per_s(const EngineModel& engine) {
  return full_engine(engine, engine.slots()).requests_per_s();
}

double wait_factor(double servers, double load, double scv) {
  // Cosmetatos' factor for constant services (Operational Research Quarterly 26, 1975), linear in the scv between and
  // beyond.
  const double root = std::sqrt(4.0 + 5.0 * servers) - 2.0;
  const double correction = std::min(1.0, (1.0 - load) * (servers - 1.0) * root / (16.0 * load * servers));
  const double constant = 0.5 * (1.0 + correction);
  return std::max(0.25, 1.0 + (scv - 1.0) * (1.0 - constant));
}

double SlotPopulation::seen_by_arrivals(std::size_t n) const {
  if (phases.empty()) return law[n];
  double seen = 0.0, rate = 0.0;
  for (const Phase& phase : phases) {
    seen += phase.arrival_per_s * phase.law[n];
    rate += phase.arrival_per_s * phase.time_ratio;
  }
  return seen / rate;
}

void set_moments(SlotPopulation& population) {
  double mean = 0.0, square = 0.0;
  for (std::size_t n = 0; n < population.law.size(); ++n) {
    mean += static_cast<double>(n) * population.law[n];
    square += static_cast<double>(n * n) * population.law[n];
  }
  population.mean_slots = mean;
  population.variance_slots = square - mean * mean;
}

SlotPopulation solve_slot_population(const EngineModel& engine, const SlotRates& rates, const PopulationLoad& load) {
  const double arrivals = load.arrival_per_s, top = rates.completion_per_s.back();
  if (arrivals >= top)
    throw NoAnswerError(fmt::format("unstable: arrival_rate {:.4g} /s, capacity {:.4g} /s", arrivals, top));
  SlotPopulation population;
  population.law = load.dispersion >= 1.0
                       ? bunched_law(rates.completion_per_s, arrivals, load.dispersion)
                       : steady_law(rates.completion_per_s, arrivals, std::max(0.05, load.dispersion));
  // From "all slots held" on, the law falls geometrically.
  const double utilisation = arrivals / top;
  population.law.back() /= 1.0 - utilisation;
  double total = 0.0;
  for (const double one : population.law) total += one;
  for (double& one : population.law) one /= total;
  set_moments(population);
  population.wait_probability = population.law.back();
  population.load = utilisation;
  const double scv = engine.work().decode_scv;
  const double mean_s =
      wait_factor(engine.slots(), utilisation, scv) * 0.5 * (1.0 + load.arrival_scv) / (top - arrivals);
  const double decay = wait_decay_per_s(arrivals, load.arrival_scv, top, scv);
  const double weight = std::min(1.0, decay * mean_s);
  population.queue = {.weight = weight, .rate_per_s = weight < 1.0 ? decay : 1.0 / mean_s};
  return population;
}

}  // namespace windtunnel::modeling
