// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/html_report.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "modeling/report/chain_summary.h"
#include "modeling/report/derivation.h"
#include "modeling/report/headline.h"
#include "modeling/report/html_page.h"
#include "modeling/report/mathml.h"
#include "modeling/report/svg_chain.h"
#include "modeling/report/svg_chart.h"
#include "test/catch.h"

namespace windtunnel::modeling {
namespace {

/// A machine that works or is repaired, with everything a report can hold.
Report small_report() {
  Report report{.spec_file = "a<b>.yaml", .study = "availability", .title = "one <machine>", .finding = "it works"};
  report.measures = {{"ettr_ratio", 0.75}, {"job_mttf_s", 3600.0}};
  report.breakdowns = {{"time", {{"productive", 0.75}, {"waiting_for_nodes", 0.25}}}};
  report.chains = {{.name = "health",
                    .purpose = "up or down",
                    .states = 2,
                    .transitions = 2,
                    .method_used = "gth",
                    .state_probabilities = {{"up", 0.75}, {"down", 0.25}},
                    .arrows = {{0, 1, 0.1}, {1, 0, 0.3}}}};
  report.sensitivities = {{"reliability.repair_time", "ettr_ratio", -0.25, 3.0, "central_difference", 1e-3}};
  report.curves = {{"law", "P(down <= t)", "time_s", "probability", false, {{0.0, 0.0}, {1.0, 0.5}, {2.0, 1.0}}}};
  report.assumptions = {{"rate", 0.1, "/s", "assumed", "nobody"}};
  report.warnings = {"a warning & more"};
  return report;
}

TEST_CASE("The page needs nothing but itself and shows what was asked", "[report][html]") {
  const std::string page = html_report(small_report(), "9.9");
  for (const char* outside : {"http:", "https:", "src=", "<script", "@import", "url(h"})
    CHECK(page.find(outside) == std::string::npos);
  CHECK_THAT(page, ContainsSubstring("one &lt;machine&gt;") && ContainsSubstring("a&lt;b&gt;.yaml"));
  CHECK_THAT(page, ContainsSubstring("a warning &amp; more") && ContainsSubstring("windtunnel 9.9"));
  CHECK_THAT(page, ContainsSubstring("75.00 %") && ContainsSubstring("waiting for nodes"));
  CHECK_THAT(page, ContainsSubstring("reliability.repair_time") && ContainsSubstring("nobody"));
  CHECK_THAT(page, ContainsSubstring("prefers-color-scheme: dark") && ContainsSubstring("@media print"));
}

TEST_CASE("A small chain is drawn with its probabilities and rates", "[report][html]") {
  const ChainRecord chain = small_report().chains.front();
  const std::string picture = svg_chain(chain);
  CHECK_THAT(picture, ContainsSubstring(">0.75<") && ContainsSubstring(">0.3 /s<") && ContainsSubstring(">down<"));
}

TEST_CASE("A large chain is drawn with its rest as one state, flows kept", "[report][html]") {
  // Birth-death: up with 1 /s, down with 2 /s; state n holds 2^-n of 20 states.
  ChainRecord chain{.name = "queue", .purpose = "customers"};
  constexpr int kStates = 20;
  for (int n = 0; n < kStates; ++n) {
    chain.state_probabilities.push_back({std::to_string(n), std::pow(0.5, n + 1) / (1.0 - std::pow(0.5, kStates))});
    if (n > 0) chain.arrows.push_back({n - 1, n, 1.0});
    if (n > 0) chain.arrows.push_back({n, n - 1, 2.0});
  }
  const ChainRecord picture = summarised(chain, 4);
  REQUIRE(picture.state_probabilities.size() == 4);
  CHECK(picture.state_probabilities.back().name == "the other 17");
  double total = 0.0;
  for (const Measure& state : picture.state_probabilities) total += state.value.value();
  CHECK(total == Approx(1.0).epsilon(1e-12));
  // The rest goes down at 2 /s times the share of its first state, which holds half of it (but for the end).
  const auto down = std::find_if(picture.arrows.begin(), picture.arrows.end(),
                                 [](const ChainArrow& arrow) { return arrow.from == 3; });
  CHECK(down->to == 2);
  CHECK(down->rate_per_s == Approx(1.0).epsilon(1e-4));
  CHECK_THAT(svg_chain(chain), ContainsSubstring(">the other 9<"));
  // Rare ones are not drawn apart: 2^-14 of the time is less than kRare.
  CHECK(summarised(chain, 18).state_probabilities.size() == 14);
}

TEST_CASE("Ticks are round and inside", "[report][html]") {
  CHECK(round_ticks(0.0, 1.0, 4) == std::vector<double>{0.0, 0.5, 1.0});
  CHECK(round_ticks(6.1, 7.0, 5).front() == Approx(6.2));
  CHECK(round_ticks(3.0, 3.0, 5) == std::vector<double>{3.0});
}

TEST_CASE("LaTeX becomes MathML", "[report][html]") {
  CHECK(
      mathml("\\pi_i q_{ij} = \\frac{1}{2}") ==
      "<math display=\"block\"><mrow><msub><mi>π</mi><mi>i</mi></msub><msub><mi>q</mi><mrow><mi>i</mi><mi>j</mi></mrow>"
      "</msub><mo>=</mo><mfrac><mrow><mn>1</mn></mrow><mrow><mn>2</mn></mrow></mfrac></mrow></math>");
  CHECK_THAT(mathml("x^2 < \\text{a b}"),
             ContainsSubstring("<msup><mi>x</mi><mn>2</mn></msup><mo>&lt;</mo><mtext>a b</mtext>"));
  // Cut short and closed twice: no harm.
  CHECK_THAT(mathml("\\frac{1"), ContainsSubstring("<mfrac>"));
  CHECK_THAT(mathml("a}b"), ContainsSubstring("<mi>a</mi>"));
}

TEST_CASE("A sensitivity is told in the direction that helps", "[report][headline]") {
  CHECK(sensitivity_sentence({"bandwidth", "tokens_per_s_per_device", 0.5, 1.0}) ==
        "10 % more bandwidth buys 4.9 % more tokens_per_s_per_device");
  CHECK(sensitivity_sentence({"latency", "tokens_per_s_per_device", -1.0, 1.0}) ==
        "10 % less latency buys 11 % more tokens_per_s_per_device");
  CHECK(sensitivity_sentence({"bandwidth", "ttft_p99_s", -1.0, 1.0}) == "10 % more bandwidth cuts 9.1 % of ttft_p99_s");
  CHECK(headline_measure(small_report()) == "ettr_ratio");
}

TEST_CASE("The derivation shows flow in equal to flow out, with numbers", "[report][derivation]") {
  // 0.75 x 0.1 = 0.25 x 0.3.
  CHECK_THAT(derivation_text(small_report()),
             ContainsSubstring("up: out 0.75 x (0.1) = 0.075 /s, in 0.25 x 0.3 = 0.075 /s"));
  CHECK_THAT(derivation_markdown(small_report()), ContainsSubstring("$$\\pi Q = 0, \\quad \\sum_i \\pi_i = 1$$"));
  CHECK_THAT(derivation_html(small_report()), ContainsSubstring("<math"));
  const std::string dot = derivation_dot(small_report());
  CHECK_THAT(dot,
             ContainsSubstring("c0_0 [label=\"up\\n0.75\"") && ContainsSubstring("c0_1 -> c0_0 [label=\"0.3 /s\"]"));
}

}  // namespace
}  // namespace windtunnel::modeling
