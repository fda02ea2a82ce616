// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/health/work_moments.h"

#include <algorithm>
#include <cmath>

#include "solvers/transient/chebyshev_steps.h"

namespace windtunnel::modeling {

namespace {

using solvers::ChebyshevSteps;
using solvers::Index;
using solvers::Vector;

class GrowthPath : public WorkPath {
 public:
  explicit GrowthPath(const PacedChain& chain) : pace_(chain.long_run) {
    const double mean_bias = chain.probability.dot(chain.bias);
    start_ = chain.bias(0) - mean_bias;
    const Vector centred = (chain.mean.array() - pace_).matrix();
    const double slow = 2.0 * chain.probability.dot((centred.array() * (chain.bias.array() - mean_bias)).matrix());
    variance_ = chain.probability.dot(chain.variance) + std::max(0.0, slow);
    third_ = chain.probability.dot(chain.third);
  }
  WorkSoFar at(double time_s) override {
    return {.all = {pace_ * time_s + start_, variance_ * time_s, third_ * time_s}};
  }
  long long steps() const override { return 0; }

 private:
  double pace_ = 0.0;
  double start_ = 0.0;
  double variance_ = 0.0;
  double third_ = 0.0;
};

/// Long strides pay where they are longer than a few classical steps.
bool takes_strides(const PacedChain& chain) {
  return chain.stride_s && *chain.stride_s * chain.generator.max_exit_rate() > 4.0;
}

/// Classical steps: where that method is stable for every generator, twice the fastest rate times the step below 2.78.
double moment_step_s(const PacedChain& chain) {
  return takes_strides(chain) ? *chain.stride_s : 1.35 / chain.generator.max_exit_rate();
}

/// Backward equations of the moments m_n of the work beyond r t, c = pace - r:
///   m1' = c + Q m1,  m2' = 2 c m1 + v + Q m2,  m3' = 3 c m2 + 3 v m1 + w + Q m3.
/// Four columns, the last of them idle, so that they fill the registers. Eight: behind them n_0 ... n_3, the same with
/// n_0' = Q n_0 over the states in which the job runs, for runs that never wait; without those, long-run growth takes
/// over once the growth is steady.
template <int kColumns>
class MomentPath : public WorkPath {
 public:
  explicit MomentPath(const PacedChain& chain)
      : chain_(chain),
        centred_(Vector((chain.mean.array() - chain.long_run).matrix())),
        step_s_(moment_step_s(chain)),
        strides_(step_s_, 2.0 * chain.generator.max_exit_rate()) {
    moments_ = Moments::Zero(chain.generator.states(), kColumns);
    if (kIsSplit) moments_.col(4) = chain.runs;
    note();
  }
  WorkSoFar at(double time_s) override {
    const double place = time_s / step_s_;
    while (!is_steady_ && path_.size() < static_cast<std::size_t>(place) + 2) advance();
    const auto last = path_.size() - 2;
    const auto from = std::min(last, static_cast<std::size_t>(place));
    const double after = place - static_cast<double>(from);  // above 1 only in steady growth
    const auto between = [&](double a, double b) { return a + after * (b - a); };
    const auto work = [&](const Cumulants& a, const Cumulants& b) {
      return Cumulants{chain_.long_run * time_s + between(a.mean, b.mean), between(a.variance, b.variance),
                       between(a.third, b.third)};
    };
    const WorkSoFar& a = path_[from];
    const WorkSoFar& b = path_[from + 1];
    return {.all = work(a.all, b.all),
            .never_short_probability = between(a.never_short_probability, b.never_short_probability),
            .never_short = work(a.never_short, b.never_short)};
  }
  long long steps() const override { return static_cast<long long>(path_.size()) - 1; }

 private:
  static constexpr bool kIsSplit = kColumns == 8;
  using Moments = Eigen::Matrix<double, Eigen::Dynamic, kColumns, Eigen::RowMajor>;
  using Row = Eigen::Array<double, 1, kColumns>;

