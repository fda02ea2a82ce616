// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/prefill_backlog.h"

#include <algorithm>
#include <cmath>

#include "modeling/chains/compound_law.h"
#include "solvers/incomplete_gamma.h"

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
constexpr double kNegligible = 1e-12;
/// No sum of probabilities reaches it.
constexpr double kEndless = 2.0;

/// Law of the number of arrivals with this mean and variance over mean: negative binomial above 1, Poisson at 1, below
/// it Poisson mixed with "the whole numbers next to the mean".
std::vector<double> count_law(double mean, double dispersion) {
  const auto size = static_cast<std::size_t>(mean + 10.0 * std::sqrt(mean * std::max(1.0, dispersion)) +
                                             12.0 * std::max(1.0, dispersion));
  std::vector<double> law(size + 1, 0.0);
  const double again = dispersion > 1.0 + 1e-9 ? 1.0 - 1.0 / dispersion : 0.0;
  const double shape = again > 0.0 ? mean / (dispersion - 1.0) : 0.0;
  law[0] = again > 0.0 ? std::exp(-shape * std::log(dispersion)) : std::exp(-mean);
  for (std::size_t n = 1; n <= size; ++n) {
    const double j = static_cast<double>(n);
    law[n] = law[n - 1] * (again > 0.0 ? again * (shape + j - 1.0) / j : mean / j);
  }
  if (dispersion >= 1.0 - 1e-9) return law;
  const double low = std::floor(mean), share = mean - low, least = share * (1.0 - share);
  const double random = mean > least ? std::clamp((dispersion * mean - least) / (mean - least), 0.0, 1.0) : 0.0;
  for (double& one : law) one *= random;
  law[static_cast<std::size_t>(low)] += (1.0 - random) * (1.0 - share);
  law[static_cast<std::size_t>(low) + 1] += (1.0 - random) * share;
  return law;
}

struct WorkLaws {
  std::vector<double> arriving;
  std::vector<double> companions;
};

/// Work of so many prompts, and of those beside a tagged one: P(n - 1 others) is n P(n) / mean.
WorkLaws work_laws(const std::vector<double>& counts, double mean, const PromptQuanta& prompts, int size) {
  WorkLaws laws{std::vector<double>(size, 0.0), std::vector<double>(size, 0.0)};
  std::vector<double> power(static_cast<std::size_t>(size), 0.0);
  power[0] = 1.0;
  const int longest = static_cast<int>(prompts.probability.size()) - 1;
  for (std::size_t n = 0; n < counts.size(); ++n) {
    const double next = n + 1 < counts.size() ? static_cast<double>(n + 1) * counts[n + 1] / mean : 0.0;
    if (counts[n] + next > kNegligible)
      for (int v = 0; v < size; ++v) {
        laws.arriving[v] += counts[n] * power[v];
        laws.companions[v] += next * power[v];
      }
    std::vector<double> sum(static_cast<std::size_t>(size), 0.0);
    for (int v = 0; v < size; ++v) {
      if (power[v] < 1e-15) continue;
      for (int j = 0; j <= std::min(longest, size - 1 - v); ++j) sum[v + j] += power[v] * prompts.probability[j];
    }
    power = std::move(sum);
  }
  return laws;
}

WorkLaws arriving_work(const PromptStream& stream, double seconds, const PromptQuanta& prompts, int size) {
  const double mean = stream.rate_per_s * seconds;
  if (std::abs(stream.scv - 1.0) < 1e-9) {
    const double nothing = std::exp(-mean * (1.0 - prompts.probability[0]));
    std::vector<double> law = compound_law({.a = 0.0, .b = mean}, prompts.probability, nothing, size, kEndless);
    return {law, law};
  }
  return work_laws(count_law(mean, count_dispersion(stream, seconds)), mean, prompts, size);
}

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

int backlog_size(const EngineModel& engine, const PromptQuanta& prompts, const PromptStream& stream, double decoding) {
  const double prompt = engine.work().prompt_tokens / prompts.quantum_tokens;
  const double room = engine.prompt_room(decoding);
  const double full_s = engine.iteration_s(decoding, std::min(room, 4.0 * engine.work().prompt_tokens));
  const double arriving = stream.rate_per_s * full_s;
  // The mean, eight standard deviations, and the longest prompt on top.
  const double spread = (arriving + 1.0) * (std::max(1.0, stream.scv) + engine.work().prompt_scv);
  const double size =
      prompt * (arriving + 8.0 * std::sqrt(spread)) + static_cast<double>(prompts.probability.size()) + 2.0;
  return std::clamp(static_cast<int>(std::ceil(size)), kFewestBacklog, engine.points(kMostBacklog));
}

/// The engine idles with an empty backlog: the next prompt ends the idle time.
void idle_when_empty(const PromptQuanta& prompts, const PromptStream& stream, PrefillBacklog& backlog) {
  backlog.iteration_s[0] = 1.0 / stream.rate_per_s;
  std::vector<double>& next = backlog.arriving[0];
  std::fill(next.begin(), next.end(), 0.0);
  for (std::size_t j = 0; j < prompts.probability.size(); ++j)
    next[std::min(next.size() - 1, j)] += prompts.probability[j];
}

std::vector<double> mixed(const std::vector<double>& low, const std::vector<double>& high, double share) {
  std::vector<double> law(low.size());
  for (std::size_t a = 0; a < law.size(); ++a) law[a] = low[a] + share * (high[a] - low[a]);
  return law;
}

