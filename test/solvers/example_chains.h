// SPDX-License-Identifier: Apache-2.0
// Chains with known answers, for the tests of solvers/.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "solvers/chain/generator.h"

namespace windtunnel::solvers {

/// States 0..capacity; rates by state.
Generator birth_death(Index capacity, const std::function<double(Index)>& birth,
                      const std::function<double(Index)>& death);

/// M/M/1/capacity with service rate 1.
Generator mm1k(double rho, Index capacity);

/// `machines` that fail at `failure` each, `crews` that repair at `repair` each; state = machines down.
Generator machine_repairman(Index machines, Index crews, double failure, double repair);

/// Strongly connected: a ring plus `degree` random transitions per state, rates log-uniform between `slowest` and
/// `fastest`. The same seed gives the same chain everywhere (own generator, no std distribution).
Generator random_chain(Index states, Index degree, double slowest, double fastest, unsigned seed);

/// Two copies of a random chain, coupled both ways at rate `coupling`.
Generator nearly_decomposable(Index half, double coupling, unsigned seed);

/// Customers (i, j) in two M/M/1/capacity queues one after the other: (capacity + 1)^2 states, breadth-first numbers.
Generator tandem(Index capacity, double arrival, double first_service, double second_service);

/// All rates multiplied.
Generator scaled(const Generator& q, double factor);

/// The same chain with state i renamed (i * step) mod n; step and n coprime.
Generator renamed(const Generator& q, Index step);

struct NamedChain {
  std::string name;
  Generator generator;
  Index states = 0;
  Index transitions = 0;
};

/// One of each kind, small enough for every method; with the counts they must have.
std::vector<NamedChain> irreducible_chains();

}  // namespace windtunnel::solvers
