// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "modeling/studies/derivations.h"

namespace windtunnel::modeling {
namespace {

/// Sequences at which the clock is shown.
constexpr double kShownBatches[] = {1.0, 4.0, 16.0, 64.0, 256.0};

DerivationSection request_section(const ServingSystem& system) {
  DerivationSection section{.title = "What the requests ask"};
  section.paragraphs.push_back(
      "Each replica works iteration by iteration: every decoding sequence gets a token, waiting prompts are read "
      "beside "
      "them or in an iteration of their own. The iteration that ends a prompt gives its first token.");
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

}  // namespace

void derive_serving(const PlacedServing& placed, Report& report) {
  if (!placed.system.classes.empty()) report.derivation.push_back(request_section(placed.system));
  if (!placed.system.classes.empty()) report.derivation.push_back(clock_section(placed.system));
}

}  // namespace windtunnel::modeling
