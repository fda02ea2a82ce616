// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/serving/trace_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/spec/spec_error.h"
#include "solvers/arrivals/arrival_sample.h"

namespace windtunnel::modeling {

namespace {

/// Beyond these the answer says that the law is not the trace. Largest difference between the shares of gaps up to some
/// length; dispersion fitted over measured, or the inverse; standard deviations of the fitted counts that the busiest
/// tenth of the time is above the mean; correlation.
constexpr double kFarGaps = 0.1;
constexpr double kFarDispersion = 1.5;
constexpr double kDriftDeviations = 3.0;
constexpr double kDependent = 0.3;
/// Windows shown hold so many requests in the mean; those measured are half a factor of ten apart.
constexpr int kShownWindows[] = {1, 10, 100, 1000};

using Trace = std::vector<TracedRequest>;

std::vector<double> arrivals_of(const Trace& trace) {
  std::vector<double> arrival_s;
  for (const TracedRequest& one : trace) arrival_s.push_back(one.arrival_s);
  return arrival_s;
}

/// Largest difference between the shares of requests up to some length: those of the trace, and those of the law that a
/// spec would state by mean and scv.
double stated_law_distance(const TokenLaw& measured) {
  const TokenLaw stated(TokenCount{.mean = measured.mean(), .scv = measured.scv()});
  double distance = 0.0;
  constexpr int kPoints = 400;
  for (int i = 0; i < kPoints; ++i) {
    const Count n = measured.quantile((i + 0.5) / kPoints);
    distance = std::max({distance, std::abs(measured.survival(n) - stated.survival(n)),
                         std::abs(measured.survival(n - 1) - stated.survival(n - 1))});
  }
  return distance;
}

double prompt_output_correlation(const Trace& trace, const TokenLaw& prompt, const TokenLaw& output) {
  double sum = 0.0;
  for (const TracedRequest& one : trace)
    sum += (static_cast<double>(one.prompt_tokens) - prompt.mean()) *
           (static_cast<double>(one.output_tokens) - output.mean());
  const double scale = std::sqrt(prompt.variance() * output.variance());
  return scale > 0.0 ? sum / static_cast<double>(trace.size()) / scale : 0.0;
}

double fitted_dispersion(const ArrivalLaw& law, double seconds) {
  return law.bursts ? solvers::count_dispersion(*law.bursts, law.rate_per_s * seconds) : 1.0;
}

/// Measured and fitted, by how many requests a window holds; unknown where the trace has too few windows.
void add_dispersions(const solvers::ArrivalSample& sample, const ArrivalLaw& law, Breakdown& fit) {
  for (std::size_t i = 0; i < std::size(kShownWindows); ++i) {
    const std::string window = fmt::format("dispersion.{}_requests", kShownWindows[i]);
    const bool is_known = 2 * i < sample.windows.size();
    fit.entries.push_back({window, is_known ? std::optional(sample.windows[2 * i].dispersion) : std::nullopt});
    fit.entries.push_back({"fitted_" + window, fitted_dispersion(law, kShownWindows[i] / sample.rate_per_s)});
  }
}

void warn_of_dispersion(const solvers::ArrivalSample& sample, const ArrivalLaw& law,
                        std::vector<std::string>& warnings) {
  double worst = 1.0;
  const solvers::ArrivalSample::Window* where = nullptr;
  for (const solvers::ArrivalSample::Window& one : sample.windows) {
    const double ratio = fitted_dispersion(law, one.seconds) / std::max(one.dispersion, 1e-9);
    if (std::max(ratio, 1.0 / ratio) <= worst) continue;
    worst = std::max(ratio, 1.0 / ratio);
    where = &one;
  }
  if (worst > kFarDispersion)
    warnings.push_back(fmt::format(
        "trace_fit: over {:.3g} s the variance of the trace's counts is {:.3g} times their mean, that of the "
        "fitted arrivals {:.3g} times; see trace_fit",
        where->seconds, where->dispersion, fitted_dispersion(law, where->seconds)));
}

/// Standard deviation of a tenth's count over its mean, by the fitted law.
double tenth_deviation(const ArrivalLaw& law, double requests) {
  return std::sqrt(fitted_dispersion(law, 0.1 * requests / law.rate_per_s) / (0.1 * requests));
}

void warn(const solvers::ArrivalSample& sample, double most_drift, double gap_distance, double correlation,
          std::vector<std::string>& warnings) {
  if (gap_distance > kFarGaps)
    warnings.push_back(
        fmt::format("trace_fit: the shares of interarrival times differ by up to {:.0f} % from the fitted "
                    "law's",
                    100.0 * gap_distance));
  if (sample.busiest_tenth_ratio > most_drift)
    warnings.push_back(
        fmt::format("trace_fit: the busiest tenth of the trace has {:.3g} times its mean rate; the fitted load has the "
                    "mean rate and bursts, not that drift",
                    sample.busiest_tenth_ratio));
  if (std::abs(correlation) > kDependent)
    warnings.push_back(
        fmt::format("trace_fit: prompts and outputs are correlated by {:.2f}; the fitted load draws them independently",
                    correlation));
}

Breakdown describe_fit(const PlacedServing& placed, const PlacedServing& fitted, std::vector<std::string>& warnings) {
  const Trace& trace = *placed.system.arrivals.trace;
  const ArrivalLaw& law = fitted.system.arrivals;
  const RequestClass& lengths = fitted.system.classes.front();
  const std::vector<double> arrival_s = arrivals_of(trace);
  const solvers::ArrivalSample sample = solvers::measure_arrivals(arrival_s);
  std::optional<solvers::SwitchedPoisson> bursts;
  if (law.bursts) bursts = solvers::faster(*law.bursts, law.rate_per_s);
  const double distance = solvers::gap_distance(arrival_s, bursts, law.rate_per_s);
  const double correlation = prompt_output_correlation(trace, lengths.prompt, lengths.output);
  Breakdown fit{.name = "trace_fit",
                .entries = {{"requests", static_cast<double>(trace.size())},
                            {"rate_per_s", sample.rate_per_s},
                            {"scv", sample.scv},
                            {"fitted_scv", law.scv},
                            {"correlation", sample.lag1_correlation},
                            {"fitted_correlation", bursts ? solvers::arrivals_of(*bursts).autocorrelation(1) : 0.0}}};
  add_dispersions(sample, law, fit);
  fit.entries.push_back({"interarrival_distance", distance});
  fit.entries.push_back({"busiest_tenth_ratio", sample.busiest_tenth_ratio});
  fit.entries.push_back({"prompt_tokens_mean", lengths.prompt.mean()});
  fit.entries.push_back({"prompt_tokens_scv", lengths.prompt.scv()});
  fit.entries.push_back({"prompt_stated_law_distance", stated_law_distance(lengths.prompt)});
  fit.entries.push_back({"output_tokens_mean", lengths.output.mean()});
  fit.entries.push_back({"output_tokens_scv", lengths.output.scv()});
  fit.entries.push_back({"output_stated_law_distance", stated_law_distance(lengths.output)});
  fit.entries.push_back({"prompt_output_correlation", correlation});
  warn_of_dispersion(sample, law, warnings);
  const double requests = static_cast<double>(trace.size());
  warn(sample, 1.0 + kDriftDeviations * tenth_deviation(law, requests), distance, correlation, warnings);
  return fit;
}

void add_latency(const std::string& name, const LatencyNumbers& latency, Breakdown& load) {
  load.entries.push_back({name + "_mean_s", latency.mean_s});
  load.entries.push_back({name + "_p50_s", latency.p50_s});
  load.entries.push_back({name + "_p90_s", latency.p90_s});
  load.entries.push_back({name + "_p99_s", latency.p99_s});
}

Breakdown describe_load(const ServingAnswer& answer) {
  Breakdown load{.name = "fitted_load",
                 .entries = {{"requests_per_s", answer.requests_per_s},
                             {"batch_mean", answer.batch_mean},
                             {"utilization_ratio", answer.utilization_ratio}}};
  const ClassAnswer& all = answer.classes.front();
  add_latency("ttft", all.ttft, load);
  add_latency("tpot", all.tpot, load);
  add_latency("e2e", all.e2e, load);
  load.entries.push_back({"slo_met_ratio", all.met_ratio});
  return load;
}

}  // namespace

std::optional<PlacedServing> fitted_to_trace(const PlacedServing& placed) {
  if (placed.system.arrivals.kind != ArrivalLaw::Kind::kTrace) return std::nullopt;
  const Trace& trace = *placed.system.arrivals.trace;
  if (!(trace.back().arrival_s > trace.front().arrival_s)) return std::nullopt;
  const solvers::ArrivalSample sample = solvers::measure_arrivals(arrivals_of(trace));
  PlacedServing fitted = placed;
  fitted.system.requests.reset();
  fitted.system.arrivals = {.kind = ArrivalLaw::Kind::kOpen, .rate_per_s = sample.rate_per_s};
  if (const auto bursts = solvers::fit_switched_poisson(sample)) {
    fitted.system.arrivals.bursts = solvers::faster(*bursts, 1.0 / sample.rate_per_s);
    fitted.system.arrivals.scv = solvers::arrivals_of(*bursts).scv();
  }
  return fitted;
}

void compare_trace_and_fit(const PlacedServing& placed, const PlacedServing& fitted, Report& report) {
  if (!report.failure.empty()) return;
  report.breakdowns.push_back(describe_fit(placed, fitted, report.warnings));
  const ServingAnswer answer = answer_serving(fitted, std::nullopt);
  if (!answer.failure.empty()) {
    report.warnings.push_back("fitted_load: in the long run " + answer.failure);
    return;
  }
  report.breakdowns.push_back(describe_load(answer));
  for (const std::string& one : answer.warnings) report.warnings.push_back("fitted_load: " + one);
}

}  // namespace windtunnel::modeling
