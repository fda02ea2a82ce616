// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/what_if/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numeric>

#include "modeling/spec/read_blocks.h"
#include "modeling/spec/read_spec.h"
#include "modeling/studies/what_if/parallel_for.h"
#include "modeling/studies/what_if/search_space.h"

namespace windtunnel::modeling {
namespace {

/// Objective and second aim of one evaluated layout.
struct Aims {
  std::optional<double> objective;
  std::optional<double> second;
};

/// Evaluates candidates best bound first and stops when none of the rest can reach the best `top`.
class BestFirst {
 public:
  BestFirst(const SearchSpace& space, const Objective& objective, const SearchOptions& options,
            const Evaluate& evaluate, const SearchProgress& progress)
      : space_(space), objective_(objective), options_(options), evaluate_(evaluate), progress_(progress) {}

  void run(SearchResult& result) {
    order_.resize(space_.optimistic.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      return objective_.better(space_.optimistic[a], space_.optimistic[b]);
    });
    parallel_for(order_.size(), options_.jobs, [&](std::size_t position) { deal_with(position); });
    if (space_.ranking < Detail::kMeasures) complete();
    mark_pareto();
    result.evaluated = evaluated_;
    result.layouts = std::move(best_);
    for (const auto& [reason, count] : failures_) result.rejected[reason] += count;
    if (pruned_ > 0) result.rejected[fmt::format("cannot be among the best {}", options_.top)] += pruned_;
  }

 private:
  bool hopeless(std::size_t candidate) const {
    if (best_.size() < static_cast<std::size_t>(options_.top)) return false;
    return !objective_.better(space_.optimistic[candidate], objective_.value(best_.back().report));
  }

  void deal_with(std::size_t position) {
    {
      const std::lock_guard lock(mutex_);
      if (progress_) progress_(++done_, order_.size());
      if (hopeless(order_[position])) {
        ++pruned_;
        return;
      }
    }
    const Candidate candidate = space_.candidate(order_[position]);
    Report report = evaluate_(candidate.spec, space_.ranking);
    add_derived_measures(report, options_.price_per_device_hour);
    const std::lock_guard lock(mutex_);
    take(candidate, std::move(report));
  }

  void take(const Candidate& candidate, Report report) {
    ++evaluated_;
    if (!report.failure.empty()) {
      // Up to its numbers, so that equal reasons count together.
      ++failures_[report.failure.substr(0, report.failure.find_first_of(":0123456789"))];
      return;
    }
    if (space_.refused) {
      if (const std::string why = space_.refused(report); !why.empty()) {
        ++failures_[why];
        return;
      }
    }
    aims_.push_back({objective_.value(report), find_measure(report, space_.second_aim)});
    RankedLayout layout{candidate.choices, std::move(report), false};
    const auto place = std::upper_bound(best_.begin(), best_.end(), layout,
                                        [&](const RankedLayout& a, const RankedLayout& b) { return before(a, b); });
    const auto rank = place - best_.begin();
    if (rank >= options_.top) return;
    best_.insert(place, std::move(layout));
    specs_.insert(specs_.begin() + rank, candidate.spec);
    if (best_.size() > static_cast<std::size_t>(options_.top)) {
      best_.pop_back();
      specs_.pop_back();
    }
  }

  /// What was enough to rank is not enough to show.
  void complete() {
    parallel_for(best_.size(), options_.jobs, [&](std::size_t rank) {
      Report report = evaluate_(specs_[rank], Detail::kMeasures);
      add_derived_measures(report, options_.price_per_device_hour);
      best_[rank].report = std::move(report);
    });
  }

  /// Equal values: the smaller second aim, then the choices, so that the order does not depend on the threads.
  bool before(const RankedLayout& a, const RankedLayout& b) const {
    const auto value_a = objective_.value(a.report);
    const auto value_b = objective_.value(b.report);
    if (objective_.better(value_a, value_b)) return true;
    if (objective_.better(value_b, value_a)) return false;
    const double second_a = find_measure(a.report, space_.second_aim).value_or(INFINITY);
    const double second_b = find_measure(b.report, space_.second_aim).value_or(INFINITY);
    return second_a != second_b ? second_a < second_b : a.choices < b.choices;
  }

