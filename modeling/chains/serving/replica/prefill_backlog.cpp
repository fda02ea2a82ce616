// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/prefill_backlog.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

namespace {

/// Backlogs kept: beyond, the chain is near its limit and the answer warns.
constexpr int kMostBacklog = 112;
constexpr int kFewestBacklog = 24;
/// Quanta of a variable prompt's mean, at most; the longest prompt kept leaves out this probability and takes at most
/// half of the backlog kept.
constexpr double kQuantaPerMean = 4.0;
constexpr double kLongestTail = 5e-4;
/// Laws of what arrives are computed at this many backlogs and mixed between them.
constexpr int kArrivalNodes = 14;
constexpr double kNegligibleBacklog = 1e-12;

/// Stationary law of a small dense chain by state reduction (Grassmann, Taksar, Heyman, Operations Research 33, 1985).
std::vector<double> stationary_law(std::vector<std::vector<double>>& p) {
  const int n = static_cast<int>(p.size());
  for (int k = n - 1; k > 0; --k) {
    double leave = 0.0;
    for (int j = 0; j < k; ++j) leave += p[k][j];
    if (leave <= 0.0) continue;
    const double* last = p[k].data();
    for (int i = 0; i < k; ++i) {
      if (p[i][k] == 0.0) continue;
      double* row = p[i].data();
      const double share = row[k] /= leave;
      for (int j = 0; j < k; ++j) row[j] += share * last[j];
    }
  }
  std::vector<double> law(static_cast<std::size_t>(n), 0.0);
  law[0] = 1.0;
  double total = 1.0;
  for (int k = 1; k < n; ++k) {
    for (int i = 0; i < k; ++i) law[k] += law[i] * p[i][k];
    total += law[k];
  }
  for (double& one : law) one /= total;
  return law;
}

/// Quanta an iteration computes of a backlog: all of it, or what the budget holds; whole prompts in prefill_first.
double computed_quanta(const EngineModel& engine, const PrefillBacklog& backlog, double quanta) {
  double room = engine.prompt_room(backlog.decoding) / backlog.quantum_tokens;
  const RequestWork& work = engine.work();
  if (!engine.is_chunked()) {
    // The last prompt that does not fit waits: half of a (length-biased) prompt of the room is lost on average.
    const double prompt = work.prompt_tokens / backlog.quantum_tokens;
    room = work.prompt_scv == 0.0 ? prompt * std::max(1.0, std::floor(room / prompt + 1e-9))
                                  : std::max(prompt, room - 0.5 * prompt * (1.0 + work.prompt_scv));
  }
  return std::min(quanta, room);
}

int backlog_size(const EngineModel& engine, const PromptQuanta& prompts, const ReplicaArrivals& stream,
                 double decoding) {
  const double prompt = engine.work().prompt_tokens / prompts.quantum_tokens;
  const double room = engine.prompt_room(decoding);
  const double full_s = engine.iteration_s(decoding, std::min(room, 4.0 * engine.work().prompt_tokens));
  const double arriving = (stream.bursts ? stream.bursts->busy_per_s : stream.rate_per_s) * full_s;
  // The mean, eight standard deviations, and the longest prompt on top.
  const double spread = (arriving + 1.0) * (1.0 + engine.work().prompt_scv);
  const double size =
      prompt * (arriving + 8.0 * std::sqrt(spread)) + static_cast<double>(prompts.probability.size()) + 2.0;
  return std::clamp(static_cast<int>(std::ceil(size)), kFewestBacklog, engine.points(kMostBacklog));
}

/// By backlog and starting phase.
using Arriving = std::vector<std::vector<ArrivingWork>>;

std::vector<double> mixed(const std::vector<double>& low, const std::vector<double>& high, double share) {
  std::vector<double> law(low.size());
  for (std::size_t a = 0; a < law.size(); ++a) law[a] = low[a] + share * (high[a] - low[a]);
  return law;
}

ArrivingWork mixed(const ArrivingWork& low, const ArrivingWork& high, double share) {
  ArrivingWork work{.companions = mixed(low.companions, high.companions, share),
                    .arrivals = low.arrivals + share * (high.arrivals - low.arrivals)};
  for (std::size_t j = 0; j < low.by_end_phase.size(); ++j)
    work.by_end_phase.push_back(mixed(low.by_end_phase[j], high.by_end_phase[j], share));
  return work;
}

/// The engine idles with an empty backlog: the next prompt ends the idle time.
void idle_when_empty(const PromptQuanta& prompts, const ReplicaArrivals& stream, PrefillBacklog& backlog,
                     ArrivingWork& arriving) {
  backlog.iteration_s[0] = 1.0 / stream.rate_per_s;
  arriving.arrivals = 1.0;
  std::vector<double>& next = arriving.by_end_phase.front();
  std::fill(next.begin(), next.end(), 0.0);
  for (std::size_t j = 0; j < prompts.probability.size(); ++j)
    next[std::min(next.size() - 1, j)] += prompts.probability[j];
}

void fill_iterations(const EngineModel& engine, int size, PrefillBacklog& backlog) {
  for (int v = 0; v < size; ++v) {
    const double computed = computed_quanta(engine, backlog, v);
    const bool decodes = engine.is_chunked() || v == 0;
    backlog.computed.push_back(computed);
    backlog.iteration_s.push_back(
        engine.iteration_s(decodes ? backlog.decoding : 0.0, computed * backlog.quantum_tokens));
  }
}

/// Even steps in the iteration's time; a mixture of two neighbours keeps the mean.
Arriving arriving_by_backlog(const EngineModel& engine, const PromptQuanta& prompts, const ReplicaArrivals& stream,
                             PrefillBacklog& backlog) {
  const auto [shortest, longest] = std::minmax_element(backlog.iteration_s.begin(), backlog.iteration_s.end());
  const double shortest_s = *shortest;
  const int size = static_cast<int>(backlog.iteration_s.size()), nodes = std::min(size, engine.points(kArrivalNodes));
  const double step_s = std::max(1e-15, (*longest - shortest_s) / (nodes - 1));
  WorkLaws laws(stream, prompts, size);
  Arriving by_node, arriving;
  for (int i = 0; i < nodes; ++i) by_node.push_back(laws.within(shortest_s + step_s * i));
  for (const double iteration_s : backlog.iteration_s) {
    const double at = std::clamp((iteration_s - shortest_s) / step_s, 0.0, nodes - 1.0);
    const auto low = static_cast<std::size_t>(std::min(nodes - 2, static_cast<int>(at)));
    arriving.emplace_back();
    for (std::size_t phase = 0; phase < by_node[low].size(); ++phase)
      arriving.back().push_back(mixed(by_node[low][phase], by_node[low + 1][phase], at - static_cast<double>(low)));
  }
  if (backlog.idles) idle_when_empty(prompts, stream, backlog, arriving.front().front());
  return arriving;
}

/// From one backlog and phase to all; what the laws leave out is beyond the largest backlog.
std::vector<double> transitions_from(const ArrivingWork& arriving, double left, std::size_t size) {
  const std::size_t phases = arriving.by_end_phase.size();
  std::vector<double> p(size * phases, 0.0);
  // What is left is no whole number of quanta: the two neighbours share it.
  const auto low = static_cast<std::size_t>(std::floor(left));
  const double high_share = left - static_cast<double>(low);
  double sum = 0.0;
  for (std::size_t j = 0; j < phases; ++j)
    for (std::size_t arrived = 0; arrived < size; ++arrived) {
      const double weight = arriving.by_end_phase[j][arrived];
      sum += weight;
      p[std::min(size - 1, low + arrived) * phases + j] += weight * (1.0 - high_share);
      if (high_share > 0.0) p[std::min(size - 1, low + 1 + arrived) * phases + j] += weight * high_share;
    }
  p.back() += std::max(0.0, 1.0 - sum);
  return p;
}

/// Law of backlog and phase, [v * phases + phase].
std::vector<double> joint_law(const PrefillBacklog& backlog, const Arriving& arriving) {
  std::vector<std::vector<double>> p;
  for (std::size_t v = 0; v < arriving.size(); ++v)
    for (const ArrivingWork& work : arriving[v])
      p.push_back(transitions_from(work, std::max(0.0, static_cast<double>(v) - backlog.computed[v]), arriving.size()));
  return stationary_law(p);
}

/// What arrivals see: iterations by how many arrive in them.
void look_around(const std::vector<double>& joint, Arriving arriving, PrefillBacklog& backlog) {
  const std::size_t phases = arriving.front().size();
  double all = 0.0;
  for (std::size_t j = 0; j < phases; ++j) {
    PrefillBacklog::Phase phase{.arrival_ratio = 0.0};
    for (std::size_t v = 0; v < arriving.size(); ++v) {
      phase.seen.push_back(joint[v * phases + j] * arriving[v][j].arrivals);
      phase.arrival_ratio += phase.seen.back();
      phase.companions.push_back(std::move(arriving[v][j].companions));
    }
    for (double& one : phase.seen) one /= std::max(phase.arrival_ratio, kNegligibleBacklog * kNegligibleBacklog);
    all += phase.arrival_ratio;
    backlog.phases.push_back(std::move(phase));
  }
  for (PrefillBacklog::Phase& phase : backlog.phases) phase.arrival_ratio /= all;
}

void summarise(const EngineModel& engine, double arrival_per_s, PrefillBacklog& backlog) {
  double decode_share = 0.0, prefill_s = 0.0;
  for (std::size_t v = 0; v < backlog.law.size(); ++v) {
    backlog.mean_iteration_s += backlog.law[v] * backlog.iteration_s[v];
    const bool decodes = engine.is_chunked() || v == 0;
    (decodes ? decode_share : prefill_s) += backlog.law[v] * (decodes ? 1.0 : backlog.iteration_s[v]);
  }
  backlog.decode_cycle_s = backlog.mean_iteration_s / std::max(decode_share, kNegligibleBacklog);
  const double prompts = arrival_per_s * backlog.mean_iteration_s;
  backlog.prefill_s_per_prompt = prompts > 0.0 ? prefill_s / prompts : 0.0;
}

}  // namespace

