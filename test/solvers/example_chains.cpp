// SPDX-License-Identifier: Apache-2.0
#include "test/solvers/example_chains.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "solvers/chain/explore.h"

namespace windtunnel::solvers {
namespace {

/// Numbers in (0, 1). Source: Marsaglia, Xorshift RNGs, Journal of Statistical Software 8(14), 2003.
class UniformNumbers {
 public:
  explicit UniformNumbers(unsigned seed) : state_(0x9E3779B97F4A7C15u + seed) {
    for (int k = 0; k < 16; ++k) (*this)();
  }
  double operator()() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return (static_cast<double>(state_ >> 11) + 0.5) * 0x1p-53;
  }
  Index below(Index limit) { return static_cast<Index>((*this)() * static_cast<double>(limit)); }

 private:
  std::uint64_t state_;
};

std::vector<Transition> random_transitions(Index states, Index degree, double slowest, double fastest, unsigned seed) {
  UniformNumbers uniform(seed);
  const auto rate = [&] { return slowest * std::pow(fastest / slowest, uniform()); };
  std::vector<Transition> transitions;
  for (Index i = 0; i < states; ++i) {
    transitions.push_back({i, (i + 1) % states, rate()});
    for (Index k = 0; k < degree; ++k) {
      const Index to = uniform.below(states);
      if (to != i) transitions.push_back({i, to, rate()});
    }
  }
  return transitions;
}

std::vector<Transition> transitions_of(const Generator& q) {
  std::vector<Transition> transitions;
  for (Index i = 0; i < q.states(); ++i) {
    for (const auto [to, rate] : q.outgoing().row(i)) transitions.push_back({i, to, rate});
  }
  return transitions;
}

struct PairHash {
  std::size_t operator()(const std::pair<Index, Index>& state) const {
    return static_cast<std::size_t>(state.first * 1'000'003 + state.second);
  }
};

}  // namespace

Generator birth_death(Index capacity, const std::function<double(Index)>& birth,
                      const std::function<double(Index)>& death) {
  std::vector<Transition> transitions;
  for (Index n = 0; n < capacity; ++n) {
    transitions.push_back({n, n + 1, birth(n)});
    transitions.push_back({n + 1, n, death(n + 1)});
  }
  return Generator(capacity + 1, transitions);
}

Generator mm1k(double rho, Index capacity) {
  return birth_death(
      capacity, [=](Index) { return rho; }, [](Index) { return 1.0; });
}

Generator machine_repairman(Index machines, Index crews, double failure, double repair) {
  return birth_death(
      machines, [=](Index down) { return static_cast<double>(machines - down) * failure; },
      [=](Index down) { return static_cast<double>(std::min(down, crews)) * repair; });
}

Generator random_chain(Index states, Index degree, double slowest, double fastest, unsigned seed) {
  return Generator(states, random_transitions(states, degree, slowest, fastest, seed));
}

Generator nearly_decomposable(Index half, double coupling, unsigned seed) {
  std::vector<Transition> transitions;
  for (const Index offset : {Index{0}, half}) {
    for (const Transition& t : random_transitions(half, 3, 0.1, 10.0, seed + static_cast<unsigned>(offset))) {
      transitions.push_back({t.from + offset, t.to + offset, t.rate_per_s});
    }
  }
  transitions.push_back({0, half, coupling});
  transitions.push_back({2 * half - 1, half - 1, coupling});
  return Generator(2 * half, transitions);
}

Generator tandem(Index capacity, double arrival, double first_service, double second_service) {
  using State = std::pair<Index, Index>;
  return explore<State, PairHash>(State{0, 0},
                                  [&](const State& state, const auto& emit) {
                                    const auto [first, second] = state;
                                    if (first < capacity) emit({first + 1, second}, arrival);
                                    if (first > 0 && second < capacity) emit({first - 1, second + 1}, first_service);
                                    if (second > 0) emit({first, second - 1}, second_service);
                                  })
      .generator;
}

Generator scaled(const Generator& q, double factor) {
  std::vector<Transition> transitions = transitions_of(q);
  for (Transition& t : transitions) t.rate_per_s *= factor;
  return Generator(q.states(), transitions);
}

Generator renamed(const Generator& q, Index step) {
  std::vector<Transition> transitions = transitions_of(q);
  for (Transition& t : transitions) {
    t.from = t.from * step % q.states();
    t.to = t.to * step % q.states();
  }
  return Generator(q.states(), transitions);
}

std::vector<NamedChain> irreducible_chains() {
  return {{"M/M/1/50", mm1k(0.8, 50), 51, 100},
          {"machine repairman", machine_repairman(10, 2, 0.1, 1.0), 11, 20},
          {"tandem of two queues", tandem(12, 0.7, 1.0, 0.9), 169, 456},
          {"random, 3 per state", random_chain(200, 3, 0.1, 10.0, 1), 200, 793},
          {"random, rates over 6 decades", random_chain(120, 4, 1e-3, 1e3, 2), 120, 580},
          {"two halves, coupling 0.3", nearly_decomposable(40, 0.3, 3), 80, 307}};
}

}  // namespace windtunnel::solvers