void fill_iterations(const EngineModel& engine, const PromptQuanta& prompts, const PromptStream& stream, int size,
                     PrefillBacklog& backlog) {
  for (int v = 0; v < size; ++v) {
    const double computed = computed_quanta(engine, backlog, v);
    const bool decodes = engine.is_chunked() || v == 0;
    backlog.computed.push_back(computed);
    backlog.iteration_s.push_back(
        engine.iteration_s(decodes ? backlog.decoding : 0.0, computed * backlog.quantum_tokens));
  }
  // Even steps in the iteration's time; a mixture of two neighbours keeps the mean.
  const auto [shortest, longest] = std::minmax_element(backlog.iteration_s.begin(), backlog.iteration_s.end());
  const double shortest_s = *shortest;
  const int nodes = std::min(size, engine.points(kArrivalNodes));
  const double step_s = std::max(1e-15, (*longest - shortest_s) / (nodes - 1));
  std::vector<WorkLaws> laws;
  for (int i = 0; i < nodes; ++i) laws.push_back(arriving_work(stream, shortest_s + step_s * i, prompts, size));
  for (int v = 0; v < size; ++v) {
    const double at = std::clamp((backlog.iteration_s[v] - shortest_s) / step_s, 0.0, nodes - 1.0);
    const int low = std::min(nodes - 2, static_cast<int>(at));
    backlog.arriving.push_back(mixed(laws[low].arriving, laws[low + 1].arriving, at - low));
    backlog.companions.push_back(mixed(laws[low].companions, laws[low + 1].companions, at - low));
  }
  if (backlog.idles) idle_when_empty(prompts, stream, backlog);
}

std::vector<std::vector<double>> transitions(const PrefillBacklog& backlog, int size) {
  std::vector<std::vector<double>> p(static_cast<std::size_t>(size), std::vector<double>(size, 0.0));
  for (int v = 0; v < size; ++v) {
    // What is left is no whole number of quanta: the two neighbours share it.
    const double left = std::max(0.0, v - backlog.computed[v]);
    const int low = static_cast<int>(std::floor(left));
    const double high_share = left - low;
    for (int arrived = 0; arrived < size; ++arrived) {
      const double weight = backlog.arriving[v][arrived];
      p[v][std::min(size - 1, low + arrived)] += weight * (1.0 - high_share);
      if (high_share > 0.0) p[v][std::min(size - 1, low + 1 + arrived)] += weight * high_share;
    }
    double sum = 0.0;
    for (const double weight : backlog.arriving[v]) sum += weight;
    p[v][size - 1] += std::max(0.0, 1.0 - sum);
  }
  return p;
}

void summarise(const EngineModel& engine, double arrival_per_s, PrefillBacklog& backlog) {
  double decode_share = 0.0, prefill_s = 0.0;
  for (std::size_t v = 0; v < backlog.law.size(); ++v) {
    backlog.mean_iteration_s += backlog.law[v] * backlog.iteration_s[v];
    const bool decodes = engine.is_chunked() || v == 0;
    (decodes ? decode_share : prefill_s) += backlog.law[v] * (decodes ? 1.0 : backlog.iteration_s[v]);
  }
  backlog.decode_cycle_s = backlog.mean_iteration_s / std::max(decode_share, kNegligible);
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

double count_dispersion(const PromptStream& stream, double seconds) {
  const double mean = stream.rate_per_s * seconds;
  // Nearly constant gaps: the counts are the two whole numbers next to the mean.
  if (stream.scv < 0.01) {
    const double share = mean - std::floor(mean);
    return mean > 0.0 ? share * (1.0 - share) / mean : 1.0;
  }
  // From here on within some percent of the limit.
  if (mean > 12.0) return stream.scv;
  // Cox, Renewal Theory, 1962, section 4.5: 1 - mean + 2 / t times the integral of the renewal function to t, which is
  // the sum over k of P(k gaps fit). Midpoint rule.
  constexpr int kSteps = 8;
  const double shape = 1.0 / stream.scv;
  double integral = 0.0;
  for (int i = 0; i < kSteps; ++i) {
    const double at = mean * (i + 0.5) / kSteps / stream.scv;
    for (double k = 1.0; k < 400.0; k += 1.0) {
      const double fits = 1.0 - solvers::gamma_survival(k * shape, at);
      integral += fits / kSteps;
      if (fits < 1e-7) break;
    }
  }
  return std::max(0.0, 1.0 - mean + 2.0 * integral);
}

PrefillBacklog solve_prefill_backlog(const EngineModel& engine, const PromptQuanta& prompts, const PromptStream& stream,
                                     double decoding) {
  PrefillBacklog backlog{.decoding = decoding, .quantum_tokens = prompts.quantum_tokens, .idles = decoding <= 0.0};
  const int size = backlog_size(engine, prompts, stream, decoding);
  fill_iterations(engine, prompts, stream, size, backlog);
  std::vector<std::vector<double>> p = transitions(backlog, size);
  backlog.law = stationary_law(p);
  backlog.lost = backlog.law.back();
  summarise(engine, stream.rate_per_s, backlog);
  // Drift at the top: what a full iteration brings against what it computes.
  const double arriving = stream.rate_per_s * backlog.iteration_s.back() * engine.work().prompt_tokens;
  backlog.is_unstable = arriving >= backlog.computed.back() * backlog.quantum_tokens;
  return backlog;
}

}  // namespace windtunnel::modeling
