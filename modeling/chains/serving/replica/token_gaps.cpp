// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/token_gaps.h"

#include <algorithm>
#include <cmath>

#include "modeling/chains/serving/engine/prompt_work_law.h"

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

double faded_share(double x) {
  return x < 1e-9 ? 1.0 : -std::expm1(-x) / x;
}

double own_prompts_within(const GapNoise& noise, double k) {
  const double r = noise.prompt_correlation;
  double ratio = noise.starts.empty() ? 1.0 : 0.0;
  for (const GapNoise::Start& start : noise.starts) ratio += start.weight * start.own_ratio;
  return ratio * noise.own_prompts * (r > 1e-12 ? (1.0 - std::pow(r, k)) / (1.0 - r) : 1.0);
}

namespace {

/// One way to start, over k cycles.
struct Course {
  double weight = 1.0;
  /// On average, and because of its own prefill.
  double prompts = 0.0;
  double own = 0.0;
  /// Of the slow part: mean beyond cycle_s per cycle, standard deviation of the total.
  double excess_s = 0.0;
  double std_s = 0.0;
  const std::vector<LatencyLaw::Atom>* shape = nullptr;
};

/// Variance of the slow part's mean over k cycles.
double slow_variance(const GapNoise& noise, double k) {
  const double share = averaged_share(k * noise.slow_decay);
  const double shared = 2.0 * noise.shared_s2 * (1.0 - share) / std::max(1.0, k * noise.slow_decay);
  const double kept = (1.0 - noise.phase_share) * share + noise.phase_share * averaged_share(k * noise.phase_decay);
  return noise.slow_std_s * noise.slow_std_s * std::clamp(kept, 0.0, 1.0) + std::max(0.0, shared);
}

std::vector<Course> courses(const GapNoise& noise, double k) {
  const double prompts = k * noise.prompts_per_cycle, variance = slow_variance(noise, k);
  double own = own_prompts_within(noise, k);
  if (noise.starts.empty()) return {{1.0, prompts, own, 0.0, k * std::sqrt(variance), &noise.slow_shape}};
  const double slots_faded = faded_share(k * noise.slow_decay), phase_faded = faded_share(k * noise.phase_decay);
  double own_ratio = 0.0;
  for (const GapNoise::Start& start : noise.starts) own_ratio += start.weight * start.own_ratio;
  if (own_ratio > 0.0) own /= own_ratio;
  std::vector<Course> all;
  double mean = 0.0, square = 0.0, start_variance = 0.0;
  for (const GapNoise::Start& start : noise.starts) {
    const double excess_s = start.slots_excess_s * slots_faded + start.phase_excess_s * phase_faded;
    all.push_back({start.weight, prompts * std::max(0.0, 1.0 + start.prompts_excess * phase_faded),
                   own * start.own_ratio, excess_s, start.std_s, &start.shape});
    mean += start.weight * excess_s;
    square += start.weight * excess_s * excess_s;
    start_variance += start.weight * start.std_s * start.std_s;
  }
  // What is not between the starts is within them, in proportion.
  const double within = std::max(0.0, variance - (square - mean * mean));
  for (Course& one : all) one.std_s *= start_variance > 0.0 ? k * std::sqrt(within / start_variance) : 0.0;
  return all;
}

}  // namespace

std::vector<LatencyLaw::Atom> total_gap(const GapNoise& noise, double k) {
  const double growth = noise.dispersion_growth - (noise.dispersion_growth - 1.0) / std::max(1.0, k);
  const double grown = growth * noise.one_cycle_dispersion * correlated_sum(noise.prompt_correlation, k);
  const double dispersion = noise.dispersion_growth >= 1.0 ? std::min(noise.long_run_dispersion, grown) : grown;
  const double quantum_s = noise.prompt_s / std::max(1e-12, moments_of(noise.prompts.probability).mean);
  std::vector<LatencyLaw::Atom> atoms;
  for (const Course& course : courses(noise, k)) {
    const double prompts = std::max(0.0, course.prompts + course.own);
    const double work = prompts * noise.prompt_s / std::max(1e-300, quantum_s);
    for (const Work& one : work_law(prompts, prompts * dispersion, noise.prompts.probability, noise.resolution)) {
      const double fast_s =
          k * (noise.cycle_s + course.excess_s) + noise.prompt_s * course.own + quantum_s * (one.quanta - work);
      for (const LatencyLaw::Atom& slow : *course.shape)
        atoms.push_back(
            {noise.start_s + std::clamp(fast_s + course.std_s * slow.value_s, 0.0, k * noise.longest_cycle_s),
             course.weight * one.weight * slow.weight});
    }
  }
  return atoms;
}

}  // namespace windtunnel::modeling
