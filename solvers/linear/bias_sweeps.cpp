// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/bias_sweeps.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::solvers {
namespace {

constexpr int kPairsPerCheck = 10;
// To judge takes two predictions.
constexpr int kPairsBeforeJudging = 30;
// Mixing or multilevel cycles cost about as much.
constexpr double kMaxPredictedPairs = 120.0;
// Errors in far states first travel towards the likely ones, with little to be seen of it, and then vanish ever faster:
// predictions fall by the same factor per check until so many pairs are left. So much patience pays for those.
constexpr double kPairsOnceArrived = 50.0;
constexpr double kMaxPairsWithTravel = 160.0;
// Where roundings are all that is left the span wavers: so many checks without a lower one are enough.
constexpr int kMaxWavering = 3;

/// The lowest span so far, and how long ago it was found and halved.
class Progress {
 public:
  void observe(double span) {
    checks_since_lowest_ = span < lowest_ ? 0 : checks_since_lowest_ + 1;
    checks_since_halved_ = span < 0.5 * halved_ ? 0 : checks_since_halved_ + 1;
    lowest_ = std::min(lowest_, span);
    if (checks_since_halved_ == 0) halved_ = span;
  }

  bool stands_still(double patience) const {
    return checks_since_lowest_ >= kMaxWavering ||
           checks_since_halved_ * kPairsPerCheck > patience * kMaxPredictedPairs;
  }

 private:
  double lowest_ = HUGE_VAL;
  double halved_ = HUGE_VAL;
  int checks_since_lowest_ = 0;
  int checks_since_halved_ = 0;
};

}  // namespace

BiasSweeps::BiasSweeps(const PartialChain& part, const Vector& weight, SweepDirection direction, double patience)
    : part_(part),
      weight_(weight),
      direction_(direction),
      patience_(patience),
      reciprocal_(part.exit_per_s().cwiseInverse()),
      x_(static_cast<std::size_t>(part.states())) {}

void BiasSweeps::relax(Index i, const Vector& reward) {
  const SparseRates& rates = part_.rates();
  double own = reward(i);
  double time = 1.0;
  const auto end = static_cast<std::size_t>(rates.begin[static_cast<std::size_t>(i) + 1]);
  for (auto e = static_cast<std::size_t>(rates.begin[static_cast<std::size_t>(i)]); e < end; ++e) {
    const Pair& there = x_[static_cast<std::size_t>(rates.state[e])];
    own += rates.rate_per_s[e] * there.reward;
    time += rates.rate_per_s[e] * there.time;
  }
  x_[static_cast<std::size_t>(i)] = {own * reciprocal_(i), time * reciprocal_(i)};
}

void BiasSweeps::judge(const Vector& reward, Outcome& outcome) {
  const Index n = part_.states();
  Vector left(n);
  Vector left_of_time(n);
  for (Index i = 0; i < n; ++i) {
    const Pair& here = x_[static_cast<std::size_t>(i)];
    Pair drift{reward(i) - part_.exit_per_s()(i) * here.reward, 1.0 - part_.exit_per_s()(i) * here.time};
    for (const auto [to, rate] : part_.rates().row(i)) {
      drift.reward += rate * x_[static_cast<std::size_t>(to)].reward;
      drift.time += rate * x_[static_cast<std::size_t>(to)].time;
    }
    left(i) = drift.reward;
    left_of_time(i) = drift.time;
  }
  outcome.average_per_s = weight_.dot(left) / weight_.dot(left_of_time);
  left -= outcome.average_per_s * left_of_time;
  outcome.span_per_s = left.maxCoeff() - left.minCoeff();
  const Pair first = x_.front();
  for (Pair& pair : x_) {
    pair.reward -= first.reward;
    pair.time -= first.time;
  }
}

bool BiasSweeps::slow(double predicted_before, double predicted) const {
  if (std::min(predicted_before, predicted) <= patience_ * kMaxPredictedPairs) return false;
  if (std::isinf(predicted_before) || predicted >= predicted_before) return true;
  const double checks = std::log(predicted / kPairsOnceArrived) / std::log(predicted_before / predicted);
  return checks * kPairsPerCheck + kPairsOnceArrived > patience_ * kMaxPairsWithTravel;
}

BiasSweeps::Outcome BiasSweeps::solve(const Vector& reward, const Target& target) {
  for (Pair& pair : x_) pair.reward = 0.0;
  Outcome outcome;
  double before = HUGE_VAL;
  Progress progress;
  for (long long pairs = kPairsPerCheck;; pairs += kPairsPerCheck) {
    for (int k = 0; k < kPairsPerCheck; ++k) {
      sweep_twice(direction_, part_.states(), [&](Index i) { relax(i, reward); });
    }
    judge(reward, outcome);
    outcome.iterations = pairs;
    const double target_per_s = std::max(target.span_per_s, target.ratio * std::abs(outcome.average_per_s));
    if (!(outcome.span_per_s > target_per_s)) break;
    const double decay = std::log(before / outcome.span_per_s) / kPairsPerCheck;
    const double predicted = std::log(outcome.span_per_s / target_per_s) / decay;
    const double predicted_before = outcome.predicted_pairs;
    outcome.predicted_pairs = decay > 0.0 ? predicted : HUGE_VAL;
    before = outcome.span_per_s;
    progress.observe(outcome.span_per_s);
    outcome.gave_up = pairs >= kPairsBeforeJudging &&
                      (slow(predicted_before, outcome.predicted_pairs) || progress.stands_still(patience_));
    if (outcome.gave_up) break;
  }
  outcome.bias.resize(part_.states());
  for (Index i = 0; i < part_.states(); ++i) {
    const Pair& pair = x_[static_cast<std::size_t>(i)];
    outcome.bias(i) = pair.reward - outcome.average_per_s * pair.time;
  }
  return outcome;
}

}  // namespace windtunnel::solvers
