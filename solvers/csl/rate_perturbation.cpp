// SPDX-License-Identifier: Apache-2.0
#include "solvers/csl/rate_perturbation.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::solvers {
namespace {

// Below it e^x - 1 <= 1.3 x; the theorem's x is half of the bound.
constexpr double kMostUntimed = 0.5;

Vector largest(const StateAnswer& answer) {
  return answer.lower.cwiseAbs().cwiseMax(answer.upper.cwiseAbs());
}

/// The graph's answers are those of all these chains: never, surely, infinite.
bool same_for_all(const Query& query, double lower, double upper) {
  const bool decided = query.kind == QueryKind::kProbability && (lower == 0.0 || lower == 1.0);
  return lower == upper && (decided || std::isinf(lower));
}

class Perturbation {
 public:
  Perturbation(const LabelledChain& chain, const Query& query, const StateSet& interest, const CheckOptions& options,
               const StateAnswer& answer)
      : chain_(chain),
        query_(query),
        interest_(interest),
        answer_(answer),
        exact_(options),
        error_(options.rate_error),
        per_s_(error_ * chain.generator.max_exit_rate()) {
    exact_.rate_error = 0.0;
    exact_.verify = false;
  }

  Vector of_answer() const {
    switch (query_.kind) {
      case QueryKind::kProbability:
        return query_.path.path_operator == PathOperator::kNext ? of_next(query_.path.time)
                                                                : of_until(query_.path.time);
      case QueryKind::kSteadyState:
        return relative(largest(answer_));
      case QueryKind::kReward:
        return of_reward(query_.reward);
      case QueryKind::kPassageTime:
        return of_passage(query_.passage);
    }
    return everywhere(HUGE_VAL);
  }

 private:
  double untimed() const { return 4.0 * static_cast<double>(chain_.states()) * error_; }

  /// So many times the bound without a time limit.
  Vector relative(const Vector& size, double times = 1.0) const {
    return times * untimed() <= kMostUntimed ? Vector(times * untimed() * size) : everywhere(HUGE_VAL);
  }

  Vector everywhere(double value) const { return Vector::Constant(chain_.states(), value); }

  /// into / exit x (e^(-exit from) - e^(-exit to)): two rates, and an exponent.
  Vector of_next(const TimeInterval& time) const {
    const double longest = std::isfinite(time.upper_s) ? time.upper_s : time.lower_s;
    Vector exit = chain_.self_loop_rate_per_s.size() > 0 ? chain_.self_loop_rate_per_s : everywhere(0.0);
    for (Index i = 0; i < exit.size(); ++i) exit(i) += chain_.generator.exit_rate(i);
    return error_ * (4.0 * largest(answer_) + 2.0 * longest * exit);
  }

  Vector of_until(const TimeInterval& time) const {
    if (time.unbounded()) return relative(largest(answer_));
    if (std::isfinite(time.upper_s)) return everywhere(per_s_ * time.upper_s);
    // After a bound from below alone the question has no time limit any more.
    return everywhere(per_s_ * time.lower_s) + relative(everywhere(1.0));
  }

  Vector of_reward(const RewardFormula& formula) const {
    const RewardStructure& rewards = chain_.rewards.at(formula.structure);
    const Vector earned = rewards.state_reward_per_s + rewards.transition_reward_per_s;
    // Each of the two is known relative to itself, not their sum.
    const Vector size = rewards.state_reward_per_s.cwiseAbs() + rewards.transition_reward_per_s.cwiseAbs();
    switch (formula.reward_operator) {
      case RewardOperator::kSteadyState:
        return of_average(earned, size);
      case RewardOperator::kInstantaneous: {
        const Vector& at = rewards.state_reward_per_s;
        return everywhere(per_s_ * formula.time_s * range(at) + error_ * at.cwiseAbs().maxCoeff());
      }
      case RewardOperator::kCumulative:
        if (std::isinf(formula.time_s)) break;
        return everywhere(formula.time_s * (0.5 * per_s_ * formula.time_s * range(earned) + error_ * size.maxCoeff()));
      case RewardOperator::kReachability:
        break;
    }
    return of_total(earned, size);
  }

  static double range(const Vector& values) { return values.maxCoeff() - values.minCoeff(); }

  /// A constant that makes all rewards >= 0 is added to the average, too.
  Vector of_average(const Vector& earned, const Vector& size) const {
    if (earned == size) return relative(largest(answer_));
    const double shift = std::max(0.0, -earned.minCoeff());
    return relative(largest(answer_) + everywhere(shift)) + everywhere(error_ * size.maxCoeff());
  }

  /// Of both signs: the difference of two answers whose sum is at most that of the absolute rewards.
  Vector of_total(const Vector& earned, const Vector& size) const {
    if (earned == size) return relative(largest(answer_));
    LabelledChain absolute{.generator = chain_.generator, .initial = chain_.initial};
    absolute.rewards.push_back({.name = "", .state_reward_per_s = size, .transition_reward_per_s = everywhere(0.0)});
    Query total = query_;
    total.reward.structure = 0;
    return relative(check_states(absolute, total, interest_, exact_).upper);
  }

  Vector of_passage(const PassageFormula& passage) const {
    if (passage.measure == PassageMeasure::kVariance) return of_variance();
    return relative(largest(answer_), passage.measure == PassageMeasure::kMoment ? passage.order : 1);
  }

  /// E[T^2] = V + m^2 moves by 2 e of itself, m^2 by less than 2.5 e of itself, if the mean m moves by e of itself.
  Vector of_variance() const {
    Query mean = query_;
    mean.passage.measure = PassageMeasure::kMean;
    const Vector m = check_states(chain_, mean, interest_, exact_).upper;
    return relative(2.0 * answer_.upper + 4.5 * m.cwiseAbs2());
  }

  const LabelledChain& chain_;
  const Query& query_;
  const StateSet& interest_;
  const StateAnswer& answer_;
  CheckOptions exact_;
  double error_;
  double per_s_;
};

}  // namespace

Vector rate_perturbation(const LabelledChain& chain, const Query& query, const StateSet& interest,
                         const CheckOptions& options, const StateAnswer& answer) {
  Vector result = Perturbation(chain, query, interest, options, answer).of_answer();
  for (Index i = 0; i < result.size(); ++i) {
    if (!interest[static_cast<std::size_t>(i)] || same_for_all(query, answer.lower(i), answer.upper(i)))
      result(i) = 0.0;
  }
  return result;
}

}  // namespace windtunnel::solvers
