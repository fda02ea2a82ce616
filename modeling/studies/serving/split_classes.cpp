// SPDX-License-Identifier: Apache-2.0
// Mix the classes on every replica, give each class replicas of its own, or serve the short ones first? Each is solved,
// and the finding names what it buys.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/chains/serving/fleet/serving_chain.h"
#include "modeling/spec/quantity.h"
#include "modeling/studies/serving/serving.h"

namespace windtunnel::modeling {

namespace {

/// One class on `replicas` of its own.
ServingSystem alone(const ServingSystem& system, std::size_t index, Count replicas) {
  ServingSystem part = system;
  part.classes = {system.classes[index]};
  part.classes.front().share = 1.0;
  const double share = system.classes[index].share;
  part.arrivals.rate_per_s *= share;
  // A random share of a stream keeps as much of its irregularity.
  part.arrivals.scv = 1.0 + share * (system.arrivals.scv - 1.0);
  if (system.arrivals.bursts && share > 0.0)
    part.arrivals.bursts = solvers::faster(solvers::thinned(*system.arrivals.bursts, share), 1.0 / share);
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

/// The same classes, shorter outputs first; or first come first served where they have priorities.
ServingSystem reordered(const ServingSystem& system) {
  ServingSystem other = system;
  for (RequestClass& one : other.classes) {
    one.priority = 0;
    if (has_priorities(system.classes)) continue;
    for (const RequestClass& shorter : system.classes)
      one.priority += shorter.output.mean() < one.output.mean() ? 1 : 0;
  }
  return other;
}

std::string change_text(const ClassAnswer& first_come, const ClassAnswer& by_priority) {
  return fmt::format("{} from {} to {}", by_priority.name, format_quantity(first_come.ttft.p99_s, Dimension::kTime),
                     format_quantity(by_priority.ttft.p99_s, Dimension::kTime));
}

/// What priorities do to the 99th percentiles of the first token, in words; both by class.
std::string priority_verdict(const std::vector<ClassAnswer>& first_come, const std::vector<ClassAnswer>& by_priority) {
  // Less than what the chains or a simulation tell apart.
  constexpr double kNoticeable = 0.05;
  double largest = 0.0;
  std::string text;
  for (std::size_t i = 1; i < first_come.size(); ++i) {
    largest = std::max(largest, std::abs(by_priority[i].ttft.p99_s / first_come[i].ttft.p99_s - 1.0));
    text += (i == 1 ? "" : ", ") + change_text(first_come[i], by_priority[i]);
  }
  if (!(largest > kNoticeable)) return "; priorities change little: few wait for a slot";
  return "; priorities take the 99th percentile of the first token of " + text;
}

void compare_with_priorities(const PlacedServing& placed, const ServingAnswer& mixed, Breakdown& breakdown,
                             Report& report) {
  const bool is_ordered = has_priorities(placed.system.classes);
  PlacedServing other = placed;
  other.system = reordered(placed.system);
  if (!is_ordered && !has_priorities(other.system.classes)) return;
  const ServingAnswer answer = answer_serving(other, std::nullopt);
  if (!answer.failure.empty() || answer.classes.size() != mixed.classes.size()) return;
  const std::string prefix = is_ordered ? "first_come." : "shortest_first.";
  for (std::size_t i = 1; i < answer.classes.size(); ++i)
    add_tails(prefix + answer.classes[i].name + ".", answer.classes[i], breakdown);
  report.finding +=
      is_ordered ? priority_verdict(answer.classes, mixed.classes) : priority_verdict(mixed.classes, answer.classes);
}

/// The verdict over a split, whose tails are added to the breakdown.
std::string compare_with_split(const PlacedServing& placed, const ServingAnswer& mixed, Breakdown& breakdown) {
  const ServingSystem& system = placed.system;
  if (system.pool.replicas < static_cast<Count>(system.classes.size())) return "; a split needs one replica per class";
  const std::vector<Count> replicas = best_split(system);
  double fullest = 0.0;
  for (std::size_t i = 0; i < replicas.size(); ++i) fullest = std::max(fullest, load_of(alone(system, i, replicas[i])));
  breakdown.entries.push_back({"split.load_ratio", fullest});
  for (std::size_t i = 0; i < replicas.size(); ++i)
    breakdown.entries.push_back({"split." + system.classes[i].name + ".replicas", static_cast<double>(replicas[i])});
  const std::string text = split_text(system, replicas);
  if (fullest >= 1.0) return fmt::format("; mix the classes: the best split ({}) cannot carry the load", text);
  std::vector<ClassAnswer> split;
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    PlacedServing part = placed;
    part.system = alone(system, i, replicas[i]);
    split.push_back(answer_serving(part, std::nullopt).classes.front());
    add_tails("split." + system.classes[i].name + ".", split.back(), breakdown);
  }
  const double ratio = tail_ratio(mixed.classes, split);
  if (ratio < 1.0)
    return fmt::format("; split the classes ({}): the 99th percentiles fall by {:.0f} % on average", text,
                       100.0 * (1.0 - ratio));
  return fmt::format("; mix the classes: split ({}) the 99th percentiles rise by {:.0f} % on average", text,
                     100.0 * (ratio - 1.0));
}

}  // namespace

void compare_mixed_and_split(const PlacedServing& placed, const ServingAnswer& mixed, Report& report) {
  const ServingSystem& system = placed.system;
  if (!mixed.failure.empty() || !is_asked(system) || mixed.classes.size() != system.classes.size() + 1) return;
  Breakdown breakdown{.name = "mix_or_split"};
  breakdown.entries.push_back({"mixed.load_ratio", load_of(system)});
  for (std::size_t i = 1; i < mixed.classes.size(); ++i)
    add_tails("mixed." + mixed.classes[i].name + ".", mixed.classes[i], breakdown);
  report.finding += compare_with_split(placed, mixed, breakdown);
  compare_with_priorities(placed, mixed, breakdown, report);
  report.breakdowns.push_back(std::move(breakdown));
}

}  // namespace windtunnel::modeling
