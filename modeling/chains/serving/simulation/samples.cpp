// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/simulation/samples.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace windtunnel::modeling {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

double quantile(std::vector<double>& values, double probability) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const std::size_t rank = std::min(
      values.size() - 1, static_cast<std::size_t>(std::ceil(probability * static_cast<double>(values.size())) - 1.0));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(rank), values.end());
  return values[rank];
}

LatencyNumbers latency_numbers(std::vector<double> values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  const double mean = values.empty() ? NAN : sum / static_cast<double>(values.size());
  return {mean, quantile(values, 0.5), quantile(values, 0.9), quantile(values, 0.99)};
}

/// All numbers of one stretch of samples.
struct Numbers {
  double requests_per_s = 0.0, output_per_s = 0.0, total_per_s = 0.0, batch = 0.0, busy = 0.0, cached = 0.0;
  std::vector<ClassAnswer> classes;
};

Numbers numbers_of(const Stretch& stretch, const ServingSystem& system, const RequestLimits& limits) {
  Numbers numbers;
  const double lasted_s = stretch.end.now_s - stretch.start.now_s;
  const double replicas = static_cast<double>(system.pool.replicas);
  for (std::size_t i = stretch.from; i < stretch.to; ++i) {
    numbers.output_per_s += (*stretch.samples)[i].output_tokens / lasted_s;
    numbers.total_per_s += (*stretch.samples)[i].tokens / lasted_s;
  }
  numbers.requests_per_s = static_cast<double>(stretch.to - stretch.from) / lasted_s;
  numbers.batch = (stretch.end.decoding_s - stretch.start.decoding_s) / lasted_s / replicas;
  numbers.busy = (stretch.end.busy_s - stretch.start.busy_s) / lasted_s / replicas;
  numbers.cached = (stretch.end.cached_s - stretch.start.cached_s) / lasted_s / replicas;
  const std::span<const Sample> samples(stretch.samples->data() + stretch.from, stretch.to - stretch.from);
  numbers.classes.push_back(answer_of(samples, -1, limits));
  for (std::size_t k = 0; system.classes.size() > 1 && k < system.classes.size(); ++k)
    numbers.classes.push_back(answer_of(samples, static_cast<int>(k), limits));
  return numbers;
}

/// The value over everything, with the interval of the batches around it.
class Combiner {
 public:
  Combiner(Numbers whole, std::vector<Numbers> batches, double confidence)
      : whole_(std::move(whole)), batches_(std::move(batches)), confidence_(confidence) {}

  solvers::Estimate operator()(const std::function<double(const Numbers&)>& get) const {
    std::vector<double> values;
    for (const Numbers& batch : batches_)
      if (const double value = get(batch); std::isfinite(value)) values.push_back(value);
    const double whole = get(whole_);
    if (values.size() < 2) return {whole, -kNever, kNever};
    const solvers::Estimate spread = solvers::mean_estimate(values, confidence_);
    return {whole, whole - (spread.value - spread.low), whole + (spread.high - spread.value)};
  }

  LatencyEstimates latency(std::size_t index, LatencyNumbers ClassAnswer::*kind) const {
    const auto at = [&](double LatencyNumbers::*statistic) {
      return (*this)([=](const Numbers& n) { return (n.classes[index].*kind).*statistic; });
    };
    return {.mean = at(&LatencyNumbers::mean_s),
            .p50 = at(&LatencyNumbers::p50_s),
            .p90 = at(&LatencyNumbers::p90_s),
            .p99 = at(&LatencyNumbers::p99_s)};
  }

 private:
  Numbers whole_;
  std::vector<Numbers> batches_;
  double confidence_;
};

SimulationResult combine(const Combiner& all, const ServingSystem& system) {
  SimulationResult result;
  result.requests_per_s = all([](const Numbers& n) { return n.requests_per_s; });
  result.output_tokens_per_s = all([](const Numbers& n) { return n.output_per_s; });
  result.total_tokens_per_s = all([](const Numbers& n) { return n.total_per_s; });
  result.batch_mean = all([](const Numbers& n) { return n.batch; });
  result.utilization_ratio = all([](const Numbers& n) { return n.busy; });
  result.cached_tokens_mean = all([](const Numbers& n) { return n.cached; });
  const std::size_t rows = system.classes.size() > 1 ? system.classes.size() + 1 : 1;
  for (std::size_t index = 0; index < rows; ++index) {
    result.classes.push_back({.name = index == 0 ? "" : system.classes[index - 1].name,
                              .ttft = all.latency(index, &ClassAnswer::ttft),
                              .tpot = all.latency(index, &ClassAnswer::tpot),
                              .e2e = all.latency(index, &ClassAnswer::e2e),
                              .met = all([=](const Numbers& n) { return n.classes[index].met_ratio; })});
  }
  return result;
}

}  // namespace

ClassAnswer answer_of(std::span<const Sample> samples, int request_class, const RequestLimits& limits) {
  std::vector<double> ttft_s, tpot_s, e2e_s;
  double met = 0.0;
  for (const Sample& sample : samples) {
    if (request_class >= 0 && sample.request_class != request_class) continue;
    ttft_s.push_back(sample.ttft_s);
    if (sample.tpot_s >= 0.0) tpot_s.push_back(sample.tpot_s);
    e2e_s.push_back(sample.e2e_s);
    met += sample.ttft_s <= limits.ttft_s && sample.tpot_s <= limits.tpot_s && sample.e2e_s <= limits.e2e_s ? 1.0 : 0.0;
  }
  const double count = static_cast<double>(ttft_s.size());
  return {"", latency_numbers(std::move(ttft_s)), latency_numbers(std::move(tpot_s)), latency_numbers(std::move(e2e_s)),
          met / count};
}

SimulationResult estimate(const Stretch& whole, const std::vector<Stretch>& batches, const ServingSystem& system,
                          const RequestLimits& limits, double confidence) {
  std::vector<Numbers> parts;
  for (const Stretch& batch : batches) parts.push_back(numbers_of(batch, system, limits));
  return combine(Combiner(numbers_of(whole, system, limits), std::move(parts), confidence), system);
}

}  // namespace windtunnel::modeling
