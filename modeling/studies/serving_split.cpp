// SPDX-License-Identifier: Apache-2.0
// Mix the classes on every replica, or give each class replicas of its own? Both are solved, the better is named.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/chains/serving_chain.h"
#include "modeling/studies/serving.h"

namespace windtunnel::modeling {

namespace {

/// One class on `replicas` of its own.
ServingSystem alone(const ServingSystem& system, std::size_t index, Count replicas) {
  ServingSystem part = system;
  part.classes = {system.classes[index]};
  part.classes.front().share = 1.0;
  part.arrivals.rate_per_s *= system.classes[index].share;
  part.pool.replicas = replicas;
  return part;
}

double load_of(const ServingSystem& system) {
  return system.arrivals.rate_per_s / serving_capacity_per_s(system);
}

/// Replicas by class so that the fullest class is as empty as can be: each gets one, then the fullest gets the next.
std::vector<Count> best_split(const ServingSystem& system) {
  std::vector<Count> replicas(system.classes.size(), 1);
  std::vector<double> load_of_one;
  for (std::size_t i = 0; i < replicas.size(); ++i) load_of_one.push_back(load_of(alone(system, i, 1)));
  for (Count left = system.pool.replicas - static_cast<Count>(replicas.size()); left > 0; --left) {
    std::size_t fullest = 0;
    for (std::size_t i = 1; i < replicas.size(); ++i)
      if (load_of_one[i] / static_cast<double>(replicas[i]) >
          load_of_one[fullest] / static_cast<double>(replicas[fullest]))
        fullest = i;
    ++replicas[fullest];
  }
  return replicas;
}

void add_tails(const std::string& prefix, const ClassAnswer& one, Breakdown& breakdown) {
  breakdown.entries.push_back({prefix + "ttft_p99_s", one.ttft.p99_s});
  breakdown.entries.push_back({prefix + "tpot_p99_s", one.tpot.p99_s});
}

bool is_asked(const ServingSystem& system) {
  return system.classes.size() > 1 && system.arrivals.kind == ArrivalLaw::Kind::kOpen && !system.prefill &&
         not_covered_by_chains(system).empty();
}

/// How much longer the tails of the split are, as the geometric mean over classes and both latencies.
double tail_ratio(const std::vector<ClassAnswer>& mixed, const std::vector<ClassAnswer>& split) {
  double sum = 0.0, count = 0.0;
  for (std::size_t i = 0; i < split.size(); ++i) {
    for (const double ratio :
         {split[i].ttft.p99_s / mixed[i + 1].ttft.p99_s, split[i].tpot.p99_s / mixed[i + 1].tpot.p99_s}) {
      if (!std::isfinite(ratio) || ratio <= 0.0) continue;
      sum += std::log(ratio);
      count += 1.0;
    }
  }
  return count > 0.0 ? std::exp(sum / count) : 1.0;
}

std::string split_text(const ServingSystem& system, const std::vector<Count>& replicas) {
  std::string text;
  for (std::size_t i = 0; i < replicas.size(); ++i)
    text += fmt::format("{}{} for {}", i == 0 ? "" : ", ", replicas[i], system.classes[i].name);
  return text;
}

}  // namespace

void compare_mixed_and_split(const PlacedServing& placed, const ServingAnswer& mixed, Report& report) {
  const ServingSystem& system = placed.system;
  if (!mixed.failure.empty() || !is_asked(system) || mixed.classes.size() != system.classes.size() + 1) return;
  Breakdown breakdown{.name = "mix_or_split"};
  breakdown.entries.push_back({"mixed.load_ratio", load_of(system)});
  for (std::size_t i = 1; i < mixed.classes.size(); ++i)
    add_tails("mixed." + mixed.classes[i].name + ".", mixed.classes[i], breakdown);
  if (system.pool.replicas < static_cast<Count>(system.classes.size())) {
    report.finding += "; a split needs one replica per class";
    report.breakdowns.push_back(std::move(breakdown));
    return;
  }
  const std::vector<Count> replicas = best_split(system);
  double fullest = 0.0;
  std::vector<ClassAnswer> split;
  for (std::size_t i = 0; i < replicas.size(); ++i) fullest = std::max(fullest, load_of(alone(system, i, replicas[i])));
  breakdown.entries.push_back({"split.load_ratio", fullest});
  for (std::size_t i = 0; i < replicas.size(); ++i)
    breakdown.entries.push_back({"split." + system.classes[i].name + ".replicas", static_cast<double>(replicas[i])});
  for (std::size_t i = 0; fullest < 1.0 && i < replicas.size(); ++i) {
    PlacedServing part = placed;
    part.system = alone(system, i, replicas[i]);
    const ServingAnswer answer = answer_serving(part, std::nullopt);
    split.push_back(answer.classes.front());
    add_tails("split." + system.classes[i].name + ".", answer.classes.front(), breakdown);
  }
  report.breakdowns.push_back(std::move(breakdown));
  if (split.empty()) {
    report.finding +=
        fmt::format("; mix the classes: the best split ({}) cannot carry the load", split_text(system, replicas));
    return;
  }
  const double ratio = tail_ratio(mixed.classes, split);
  report.finding += ratio < 1.0
                        ? fmt::format("; split the classes ({}): the 99th percentiles fall by {:.0f} % on average",
                                      split_text(system, replicas), 100.0 * (1.0 - ratio))
                        : fmt::format("; mix the classes: split ({}) the 99th percentiles rise by {:.0f} % on average",
                                      split_text(system, replicas), 100.0 * (ratio - 1.0));
}

}  // namespace windtunnel::modeling
