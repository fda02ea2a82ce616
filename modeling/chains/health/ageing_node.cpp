// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/health/ageing_node.h"

#include <cmath>

#include "modeling/spec/spec_error.h"
#include "solvers/phase_type/phase_type_fit.h"
#include "solvers/transient/transient.h"

namespace windtunnel::modeling {

namespace {

using solvers::Index;
using solvers::Vector;

/// The chain of a life and, where it is renewed, of the next ones; else with one more state, the end.
solvers::Generator life_chain(const solvers::PhaseType& life, bool is_renewed) {
  std::vector<solvers::Transition> moves;
  for (Index phase = 0; phase < life.phases(); ++phase) {
    for (solvers::PhaseType::Rates::InnerIterator rate(life.rate_per_s(), phase); rate; ++rate)
      moves.push_back({phase, rate.col(), rate.value()});
    const double exit = life.exit_per_s()(phase);
    if (!is_renewed) moves.push_back({phase, life.phases(), exit});
    for (Index next = 0; is_renewed && next < life.phases(); ++next)
      if (next != phase) moves.push_back({phase, next, exit * life.initial()(next)});
  }
  std::erase_if(moves, [](const solvers::Transition& move) { return move.rate_per_s == 0.0; });
  return solvers::Generator(life.phases() + (is_renewed ? 0 : 1), moves);
}

/// Phases of a life that has lasted to this age.
Vector phases_at(const solvers::PhaseType& life, double age_s) {
  if (age_s == 0.0) return life.initial();
  Vector first = Vector::Zero(life.phases() + 1);
  first.head(life.phases()) = life.initial();
  const auto at = solvers::solve_transient(life_chain(life, false), first, {age_s});
  if (!at.usable()) throw NoAnswerError("life of an ageing node: " + at.message);
  const Vector alive = at.probability.front().head(life.phases());
  if (!(alive.sum() > 0.0)) throw NoAnswerError("wear_out: no node lives to the stated age");
  return alive / alive.sum();
}

}  // namespace

solvers::PhaseType wear_out_life(const WearOut& wear) {
  const double mean = std::tgamma(1.0 + 1.0 / wear.shape);
  const double scv = std::tgamma(1.0 + 2.0 / wear.shape) / (mean * mean) - 1.0;
  // Without a floor: a life may end at any age.
  constexpr double kSteadiest = 1.0 / 50.0;
  return solvers::fit_phase_type(wear.scale_s * mean, std::max(scv, kSteadiest));
}

double wear_out_failures(const WearOut& wear, double time_s) {
  if (time_s == 0.0) return 0.0;
  if (!wear.repaired_as_new)
    return std::pow((wear.age_s + time_s) / wear.scale_s, wear.shape) - std::pow(wear.age_s / wear.scale_s, wear.shape);
  const solvers::PhaseType life = wear_out_life(wear);
  if (life.phases() == 1) return time_s / life.mean_s();
  const auto path =
      solvers::solve_transient(life_chain(life, true), phases_at(life, wear.age_s), {time_s}, {.with_sojourn = true});
  if (!path.usable()) throw NoAnswerError("renewals of an ageing node: " + path.message);
  return path.sojourn_s.front().dot(life.exit_per_s());
}

}  // namespace windtunnel::modeling