PromptQuanta class_quanta(const RequestClass& one, double computed_ratio, double quantum_tokens, double resolution) {
  PromptQuanta quanta{.quantum_tokens = quantum_tokens};
  const double mean = std::max(1.0, one.prompt.mean() * computed_ratio);
  const double longest =
      one.prompt.is_constant()
          ? mean
          : computed_ratio * static_cast<double>(one.prompt.quantile(1.0 - kLongestTail / resolution));
  const double cells = std::ceil(longest / quantum_tokens - 1e-9) + 2.0;
  quanta.probability.assign(static_cast<std::size_t>(std::clamp(cells, 2.0, resolution * kMostBacklog)), 0.0);
  const double top = static_cast<double>(quanta.probability.size()) - 1.0;
  constexpr int kPoints = 64;
  for (const TokenLaw::Point& point : one.prompt.quadrature(static_cast<int>(kPoints * resolution))) {
    // Both neighbours share a point, so that the mean is kept.
    const double at = std::min(std::max(1.0, point.tokens * computed_ratio) / quantum_tokens, top);
    const double low = std::floor(at + 1e-9), share = std::max(0.0, at - low);
    quanta.probability[static_cast<std::size_t>(low)] += point.weight * (1.0 - share);
    if (share > 0.0) quanta.probability[static_cast<std::size_t>(low) + 1] += point.weight * share;
  }
  return quanta;
}

