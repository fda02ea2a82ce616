// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/what_if/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>

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
    add_derived_measures(report, candidate.spec, options_);
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
    if (joins_a_twin(layout, candidate.spec)) return;
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

  /// A batch limit that never binds changes nothing: of layouts that differ in it alone, and within the accuracy of the
  /// answers (0.1 %) not in what they are ranked by, one is shown, the engine's own limit or else the smallest.
  bool joins_a_twin(RankedLayout& layout, const Spec& spec) {
    const auto is_close = [](const std::optional<double>& a, const std::optional<double>& b) {
      constexpr double kAccuracy = 1e-3;
      return a.has_value() == b.has_value() && (!a || std::abs(*a - *b) <= kAccuracy * std::abs(*b) || *a == *b);
    };
    for (std::size_t i = 0; i < best_.size(); ++i) {
      RankedLayout& other = best_[i];
      bool is_twin = other.choices.size() == layout.choices.size();
      std::optional<std::size_t> limit;
      for (std::size_t c = 0; is_twin && c < layout.choices.size(); ++c) {
        if (layout.choices[c] == other.choices[c]) continue;
        is_twin = layout.choices[c].first == "max_batch";
        limit = c;
      }
      is_twin = is_twin && limit && is_close(objective_.value(layout.report), objective_.value(other.report)) &&
                is_close(find_measure(layout.report, space_.second_aim), find_measure(other.report, space_.second_aim));
      if (!is_twin) continue;
      ++failures_["as another max_batch that never binds either"];
      const Choice &own = layout.choices[*limit].second, &kept = other.choices[*limit].second;
      const bool is_preferred =
          std::holds_alternative<std::string>(own) || (!std::holds_alternative<std::string>(kept) && own < kept);
      // The kept place and numbers stay, so that the order does not change.
      if (!is_preferred) return true;
      other.choices = layout.choices;
      other.report = std::move(layout.report);
      specs_[i] = spec;
      return true;
    }
    return false;
  }

  /// What was enough to rank is not enough to show.
  void complete() {
    parallel_for(best_.size(), options_.jobs, [&](std::size_t rank) {
      Report report = evaluate_(specs_[rank], Detail::kMeasures);
      add_derived_measures(report, specs_[rank], options_);
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

bool keeps_degrees(const SearchOptions& options) {
  return std::any_of(options.keep.begin(), options.keep.end(),
                     [](const std::string& name) { return name == "tensor" || name == "pipeline" || name == "data"; });
}

/// The spec on other devices: `count` of them, in some layout; nothing where the degrees that are kept do not divide
/// them.
std::optional<YamlDocument> on_devices(const YamlDocument& document, const SearchOptions& options,
                                       const std::string& device, Count count) {
  std::vector<YamlChange> changes = {YamlChange({"cluster.device", device}),
                                     YamlChange({"cluster.num_devices", std::to_string(count)})};
  YamlReader serving = document.root().map().map("serving");
  Count each = 1;
  if (const auto degrees = serving.find("parallelism")) {
    if (!keeps_degrees(options)) {
      changes.emplace_back(YamlOverride{"serving.parallelism", "null"});
    } else {
      YamlReader block = degrees->map();
      for (const char* name : {"tensor", "pipeline", "data"}) each *= block.count(name, 1, kMostDevices, 1);
    }
  }
  if (count % each != 0) return std::nullopt;
  changes.emplace_back(YamlOverride{"serving.replicas", std::to_string(count / each)});
  return document.with(changes);
}

/// One spec for every device and number of them that is asked for.
std::vector<YamlDocument> documents_of(const YamlDocument& asked, const SearchOptions& options, SearchResult& result) {
  if (options.devices.empty() && options.num_devices.empty()) return {with_some_layout(asked)};
  YamlReader root = asked.root().map();
  if (!root.has("serving")) throw SearchError("--devices and --num-devices are of serving specs");
  if (YamlReader serving = root.map("serving"); serving.text("layout", "aggregated") != "aggregated")
    throw SearchError("--devices and --num-devices need 'layout: aggregated' in the spec");
  YamlReader cluster = root.map("cluster");
  std::vector<std::string> devices = options.devices;
  if (devices.empty()) devices = {cluster.text("device")};
  std::vector<Count> counts = options.num_devices;
  if (counts.empty()) counts = {cluster.count("num_devices", 1, kMostDevices)};
  std::vector<YamlDocument> documents;
  for (const std::string& device : devices) {
    for (const Count count : counts) {
      auto document = on_devices(asked, options, device, count);
      if (document)
        documents.push_back(std::move(*document));
      else
        ++result.rejected["replicas do not use all devices"];
    }
  }
  if (documents.empty()) throw SearchError("no number of devices is a multiple of the parallelism that is kept");
  return documents;
}

/// The candidates of all of them; each says on what it runs.
SearchSpace joined_space(const std::vector<YamlDocument>& documents, const SearchOptions& options,
                         const Objective& objective) {
  SearchSpace joined;
  struct Part {
    SearchSpace space;
    std::size_t first = 0;
  };
  const auto parts = std::make_shared<std::vector<Part>>();
  for (const YamlDocument& document : documents) {
    const Spec spec = read_spec(document);
    Part part{space_of(document, spec, options, objective), joined.optimistic.size()};
    const auto devices = static_cast<double>(spec.cluster.num_devices);
    if (objective.name == "num_devices") part.space.optimistic.assign(part.space.optimistic.size(), devices);
    if (objective.name == "cost_per_hour")
      part.space.optimistic.assign(part.space.optimistic.size(), devices * options.price_of(spec.cluster.device));
    joined.optimistic.insert(joined.optimistic.end(), part.space.optimistic.begin(), part.space.optimistic.end());
    joined.ranking = part.space.ranking;
    joined.refused = part.space.refused;
    joined.second_aim = part.space.second_aim;
    for (const auto& [reason, count] : part.space.rejected) joined.rejected[reason] += count;
    parts->push_back(std::move(part));
  }
  joined.candidate = [parts](std::size_t i) {
    auto part = parts->rbegin();
    while (part->first > i) ++part;
    Candidate candidate = part->space.candidate(i - part->first);
    const Cluster& cluster = candidate.spec.cluster;
    candidate.choices.insert(candidate.choices.begin(),
                             {{"device", cluster.device}, {"num_devices", cluster.num_devices}});
    return candidate;
  };
  return joined;
}

void require_layouts(const Spec& spec) {
  if (spec.study == Study::kAvailability)
    throw SearchError("study 'availability' has no layouts to search, expected training or serving");
}

}  // namespace

SearchResult search_layouts(const YamlDocument& asked, const SearchOptions& options, const Evaluate& evaluate,
                            const SearchProgress& progress) {
  SearchResult result;
  const std::vector<YamlDocument> documents = documents_of(asked, options, result);
  const Spec spec = read_spec(documents.front());
  require_layouts(spec);
  result.objective = find_objective(options, spec);
  const bool one_size = options.devices.empty() && options.num_devices.empty();
  const SearchSpace space = one_size ? space_of(documents.front(), spec, options, result.objective)
                                     : joined_space(documents, options, result.objective);
  result.second_aim = space.second_aim;
  for (const auto& [reason, count] : space.rejected) result.rejected[reason] += count;
  BestFirst(space, result.objective, options, evaluate, progress).run(result);
  return result;
}

}  // namespace windtunnel::modeling
