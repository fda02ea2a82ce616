// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/token_gaps.h"

#include <algorithm>
#include <cmath>

#include "modeling/chains/compound_law.h"

namespace windtunnel::modeling {

namespace {

/// From this mean work on (quanta) its lattice is finer than anything asked.
constexpr double kSmoothWork = 150.0;
/// A standard normal on a grid of half standard deviations up to 3.5; the weights come from its density.
constexpr double kNormalStep = 0.5;
constexpr double kNormalEnd = 3.5;

/// sum over i, j < k of r^|i-j|, relative to k.
double correlated_sum(double r, double k) {
  if (r < 1e-12) return 1.0;
  const double decayed = std::exp(k * std::log(r));
  return (1.0 + r) / (1.0 - r) - 2.0 * r * (1.0 - decayed) / (k * (1.0 - r) * (1.0 - r));
}

/// Var(sum over k cycles) / k^2 of something that forgets at rate x / k per cycle.
double averaged_share(double x) {
  return x < 1e-4 ? 1.0 - x / 3.0 : 2.0 * (x - 1.0 + std::exp(-x)) / (x * x);
}

/// So much work (quanta), with a probability.
struct Work {
  double quanta = 0.0;
  double weight = 0.0;
};

std::vector<Work> normal_points(double mean, double std, double resolution) {
  std::vector<Work> points;
  double total = 0.0;
  const int half = static_cast<int>(kNormalEnd / kNormalStep * resolution);
  for (int i = -half; i <= half; ++i) {
    const double at = kNormalStep / resolution * i;
    points.push_back({mean + std * at, std::exp(-0.5 * at * at)});
    total += points.back().weight;
  }
  for (Work& point : points) point.weight /= total;
  return points;
}

/// Law of the total work (quanta) of a negative binomial number of prompts, Poisson where the variance is the mean.
std::vector<double> prompt_work(double mean, double variance, const std::vector<double>& prompt, double most) {
  const double ratio = std::max(1.0, variance / mean), a = ratio > 1.0 + 1e-9 ? 1.0 - 1.0 / ratio : 0.0;
  const double shape = a > 0.0 ? mean / (ratio - 1.0) : 0.0, b = a > 0.0 ? (shape - 1.0) * a : mean;
  const double nothing =
      a > 0.0 ? std::exp(shape * std::log((1.0 - a) / (1.0 - a * prompt[0]))) : std::exp(-mean * (1.0 - prompt[0]));
  return compound_law({a, b}, prompt, nothing, static_cast<int>(most) + 1, 1.0 - 1e-10);
}

struct Moments {
  double mean = 0.0;
  double square = 0.0;
};

Moments moments_of(const std::vector<double>& law) {
  Moments moments;
  for (std::size_t j = 0; j < law.size(); ++j) {
    moments.mean += static_cast<double>(j) * law[j];
    moments.square += static_cast<double>(j * j) * law[j];
  }
  return moments;
}

/// Law of the work that prompts bring, their number having this mean and variance.
std::vector<Work> work_law(double mean, double variance, const std::vector<double>& prompt, double resolution) {
  const Moments one = moments_of(prompt);
  const double work = mean * one.mean;
  if (work < 1e-12) return {{0.0, 1.0}};
  const double scatter = mean * (one.square - one.mean * one.mean) + variance * one.mean * one.mean;
  if (work > kSmoothWork * resolution) return normal_points(work, std::sqrt(scatter), resolution);
  const std::vector<double> law =
      prompt_work(mean, variance, prompt, work + 9.0 * std::sqrt(scatter) + 9.0 * one.square / one.mean);
  std::vector<Work> points;
  for (std::size_t n = 0; n < law.size(); ++n)
    if (law[n] > 1e-10) points.push_back({static_cast<double>(n), law[n]});
  return points;
}

}  // namespace

double own_prompts_within(const GapNoise& noise, double k) {
  const double r = noise.prompt_correlation;
  return noise.own_prompts * (r > 1e-12 ? (1.0 - std::pow(r, k)) / (1.0 - r) : 1.0);
}

std::vector<LatencyLaw::Atom> total_gap(const GapNoise& noise, double k) {
  const double own = own_prompts_within(noise, k);
  const double prompts = std::max(0.0, k * noise.prompts_per_cycle + own);
  const double growth = noise.dispersion_growth - (noise.dispersion_growth - 1.0) / std::max(1.0, k);
  const double grown = growth * noise.one_cycle_dispersion * correlated_sum(noise.prompt_correlation, k);
  const double dispersion = noise.dispersion_growth >= 1.0 ? std::min(noise.long_run_dispersion, grown) : grown;
  const double share = averaged_share(k * noise.slow_decay);
  const double shared = 2.0 * noise.shared_s2 * k * k * (1.0 - share) / std::max(1.0, k * noise.slow_decay);
  const double slow_s2 = k * k * noise.slow_std_s * noise.slow_std_s * share + std::max(0.0, shared);
  const double slow_std_s = std::sqrt(slow_s2);
  const double quantum_s = noise.prompt_s / std::max(1e-12, moments_of(noise.prompts.probability).mean);
  const double work = prompts * noise.prompt_s / std::max(1e-300, quantum_s);
  const std::vector<Work> works = work_law(prompts, prompts * dispersion, noise.prompts.probability, noise.resolution);
  std::vector<LatencyLaw::Atom> atoms;
  atoms.reserve(works.size() * noise.slow_shape.size());
  for (const Work& one : works) {
    const double fast_s = k * noise.cycle_s + noise.prompt_s * own + quantum_s * (one.quanta - work);
    for (const LatencyLaw::Atom& slow : noise.slow_shape)
      atoms.push_back({noise.start_s + std::clamp(fast_s + slow_std_s * slow.value_s, 0.0, k * noise.longest_cycle_s),
                       one.weight * slow.weight});
  }
  return atoms;
}

}  // namespace windtunnel::modeling