PromptQuanta prompt_quanta(const std::vector<RequestClass>& classes, double computed_ratio, double room_tokens,
                           double resolution) {
  double mean = 0.0;
  for (const RequestClass& one : classes) mean += one.share * std::max(1.0, one.prompt.mean() * computed_ratio);
  const double room = std::max(1.0, room_tokens);
  double longest = mean;
  for (const RequestClass& one : classes)
    longest =
        std::max(longest, computed_ratio * static_cast<double>(one.prompt.quantile(1.0 - kLongestTail / resolution)));
  double quantum = std::max(
      {1.0, std::min(mean, room) / (kQuantaPerMean * resolution), 2.0 * longest / (kMostBacklog * resolution)});
  if (classes.size() == 1 && classes.front().prompt.is_constant())
    quantum = mean <= room ? mean : mean / std::ceil(4.0 * mean / room);
  PromptQuanta all{.quantum_tokens = quantum};
  for (const RequestClass& one : classes) {
    const PromptQuanta part = class_quanta(one, computed_ratio, quantum, resolution);
    all.probability.resize(std::max(all.probability.size(), part.probability.size()), 0.0);
    for (std::size_t j = 0; j < part.probability.size(); ++j) all.probability[j] += one.share * part.probability[j];
  }
  return all;
}

PrefillBacklog solve_prefill_backlog(const EngineModel& engine, const PromptQuanta& prompts,
                                     const ReplicaArrivals& stream, double decoding) {
  PrefillBacklog backlog{.decoding = decoding, .quantum_tokens = prompts.quantum_tokens, .idles = decoding <= 0.0};
  fill_iterations(engine, backlog_size(engine, prompts, stream, decoding), backlog);
  Arriving arriving = arriving_by_backlog(engine, prompts, stream, backlog);
  const std::vector<double> joint = joint_law(backlog, arriving);
  const std::size_t phases = arriving.front().size();
  backlog.law.assign(arriving.size(), 0.0);
  for (std::size_t state = 0; state < joint.size(); ++state) backlog.law[state / phases] += joint[state];
  backlog.lost = backlog.law.back();
  look_around(joint, std::move(arriving), backlog);
  summarise(engine, stream.rate_per_s, backlog);
  // Drift at the top: what a full iteration brings against what it computes.
  const double brought = stream.rate_per_s * backlog.iteration_s.back() * engine.work().prompt_tokens;
  backlog.is_unstable = brought >= backlog.computed.back() * backlog.quantum_tokens;
  return backlog;
}

}  // namespace windtunnel::modeling
