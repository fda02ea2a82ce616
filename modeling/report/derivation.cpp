// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/derivation.h"

#include <fmt/format.h>

#include <algorithm>

#include "modeling/report/headline.h"
#include "modeling/report/readable_number.h"

namespace windtunnel::modeling {
namespace {

/// Of states and of transitions; the rest is counted.
constexpr std::size_t kMostRows = 40;

std::string number(double value) {
  return fmt::format("{:.4g}", value);
}

DerivationSection question(const Report& report) {
  DerivationSection section{.title = "The question"};
  section.paragraphs.push_back(report.title.empty() ? report.spec_file : report.title);
  section.paragraphs.push_back(
      "The spec compiles into operators; operators get service times from the machine; what a device, a link, a step, "
      "a queue or the hardware's health does becomes a continuous-time Markov chain; the chains are solved and hand "
      "their answers to each other.");
  return section;
}

/// The two states that hold most of the probability.
std::vector<std::size_t> most_probable(const ChainRecord& chain) {
  std::vector<std::size_t> order(chain.state_probabilities.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return chain.state_probabilities[a].value.value_or(0.0) > chain.state_probabilities[b].value.value_or(0.0);
  });
  order.resize(std::min<std::size_t>(order.size(), 2));
  return order;
}

/// Flow out of a state equals flow into it, with the numbers put in.
DerivationSection::Equation balance(const ChainRecord& chain, std::size_t state) {
  const auto probability = [&](int i) {
    return chain.state_probabilities[static_cast<std::size_t>(i)].value.value_or(0.0);
  };
  std::string out;
  std::string in;
  double out_sum = 0.0;
  double in_sum = 0.0;
  for (const ChainArrow& arrow : chain.arrows) {
    const bool leaves = static_cast<std::size_t>(arrow.from) == state;
    if (!leaves && static_cast<std::size_t>(arrow.to) != state) continue;
    std::string& side = leaves ? out : in;
    if (!leaves)
      side += (side.empty() ? "" : " + ") + number(probability(arrow.from)) + " x " + number(arrow.rate_per_s);
    if (leaves) side += (side.empty() ? "" : " + ") + number(arrow.rate_per_s);
    (leaves ? out_sum : in_sum) += (leaves ? probability(arrow.from) : probability(arrow.from)) * arrow.rate_per_s;
  }
  const std::string name = chain.state_probabilities[state].name;
  return {"\\pi_j \\sum_k q_{jk} = \\sum_i \\pi_i q_{ij}",
          fmt::format("{}: out {} x ({}) = {} /s, in {} = {} /s", name, number(probability(static_cast<int>(state))),
                      out, number(out_sum), in, number(in_sum))};
}

void add_solution(const ChainRecord& chain, DerivationSection& section) {
  const bool stationary = !chain.state_probabilities.empty();
  if (stationary) section.equations.push_back({"\\pi Q = 0, \\quad \\sum_i \\pi_i = 1", "pi Q = 0, sum of pi = 1"});
  if (stationary && !chain.arrows.empty()) {
    for (const std::size_t state : most_probable(chain)) section.equations.push_back(balance(chain, state));
  }
  std::string how =
      fmt::format("Solved by {} ({} states, {} transitions", chain.method_used, chain.states, chain.transitions);
  if (chain.iterations > 0) how += fmt::format(", {} iterations", chain.iterations);
  how += fmt::format("): residual {:.1e}", chain.residual);
  how += chain.error_bound ? fmt::format(", proven error bound {:.1e}", *chain.error_bound) : ", no proven bound";
  if (chain.lost_probability > 0.0) how += fmt::format(", probability left out {:.1e}", chain.lost_probability);
  section.paragraphs.push_back(how + ".");
}

void add_rates(const ChainRecord& chain, DerivationSection& section) {
  if (chain.arrows.empty()) {
    for (std::size_t i = 0; i < std::min(kMostRows, chain.state_probabilities.size()); ++i) {
      if (i == 0) section.rows.push_back({"state", "probability"});
      const Measure& state = chain.state_probabilities[i];
      section.rows.push_back({state.name, number(state.value.value_or(0.0))});
    }
    return;
  }
  section.rows.push_back({"from", "probability", "to", "rate per s"});
  for (std::size_t i = 0; i < std::min(kMostRows, chain.arrows.size()); ++i) {
    const ChainArrow& arrow = chain.arrows[i];
    const Measure& from = chain.state_probabilities[static_cast<std::size_t>(arrow.from)];
    const Measure& to = chain.state_probabilities[static_cast<std::size_t>(arrow.to)];
    section.rows.push_back({from.name, number(from.value.value_or(0.0)), to.name, number(arrow.rate_per_s)});
  }
  if (chain.arrows.size() > kMostRows)
    section.rows.push_back({fmt::format("and {} more", chain.arrows.size() - kMostRows), "", "", ""});
}

DerivationSection chain_section(const ChainRecord& chain) {
  DerivationSection section{.title = "Chain: " + chain.name};
  section.paragraphs.push_back("What it models: " + chain.purpose + ".");
  add_solution(chain, section);
  add_rates(chain, section);
  return section;
}

DerivationSection answer_section(const Report& report) {
  DerivationSection section{.title = "The answer"};
  if (!report.failure.empty()) section.paragraphs.push_back("No answer: " + report.failure);
  if (!report.finding.empty()) section.paragraphs.push_back(report.finding + ".");
  section.rows.push_back({"measure", "value", "in SI units"});
  for (const Measure& measure : report.measures)
    section.rows.push_back({measure.name, readable_number(measure.name, measure.value),
                            measure.value ? fmt::format("{:.6g}", *measure.value) : "unknown"});
  return section;
}

DerivationSection lever_section(const Report& report) {
  DerivationSection section{.title = "What moves it"};
  section.equations.push_back({"e = \\frac{d \\ln(\\text{measure})}{d \\ln(\\text{input})}",
                               "elasticity = d ln measure / d ln input, by central differences"});
  section.rows.push_back({"input", "elasticity", "in words"});
  for (const Sensitivity& one : headline_sensitivities(report))
    section.rows.push_back({one.path, fmt::format("{:+.4f}", *one.elasticity), sensitivity_sentence(one)});
  return section;
}

DerivationSection inputs(const Report& report) {
  DerivationSection section{.title = "What it rests on"};
  section.rows.push_back({"input", "value", "evidence", "source"});
  for (const Assumption& one : report.assumptions)
    section.rows.push_back({one.name, fmt::format("{:.6g} {}", one.value, one.unit), one.evidence, one.source});
  for (const std::string& warning : report.warnings) section.paragraphs.push_back("Warning: " + warning + ".");
  return section;
}

}  // namespace

std::vector<DerivationSection> whole_derivation(const Report& report) {
  std::vector<DerivationSection> sections = {question(report)};
  sections.insert(sections.end(), report.derivation.begin(), report.derivation.end());
  for (const ChainRecord& chain : report.chains) sections.push_back(chain_section(chain));
  sections.push_back(answer_section(report));
  if (!report.sensitivities.empty()) sections.push_back(lever_section(report));
  if (!report.assumptions.empty() || !report.warnings.empty()) sections.push_back(inputs(report));
  return sections;
}

}  // namespace windtunnel::modeling