  Moments slope(const Moments& m) const {
    Moments slope(m.rows(), kColumns);
    const solvers::Generator& q = chain_.generator;
    for (Index k = 0; k < m.rows(); ++k) {
      Row flow = Row::Zero();
      for (const auto [to, rate] : q.outgoing().row(k)) flow += rate * (m.row(to).array() - m.row(k).array());
      const double c = centred_(k);
      const double v = chain_.variance(k);
      const double w = chain_.third(k);
      const auto earned = [&](double m0, double m1, double m2, Index first) {
        flow(first) += c * m0;
        flow(first + 1) += 2.0 * c * m1 + v * m0;
        flow(first + 2) += 3.0 * c * m2 + 3.0 * v * m1 + w * m0;
      };
      earned(1.0, m(k, 0), m(k, 1), 0);
      if constexpr (kIsSplit) {
        earned(m(k, 4), m(k, 5), m(k, 6), 5);
        flow.template tail<4>() *= chain_.runs(k);
      }
      slope.row(k) = flow.matrix();
    }
    return slope;
  }
  void advance() {
    if (takes_strides(chain_))
      moments_ = strides_.advance(moments_, [&](const Moments& m) { return slope(m); });
    else
      advance_classically();
    note();
    is_steady_ = !kIsSplit && grows_steadily();
  }
  void advance_classically() {
    const double h = step_s_;
    const Moments k1 = slope(moments_);
    const Moments k2 = slope(moments_ + 0.5 * h * k1);
    const Moments k3 = slope(moments_ + 0.5 * h * k2);
    const Moments k4 = slope(moments_ + h * k3);
    moments_ += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
  }
  static Cumulants cumulants(double m1, double m2, double m3) {
    return {m1, m2 - m1 * m1, m3 - 3.0 * m1 * m2 + 2.0 * m1 * m1 * m1};
  }
  void note() {
    WorkSoFar now{.all = cumulants(moments_(0, 0), moments_(0, 1), moments_(0, 2))};
    if constexpr (kIsSplit) {
      const double p = moments_(0, 4);
      now.never_short_probability = p;
      if (p > 0.0) now.never_short = cumulants(moments_(0, 5) / p, moments_(0, 6) / p, moments_(0, 7) / p);
    }
    path_.push_back(now);
  }
  /// The last step added what the one before it did.
  bool grows_steadily() const {
    constexpr double kSteady = 1e-10;
    if (path_.size() < 3) return false;
    const Cumulants& a = path_[path_.size() - 3].all;
    const Cumulants& b = path_[path_.size() - 2].all;
    const Cumulants& c = path_.back().all;
    const auto steady = [](double x, double y, double z, double scale) {
      return std::abs((z - y) - (y - x)) <= kSteady * scale;
    };
    return steady(a.mean, b.mean, c.mean, chain_.long_run * step_s_) &&
           steady(a.variance, b.variance, c.variance, std::abs(c.variance - b.variance)) &&
           steady(a.third, b.third, c.third, std::abs(c.third - b.third));
  }

  const PacedChain& chain_;
  Vector centred_;
  double step_s_ = 0.0;
  ChebyshevSteps strides_;
  Moments moments_;
  std::vector<WorkSoFar> path_;
  bool is_steady_ = false;
};

}  // namespace

std::shared_ptr<WorkPath> growth_path(const PacedChain& chain) {
  return std::make_shared<GrowthPath>(chain);
}

std::shared_ptr<WorkPath> moment_path(const PacedChain& chain, bool split) {
  if (split) return std::make_shared<MomentPath<8>>(chain);
  return std::make_shared<MomentPath<4>>(chain);
}

double moment_path_work(const PacedChain& chain, bool split, double time_s) {
  const solvers::Generator& q = chain.generator;
  const double step_s = moment_step_s(chain);
  const int slopes = takes_strides(chain) ? ChebyshevSteps(step_s, 2.0 * q.max_exit_rate()).stages() : 4;
  return time_s / step_s * slopes * static_cast<double>(q.transitions() + 4 * q.states()) * (split ? 8.0 : 4.0);
}

}  // namespace windtunnel::modeling
