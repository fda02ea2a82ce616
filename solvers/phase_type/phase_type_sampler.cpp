// SPDX-License-Identifier: Apache-2.0
#include "solvers/phase_type/phase_type_sampler.h"

#include <utility>

namespace windtunnel::solvers {
namespace {

using RateIterator = PhaseType::Rates::InnerIterator;

bool is_row_of_equal_phases(const PhaseType& x) {
  const int n = x.phases();
  if (n == 0 || x.rate_per_s().nonZeros() != n - 1) return false;
  for (int i = 0; i < n; ++i) {
    const double onwards = i + 1 < n ? x.rate_per_s().coeff(i, i + 1) : x.exit_per_s()(i);
    if (onwards != x.leave_per_s()(0) || x.leave_per_s()(i) != onwards) return false;
  }
  return true;
}

}  // namespace

PhaseTypeSampler::PhaseTypeSampler(PhaseType duration)
    : duration_(std::move(duration)), is_row_of_equal_phases_(is_row_of_equal_phases(duration_)) {}

// -1 when the atom is drawn: the duration is over at once.
int PhaseTypeSampler::first_phase(RandomSource& random) const {
  double left = random.uniform() - duration_.atom();
  if (left < 0.0) return -1;
  for (int i = 0; i < duration_.phases(); ++i) {
    left -= duration_.initial()(i);
    if (left < 0.0) return i;
  }
  return duration_.phases() - 1;  // rounding of the sum
}

double PhaseTypeSampler::walk(int phase, RandomSource& random) const {
  double elapsed_s = 0.0;
  for (;;) {
    const double leave = duration_.leave_per_s()(phase);
    elapsed_s += random.exponential() / leave;
    double left = random.uniform() * leave;
    int next = -1;
    for (RateIterator entry(duration_.rate_per_s(), phase); entry && next < 0; ++entry)
      if ((left -= entry.value()) < 0.0) next = static_cast<int>(entry.col());
    if (next < 0) return elapsed_s;
    phase = next;
  }
}

double PhaseTypeSampler::operator()(RandomSource& random) const {
  const double shift_s = duration_.shift_s();
  if (duration_.phases() == 0) return shift_s;
  const int phase = first_phase(random);
  if (phase < 0) return shift_s;
  if (is_row_of_equal_phases_) return shift_s + random.gamma(duration_.phases() - phase) / duration_.leave_per_s()(0);
  return shift_s + walk(phase, random);
}

}  // namespace windtunnel::solvers