  bool dominates(const Aims& other, const Aims& own) const {
    if (!other.second || !own.second) return objective_.better(other.objective, own.objective);
    const bool worse = objective_.better(own.objective, other.objective) || *own.second < *other.second;
    return !worse && (objective_.better(other.objective, own.objective) || *other.second < *own.second);
  }

  /// What was left out as hopeless is worse in the objective than all that is shown, so it dominates none of it.
  void mark_pareto() {
    for (RankedLayout& layout : best_) {
      const Aims own{objective_.value(layout.report), find_measure(layout.report, space_.second_aim)};
      layout.pareto =
          std::none_of(aims_.begin(), aims_.end(), [&](const Aims& other) { return dominates(other, own); });
    }
  }

  const SearchSpace& space_;
  const Objective& objective_;
  const SearchOptions& options_;
  const Evaluate& evaluate_;
  const SearchProgress& progress_;
  std::vector<std::size_t> order_;
  std::mutex mutex_;
  std::size_t done_ = 0;
  long long evaluated_ = 0;
  long long pruned_ = 0;
  std::map<std::string, long long> failures_;
  std::vector<Aims> aims_;
  std::vector<RankedLayout> best_;
  /// Of `best_`, in its order.
  std::vector<Spec> specs_;
};

SearchSpace space_of(const YamlDocument& document, const Spec& spec, const SearchOptions& options,
                     const Objective& objective) {
  return spec.study == Study::kTraining ? training_space(document, options, objective)
                                        : serving_space(document, options, objective);
}

}  // namespace

std::vector<Count> divisors(Count n) {
  std::vector<Count> small;
  std::vector<Count> large;
  for (Count d = 1; d * d <= n; ++d) {
    if (n % d != 0) continue;
    small.push_back(d);
    if (d * d != n) large.push_back(n / d);
  }
  small.insert(small.end(), large.rbegin(), large.rend());
  return small;
}

namespace {

/// Whoever searches need not have a layout: without `parallelism` any legal one stands in.
YamlDocument with_some_layout(const YamlDocument& document) {
  YamlReader root = document.root().map();
  if (!root.has("cluster")) return document;
  YamlReader cluster = root.map("cluster");
  if (!cluster.has("num_devices")) return document;
  const auto devices = [&] { return cluster.count("num_devices", 1, kMostDevices); };
  if (root.has("training")) {
    YamlReader training = root.map("training");
    if (training.has("parallelism") || !training.has("global_batch")) return document;
    const Count data = std::gcd(devices(), training.count("global_batch", 1, kMostTokens));
    const std::string layout = fmt::format("{{data: {}, context: {}}}", data, devices() / data);
    return document.with({YamlChange({"training.parallelism", layout})});
  }
  if (!root.has("serving")) return document;
  YamlReader serving = root.map("serving");
  for (const char* key : {"parallelism", "replicas", "layout"})
    if (serving.has(key)) return document;
  return document.with({YamlChange({"serving.replicas", std::to_string(devices())})});
}

void require_layouts(const Spec& spec) {
  if (spec.study == Study::kAvailability)
    throw SearchError("study 'availability' has no layouts to search, expected training or serving");
}

}  // namespace

SearchResult search_layouts(const YamlDocument& asked, const SearchOptions& options, const Evaluate& evaluate,
                            const SearchProgress& progress) {
  const YamlDocument document = with_some_layout(asked);
  const Spec spec = read_spec(document);
  require_layouts(spec);
  SearchResult result{.objective = find_objective(options, spec)};
  const SearchSpace space = space_of(document, spec, options, result.objective);
  result.second_aim = space.second_aim;
  result.rejected = space.rejected;
  BestFirst(space, result.objective, options, evaluate, progress).run(result);
  return result;
}

}  // namespace windtunnel::modeling
