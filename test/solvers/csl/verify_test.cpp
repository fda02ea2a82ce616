// SPDX-License-Identifier: Apache-2.0
#include "solvers/csl/verify.h"

#include <cmath>

#include "solvers/csl/model_checking.h"
#include "solvers/prism/model_file.h"
#include "test/catch.h"

namespace windtunnel::solvers {
namespace {

// A queue with five places, and a state from which nothing comes back: "down".
const char* const kQueue =
    "ctmc const double r=2; module q x:[0..5]; [] x<5 -> r:(x'=x+1); [] x>0 -> 3:(x'=x-1); endmodule "
    "rewards true : x; endrewards";

LabelledChain queue() {
  return prism::build_model(kQueue, "q.prism").chain;
}

double mean_queue() {
  double mass = 0.0;
  double sum = 0.0;
  for (int n = 0; n <= 5; ++n) {
    mass += std::pow(2.0 / 3, n);
    sum += n * std::pow(2.0 / 3, n);
  }
  return sum / mass;
}

TEST_CASE("The certificate of an average proves it, a wrong one proves less", "[solvers][verify]") {
  const LabelledChain chain = queue();
  const Query mean{.kind = QueryKind::kReward};
  const CheckResult found = check(chain, mean, {.verify = true});
  REQUIRE(found.verified.has_value());
  CHECK(found.verified->lower <= mean_queue());
  CHECK(found.verified->upper >= mean_queue());
  CHECK(found.verified->width() <= 1e-14);
  // Any function proves something true: here worth 0, that the average lies between the rewards.
  Certificate none{.states = StateSet(6, true), .reward_per_s = chain.rewards[0].state_reward_per_s};
  none.worth = PreciseVector(Vector::Zero(6));
  const Interval wide = verify(chain.generator, none, 0);
  CHECK(wide.lower == Approx(0.0).margin(1e-300));
  CHECK(wide.upper == Approx(5.0));
  // States that are left prove nothing about the long run.
  none.states[5] = false;
  CHECK(std::isinf(verify(chain.generator, none, 0).upper));
}

TEST_CASE("The certificate of a time proves it, a tampered one is found out", "[solvers][verify]") {
  const LabelledChain chain = queue();
  Query passage{.kind = QueryKind::kPassageTime};
  passage.passage.target.assign(6, false);
  passage.passage.target[5] = true;
  StateSet first(6, false);
  first[0] = true;
  const StateAnswer answer = check_states(chain, passage, first, {.verify = true});
  REQUIRE(answer.certificate.has_value());
  // E[T_n -> n+1] = 1/r + m/r E[T_(n-1) -> n]: 0.5, 1.25, 2.375, 4.0625, 6.59375.
  const double exact = 0.5 + 1.25 + 2.375 + 4.0625 + 6.59375;
  const Interval proven = verify(chain.generator, *answer.certificate, 0);
  CHECK(proven.lower <= exact);
  CHECK(proven.upper >= exact);
  CHECK(proven.width() <= 1e-12);
  Certificate wrong = *answer.certificate;
  wrong.worth.high(2) += 1.0;
  const Interval wide = verify(chain.generator, wrong, 0);
  CHECK(wide.width() > 1.0);
  CHECK(wide.lower <= exact);
  CHECK(wide.upper >= exact);
  wrong.exit_time(3) = 0.0;
  CHECK(std::isinf(verify(chain.generator, wrong, 0).upper));
}

}  // namespace
}  // namespace windtunnel::solvers
