// SPDX-License-Identifier: Apache-2.0
// The same chain from PRISM text and from a successor function in C++.
#include <array>

#include "solvers/chain/explore.h"
#include "solvers/prism/model_file.h"
#include "test/catch.h"

namespace windtunnel::solvers::prism {
namespace {

/// Queue lengths of two stations.
struct Queues {
  int first = 0;
  int second = 0;

  bool operator==(const Queues&) const = default;
};

struct QueuesHash {
  std::size_t operator()(const Queues& q) const { return static_cast<std::size_t>(1000 * q.first + q.second); }
};

TEST_CASE("Two queues in a row agree state by state and rate by rate", "[solvers][prism]") {
  const int capacity = 12;
  const auto space = explore<Queues, QueuesHash>(Queues{}, [&](const Queues& q, const auto& emit) {
    if (q.first < capacity) emit(Queues{q.first + 1, q.second}, 1.25);
    if (q.first > 0 && q.second < capacity) emit(Queues{q.first - 1, q.second + 1}, 0.5 * q.first * 3.0);
    if (q.second > 0) emit(Queues{q.first, q.second - 1}, 2.0);
  });
  const LabelledChain chain =
      build_model(
          "ctmc const int c;\n"
          "module first a:[0..c]; [] a<c -> 1.25:(a'=a+1); [move] a>0 -> 0.5*a:(a'=a-1); endmodule\n"
          "module second b:[0..c]; [move] b<c -> 3:(b'=b+1); [] b>0 -> 2:(b'=b-1); endmodule\n",
          "queues.prism", parse_constants("c=12"))
          .chain;
  REQUIRE(chain.states() == space.generator.states());
  REQUIRE(chain.transitions() == space.generator.transitions());
  StateNumbering<Queues, QueuesHash> numbers;
  for (const Queues& q : space.states) numbers.number(q);
  std::vector<Transition> renumbered;
  const auto state = [&](Index i) {
    const StateValues& values = chain.values;
    return numbers.number({static_cast<int>(values.value(i, values.variables[0])),
                           static_cast<int>(values.value(i, values.variables[1]))});
  };
  for (Index i = 0; i < chain.states(); ++i) {
    for (const auto [to, rate] : chain.generator.outgoing().row(i)) renumbered.push_back({state(i), state(to), rate});
  }
  const Generator same(chain.states(), renumbered);
  CHECK(same.outgoing().state == space.generator.outgoing().state);
  CHECK(same.outgoing().rate_per_s == space.generator.outgoing().rate_per_s);
}

}  // namespace
}  // namespace windtunnel::solvers::prism
