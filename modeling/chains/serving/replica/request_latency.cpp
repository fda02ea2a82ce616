// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/request_latency.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

namespace {

/// Outputs up to this many tokens have their own cell; longer ones share cells that grow by a twelfth.
constexpr Count kSingleCells = 12;
constexpr double kCellGrowth = 1.08;
constexpr double kTail = 1e-5;
/// Atoms of the first-token law, and of the gaps of one cell, in the end-to-end law.
constexpr int kFirstTokenAtoms = 24;
constexpr int kGapCells = 10;
/// And in the law of the time per token.
constexpr int kTpotCells = 150;

struct Laws {
  explicit Laws(double resolution) : ttft(resolution), tpot(resolution), e2e(resolution) {}

  LatencyLaw ttft, tpot, e2e;
  double met = 0.0;
};

/// P(first token in time), as a lookup for the joint question.
double within(const LatencyLaw& law, double limit_s) {
  return limit_s == kNoLimit ? 1.0 : law.probability_within(limit_s);
}

struct Range {
  double least = INFINITY;
  double largest = 0.0;
};

Range range_of(const std::vector<LatencyLaw::Atom>& atoms) {
  Range range;
  for (const LatencyLaw::Atom& atom : atoms) {
    range.least = std::min(range.least, atom.value_s);
    range.largest = std::max(range.largest, atom.value_s);
  }
  return range;
}

/// Atoms gathered into even cells of their range, each at its mean.
std::vector<LatencyLaw::Atom> gathered(const std::vector<LatencyLaw::Atom>& atoms, const Range& range, int cells) {
  const auto [least, largest] = range;
  const double scale = largest > least ? (cells - 1) / (largest - least) : 0.0;
  std::vector<LatencyLaw::Atom> sums(static_cast<std::size_t>(cells));
  for (const LatencyLaw::Atom& atom : atoms) {
    LatencyLaw::Atom& cell = sums[static_cast<std::size_t>((atom.value_s - least) * scale)];
    cell.weight += atom.weight;
    cell.value_s += atom.weight * atom.value_s;
  }
  std::vector<LatencyLaw::Atom> kept;
  for (const LatencyLaw::Atom& cell : sums)
    if (cell.weight > 1e-9) kept.push_back({cell.value_s / cell.weight, cell.weight});
  return kept;
}

void add_cell(const OutputCell& cell, const std::vector<LatencyLaw::Atom>& first, const GapNoise& noise,
              const RequestLimits& limits, double overhead_s, Laws& laws) {
  const std::vector<LatencyLaw::Atom> gaps = total_gap(noise, cell.iterations);
  const Range range = range_of(gaps);
  for (const LatencyLaw::Atom& total : gathered(gaps, range, static_cast<int>(kTpotCells * noise.resolution)))
    laws.tpot.add(total.value_s / cell.gaps, cell.weight * total.weight);
  for (const LatencyLaw::Atom& total : gathered(gaps, range, static_cast<int>(kGapCells * noise.resolution))) {
    const bool tpot_met = total.value_s / cell.gaps <= limits.tpot_s;
    for (const LatencyLaw::Atom& one : first) {
      const double e2e_s = one.value_s + overhead_s + total.value_s;
      const double weight = cell.weight * total.weight * one.weight;
      laws.e2e.add(e2e_s, weight);
      if (tpot_met && one.value_s + overhead_s <= limits.ttft_s && e2e_s <= limits.e2e_s) laws.met += weight;
    }
  }
}

void add_class(const RequestClass& one, double gain, const LatencyLaw& first, const GapNoise& noise,
               const RequestLimits& limits, double overhead_s, Laws& laws) {
  laws.ttft.add_shifted(first, overhead_s, 1.0 / first.total_weight());
  std::vector<LatencyLaw::Atom> atoms = first.condensed(static_cast<int>(kFirstTokenAtoms * noise.resolution));
  for (LatencyLaw::Atom& atom : atoms) atom.weight /= first.total_weight();
  for (const OutputCell& cell : output_cells(one.output, gain, noise.resolution)) {
    if (cell.gaps > 0.0) {
      add_cell(cell, atoms, noise, limits, overhead_s, laws);
      continue;
    }
    laws.e2e.add_shifted(first, overhead_s, cell.weight / first.total_weight());
    laws.met += cell.weight * within(first, std::min(limits.ttft_s, limits.e2e_s) - overhead_s);
  }
}

ClassAnswer answer_of(const std::string& name, const Laws& laws) {
  return {name, laws.ttft.numbers(), laws.tpot.numbers(), laws.e2e.numbers(), std::min(1.0, laws.met)};
}

}  // namespace

double tokens_held(const std::vector<RequestClass>& classes, const BatchRules& rules) {
  if (rules.kv_policy == KvPolicy::kPreempt) return request_work(classes, rules).context_tokens;
  double held = 0.0, time = 0.0;
  for (const RequestClass& one : classes) {
    const double o = one.output.mean(), o2 = one.output.variance() + o * o;
    held += one.share * (o * one.prompt.mean() + o2);
    time += one.share * o;
  }
  return held / time;
}

std::vector<OutputCell> output_cells(const TokenLaw& output, double tokens_per_iteration, double resolution) {
  const auto cell = [&](double tokens, double weight) {
    return OutputCell{(tokens - 1.0) / tokens_per_iteration, tokens - 1.0, weight};
  };
  if (output.is_constant()) return {cell(output.mean(), 1.0)};
  std::vector<OutputCell> cells;
  const double growth = std::pow(kCellGrowth, 1.0 / resolution);
  double kept = 0.0, kept_tokens = 0.0, before = 1.0;
  for (Count low = 0; before > kTail / resolution;) {
    const Count high = static_cast<double>(low) < kSingleCells * resolution
                           ? low + 1
                           : std::max<Count>(low + 1, std::llround(static_cast<double>(low) * growth));
    const double after = output.survival(high), weight = before - after;
    const double middle = 0.5 * static_cast<double>(low + 1 + high);
    if (weight > 0.0) cells.push_back(cell(middle, weight));
    kept += weight;
    kept_tokens += weight * middle;
    low = high;
    before = after;
  }
  // The rest of the tail, at the value that keeps the mean.
  if (before > 0.0)
    cells.push_back(cell(std::max(cells.back().gaps + 1.0, (output.mean() - kept_tokens) / before), before));
  return cells;
}

std::vector<ClassAnswer> request_answers(const EngineModel& engine, const std::vector<RequestClass>& classes,
                                         const std::vector<LatencyLaw>& first_token, const std::vector<GapNoise>& noise,
                                         const RequestLimits& limits) {
  const double gain = tokens_per_iteration(engine.rules()), overhead_s = engine.request_overhead_s();
  std::vector<ClassAnswer> answers(1);
  Laws all(engine.resolution());
  for (std::size_t i = 0; i < classes.size(); ++i) {
    Laws own(engine.resolution());
    add_class(classes[i], gain, first_token[i], noise[i], limits, overhead_s, own);
    const double share = classes[i].share;
    all.ttft.add_shifted(own.ttft, 0.0, share);
    all.tpot.add_shifted(own.tpot, 0.0, share);
    all.e2e.add_shifted(own.e2e, 0.0, share);
    all.met += share * own.met;
    if (classes.size() > 1) answers.push_back(answer_of(classes[i].name, own));
  }
  answers.front() = answer_of("", all);
  return answers;
}

}  // namespace windtunnel::modeling
