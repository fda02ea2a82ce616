// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/chains/serving/replica/replica_chain.h"
#include "modeling/chains/serving/replica/slot_wait.h"
#include "modeling/studies/serving/derivation.h"

namespace windtunnel::modeling {
namespace {

/// Sequences at which the clock is shown.
constexpr double kShownBatches[] = {1.0, 4.0, 16.0, 64.0, 256.0};

DerivationSection request_section(const ServingSystem& system) {
  DerivationSection section{.title = "What the requests ask"};
  section.paragraphs.push_back(
      "Each replica works iteration by iteration: every decoding sequence gets a token, waiting prompts are read "
      "beside them or in an iteration of their own. The iteration that ends a prompt gives its first token.");
  section.rows.push_back({"class", "share", "prompt tokens", "output tokens", "output scv"});
  for (const RequestClass& one : system.classes)
    section.rows.push_back({one.name, fmt::format("{:.4g}", one.share), fmt::format("{:.6g}", one.prompt.mean()),
                            fmt::format("{:.6g}", one.output.mean()), fmt::format("{:.4g}", one.output.scv())});
  return section;
}

DerivationSection clock_section(const ServingSystem& system) {
  const double context = mean_prompt_tokens(system.classes) + 0.5 * mean_output_tokens(system.classes);
  DerivationSection section{.title = "How long an iteration takes"};
  section.paragraphs.push_back(
      fmt::format("The operators of one iteration at several batches, {:.0f} cached tokens per sequence; then the same "
                  "beside one whole prompt of {:.0f} tokens.",
                  context, mean_prompt_tokens(system.classes)));
  section.equations.push_back(
      {"\\mu_b = \\frac{b}{m \\, t(b)}", "answers per second with b decoding = b / (tokens x iteration)"});
  section.rows.push_back({"decoding", "iteration, ms", "with a prompt, ms", "answers per s"});
  const double prompt = mean_prompt_tokens(system.classes);
  for (const double batch : kShownBatches) {
    if (batch > static_cast<double>(system.pool.rules.max_batch)) break;
    IterationLoad load{.decoding_sequences = batch, .decoding_context_tokens = batch * context};
    const double plain_s = system.pool.time.iteration_s(load);
    load.prompt_tokens = prompt;
    load.prompt_attended_tokens = 0.5 * prompt * (prompt + 1.0);
    load.prompts = 1.0;
    section.rows.push_back(
        {fmt::format("{:.0f}", batch), fmt::format("{:.4g}", 1e3 * plain_s),
         fmt::format("{:.4g}", 1e3 * system.pool.time.iteration_s(load)),
         fmt::format("{:.4g}", batch / (std::max(1.0, mean_output_tokens(system.classes)) * plain_s))});
  }
  return section;
}

/// Numbers of sequences that hold slots, gathered into ranges of about equal probability; the first is "none".
struct SlotRange {
  std::size_t first = 0;
  std::size_t last = 0;
  double probability = 0.0;
  double mean = 0.0;
};

std::vector<SlotRange> slot_ranges(const std::vector<double>& law) {
  constexpr double kRanges = 8.0, kNothing = 1e-6;
  std::vector<SlotRange> ranges = {{0, 0, law.front()}};
  double left = 1.0 - law.front();
  SlotRange open{1, 1, 0.0};
  for (std::size_t n = 1; n < law.size(); ++n) {
    open.last = n;
    open.probability += law[n];
    open.mean += law[n] * static_cast<double>(n);
    left -= law[n];
    if (open.probability < 1.0 / kRanges && n + 1 < law.size() && left > kNothing) continue;
    if (open.probability > 0.0) open.mean /= open.probability;
    ranges.push_back(open);
    open = {n + 1, n + 1, 0.0};
    if (left <= kNothing && n + 1 < law.size()) {
      ranges.back().last = law.size() - 1;
      ranges.back().probability += std::max(0.0, left);
      break;
    }
  }
  return ranges;
}

std::string name_of(const SlotRange& range) {
  if (range.last == 0) return "none";
  return range.first == range.last ? std::to_string(range.first) : fmt::format("{} to {}", range.first, range.last);
}

/// States and, where arrivals are Poisson, arrows: up by arrivals, down by what balances them (level cuts).
void add_slot_states(const std::vector<double>& law, double arrival_per_s, bool poisson, ChainRecord& record) {
  const std::vector<SlotRange> ranges = slot_ranges(law);
  for (const SlotRange& range : ranges) record.state_probabilities.push_back({name_of(range), range.probability});
  for (std::size_t k = 0; poisson && k + 1 < ranges.size(); ++k) {
    const double flow = arrival_per_s * law[ranges[k].last];
    const int here = static_cast<int>(k);
    if (ranges[k].probability > 0.0) record.arrows.push_back({here, here + 1, flow / ranges[k].probability});
    if (ranges[k + 1].probability > 0.0) record.arrows.push_back({here + 1, here, flow / ranges[k + 1].probability});
  }
}

std::string bursts_text(const ReplicaArrivals& arrivals) {
  const solvers::SwitchedPoisson& x = *arrivals.bursts;
  return fmt::format(
      "Arrivals have bursts: {:.4g} /s in calm phases of {:.4g} s, {:.4g} /s in busy ones of {:.4g} s, in the mean. "
      "The state holds the phase too; in a phase the completions come as fast as its prompts leave time for.",
      x.calm_per_s, 1.0 / x.calm_end_per_s, x.busy_per_s, 1.0 / x.busy_end_per_s);
}

DerivationSection slot_section(const SolvedEngine& solved, const ReplicaArrivals& arrivals) {
  const SlotPopulation& population = solved.population;
  const std::size_t top = population.law.size() - 1;
  DerivationSection section{.title = "How many sequences hold slots"};
  section.paragraphs.push_back(fmt::format(
      "The slow chain of one replica: a request takes a slot when it comes and frees it with its last token. With n in "
      "the slots an iteration takes t(n), so that completions come n times per so many iterations; below the limit of "
      "{} slots the law depends on the mean output only (processor sharing is insensitive), at the limit a queue with "
      "a geometric tail builds up. Prompts computed together widen the law: births come in bunches of that variance.",
      top));
  if (arrivals.bursts) section.paragraphs.push_back(bursts_text(arrivals));
  section.equations.push_back(
      {"\\lambda \\pi_{n-1} = \\mu_n \\pi_n, \\quad \\mu_n = \\frac{n}{k \\, t(n)}",
       fmt::format(
           "arrivals {:.4g} /s at one replica; {:.4g} in the slots in the mean, variance {:.4g}; an arrival waits "
           "for a slot with probability {:.3g}",
           arrivals.rate_per_s, population.mean_slots, population.variance_slots, population.wait_probability)});
  section.rows.push_back({"in the slots", "probability", "iteration, ms", "completed per s"});
  for (const SlotRange& range : slot_ranges(population.law)) {
    const auto n = static_cast<std::size_t>(std::round(range.mean));
    if (n >= solved.rates.iteration_s.size()) continue;
    section.rows.push_back({fmt::format("{}, at {}", name_of(range), n), fmt::format("{:.4g}", range.probability),
                            fmt::format("{:.4g}", 1e3 * solved.rates.iteration_s[n]),
                            fmt::format("{:.4g}", solved.rates.completion_per_s[n])});
  }
  return section;
}

/// With priorities only.
DerivationSection priority_section(const std::vector<RequestClass>& classes, const SlotPopulation& population) {
  DerivationSection section{.title = "Who waits for a slot first"};
  section.paragraphs.push_back(
      "Smaller priorities are served first, nobody loses a slot. A request finds a geometric number of its own and "
      "smaller priorities ahead; each departure is stretched by a busy period of those served first. Loads are counted "
      "in output tokens, and the mean wait of all is that of the queue first come first served.");
  section.equations.push_back(
      {"E[W_k \\mid wait] = \\frac{(1 - \\rho) \\, w}{(1 - \\sigma_{k-1})(1 - \\sigma_k)}",
       fmt::format("first come first served w = {:.4g} s at load {:.4g}", population.queue.mean_s(), population.load)});
  section.rows.push_back({"class", "priority", "load before", "load up to", "mean wait, s, given a wait"});
  for (const RequestClass& one : classes) {
    const PriorityLoad load = priority_load(classes, one, population.load);
    const SlotWait wait = slot_wait(classes, one, population);
    section.rows.push_back({one.name, std::to_string(one.priority), fmt::format("{:.4g}", load.before),
                            fmt::format("{:.4g}", load.up_to), fmt::format("{:.4g}", wait.weight * mean_s(wait.law))});
  }
  return section;
}

DerivationSection prompt_section() {
  DerivationSection section{.title = "What a first token waits for"};
  section.paragraphs.push_back(
      "The fast chain: while the number of decoding sequences stands still, the state is the prompt work (quanta) that "
      "waits at an iteration boundary. An iteration computes what fits its token budget; what arrives while it runs "
      "waits at the next boundary. A tagged arrival sees the iteration under way to its end, then the work ahead of it "
      "and its own prompt; the laws at several numbers of sequences are mixed by the slow chain.");
  section.equations.push_back({"V_{k+1} = V_k - c(V_k) + A(t(V_k))",
                               "backlog at the next boundary = backlog - what the iteration computes + what arrives "
                               "meanwhile (compound Poisson)"});
  return section;
}

/// The chains of an aggregated open system; others are not taken apart.
void derive_open_loop(const ServingSystem& system, Report& report) {
  const ReplicaArrivals arrivals = replica_arrivals(system);
  const SolvedEngine solved = solve_engine(engine_of(system.pool, system.classes), system.classes, arrivals);
  report.derivation.push_back(slot_section(solved, arrivals));
  if (has_priorities(system.classes)) report.derivation.push_back(priority_section(system.classes, solved.population));
  report.derivation.push_back(prompt_section());
}

/// True for records of the slots' law, of one pool or two.
bool is_slot_chain(const ChainRecord& chain) {
  return chain.law.size() > 2 && chain.name.find("slots") != std::string::npos;
}

}  // namespace

void derive_serving(const PlacedServing& placed, Report& report) {
  const ServingSystem& system = placed.system;
  if (system.classes.empty()) return;
  report.derivation.push_back(request_section(system));
  report.derivation.push_back(clock_section(system));
  if (!report.failure.empty()) return;
  const bool is_open = system.arrivals.kind == ArrivalLaw::Kind::kOpen && !system.prefill && !system.requests;
  const auto record = std::find_if(report.chains.begin(), report.chains.end(), is_slot_chain);
  if (record == report.chains.end()) return;
  const ReplicaArrivals arrivals = is_open ? replica_arrivals(system) : ReplicaArrivals{};
  add_slot_states(record->law, arrivals.rate_per_s, is_open && arrivals.is_poisson(), *record);
  if (is_open) derive_open_loop(system, report);
}

}  // namespace windtunnel::modeling
