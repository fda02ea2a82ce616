// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/first_token.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

namespace {

/// Backlogs are gathered into this many groups of about equal probability, and what follows into as many points.
constexpr double kGroups = 20.0;
constexpr double kPoints = 40.0;
constexpr double kNegligibleWait = 1e-9;

/// Backlogs of about the same iteration time: their probability (by time), and the laws, in quanta, of what is ahead of
/// a tagged arrival at the next boundary and of what arrives in the same iteration.
struct Group {
  double weight = 0.0;
  double iteration_s = 0.0;
  double ahead = 0.0;
  std::vector<double> waiting;
};

std::vector<Group> grouped(const PrefillBacklog& backlog, const PrefillBacklog::Phase& phase, double groups_wanted) {
  std::vector<Group> groups;
  Group open;
  const std::size_t size = backlog.law.size();
  const auto close = [&] {
    if (open.weight <= 0.0) return;
    open.iteration_s /= open.weight;
    open.ahead /= open.weight;
    groups.push_back(std::move(open));
    open = {};
  };
  for (std::size_t v = backlog.idles ? 1 : 0; v < size; ++v) {
    const double weight = phase.seen[v];
    if (weight < kNegligibleWait) continue;
    if (open.waiting.empty()) open.waiting.assign(2 * size, 0.0);
    const double left = std::max(0.0, static_cast<double>(v) - backlog.computed[v]);
    const auto low = static_cast<std::size_t>(left);
    const double high_share = left - static_cast<double>(low);
    open.weight += weight;
    open.iteration_s += weight * backlog.iteration_s[v];
    double arriving = 0.0;
    for (std::size_t a = 0; a < size; ++a) {
      const double one = weight * phase.companions[v][a];
      arriving += static_cast<double>(a) * phase.companions[v][a];
      open.waiting[std::min(2 * size - 1, low + a)] += one * (1.0 - high_share);
      open.waiting[std::min(2 * size - 1, low + 1 + a)] += one * high_share;
    }
    // Half of what arrives in the tagged request's iteration comes before it.
    open.ahead += weight * (left + 0.5 * arriving);
    if (open.weight > 1.0 / groups_wanted) close();
  }
  close();
  return groups;
}

void add_group(const EngineModel& engine, const PrefillBacklog& backlog, const PromptQuanta& own, const Group& group,
               double weight, LatencyLaw& law) {
  // Waiting at the next boundary, tagged prompt included, gathered into points; its own length stays with it.
  const double quantum = backlog.quantum_tokens, room = engine.prompt_room(backlog.decoding);
  const double decoding = engine.is_chunked() ? backlog.decoding : 0.0;
  double mean_waiting = 0.0;
  for (std::size_t w = 0; w < group.waiting.size(); ++w) mean_waiting += static_cast<double>(w) * group.waiting[w];
  mean_waiting /= group.weight;
  const double later = std::max(0.0, mean_waiting - group.ahead);
  const std::size_t longest = own.probability.size();
  std::vector<double> total(group.waiting.size() + longest + 1, 0.0);
  for (std::size_t w = 0; w < group.waiting.size(); ++w) {
    if (group.waiting[w] < kNegligibleWait * group.weight) continue;
    for (std::size_t j = 0; j < longest; ++j) total[w + j] += group.waiting[w] * own.probability[j];
  }
  double open = 0.0, sum = 0.0;
  for (std::size_t y = 0; y < total.size(); ++y) {
    open += total[y];
    sum += total[y] * static_cast<double>(y);
    if (open < group.weight / (kPoints * engine.resolution()) && y + 1 < total.size()) continue;
    if (open <= 0.0) continue;
    const double tokens = sum / open * quantum;
    const double beside = tokens > room ? std::min(tokens, later * quantum) : 0.0;
    const double prompt_s = prompt_time_s(engine, decoding, tokens - beside, beside);
    law.add_uniform(prompt_s, prompt_s + group.iteration_s, weight * open);
    open = sum = 0.0;
  }
}

}  // namespace

double prompt_time_s(const EngineModel& engine, double decoding, double ahead, double beside) {
  double room = std::max(1.0, engine.prompt_room(decoding));
  // Whole prompts only: one that is longer than the budget still runs in one iteration.
  if (!engine.is_chunked()) room = std::max(room, engine.work().prompt_tokens);
  if (ahead + beside <= room) return engine.iteration_s(decoding, ahead + beside);
  const double full_s = engine.iteration_s(decoding, room);
  const double rounds = std::max(0.0, std::ceil(ahead / room - 1e-9) - 1.0);
  const double rest = ahead - rounds * room;
  return rounds * full_s + engine.iteration_s(decoding, std::min(room, rest + beside));
}

void add_first_token(const EngineModel& engine, const PrefillBacklog& backlog, const PromptQuanta& own,
                     std::span<const double> phase_weight, LatencyLaw& law) {
  for (std::size_t i = 0; i < backlog.phases.size(); ++i) {
    const PrefillBacklog::Phase& phase = backlog.phases[i];
    if (phase_weight[i] <= 0.0) continue;
    if (backlog.idles) add_idle_first_token(engine, own, phase_weight[i] * phase.seen[0], law);
    for (const Group& group : grouped(backlog, phase, kGroups * engine.resolution()))
      add_group(engine, backlog, own, group, phase_weight[i], law);
  }
}

void add_first_token(const EngineModel& engine, const PrefillBacklog& backlog, const PromptQuanta& own, double weight,
                     LatencyLaw& law) {
  std::vector<double> weights;
  for (const PrefillBacklog::Phase& phase : backlog.phases) weights.push_back(weight * phase.arrival_ratio);
  add_first_token(engine, backlog, own, weights, law);
}

void add_idle_first_token(const EngineModel& engine, const PromptQuanta& own, double weight, LatencyLaw& law) {
  for (std::size_t j = 0; j < own.probability.size(); ++j) {
    if (own.probability[j] <= 0.0) continue;
    const double tokens = std::max(1.0, static_cast<double>(j) * own.quantum_tokens);
    law.add(prompt_time_s(engine, 0.0, tokens, 0.0), weight * own.probability[j]);
  }
}

void add_after_slot(const EngineModel& engine, const PromptQuanta& own, double wait_s, double weight, LatencyLaw& law) {
  const RequestWork& work = engine.work();
  const double others = (engine.slots() - 1.0) / (work.decode_iterations + 1.0);
  for (std::size_t j = 0; j < own.probability.size(); ++j) {
    if (own.probability[j] <= 0.0) continue;
    const double tokens = static_cast<double>(j) * own.quantum_tokens + others * work.prompt_tokens;
    const double decoding = engine.is_chunked() ? std::max(0.0, engine.slots() - 1.0 - others) : 0.0;
    law.add(wait_s + prompt_time_s(engine, decoding, tokens, 0.0), weight * own.probability[j]);
  }
}

}  // namespace windtunnel::modeling
