// SPDX-License-Identifier: Apache-2.0
#include "solvers/precedence/gaussian_makespan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "solvers/precedence/gaussian_max.h"

namespace windtunnel::solvers {
namespace {

// A point in time with its covariances to the ends of all nodes placed so far.
struct Instant {
  double mean_s = 0.0;
  double variance_s2 = 0.0;
  Eigen::RowVectorXd covariance_s2;
};

class Recursion {
 public:
  explicit Recursion(const PrecedenceGraph& graph) : graph_(graph), covariance_s2_(graph.nodes(), graph.nodes()) {
    covariance_s2_.setZero();
    result_.end.resize(graph.nodes());
  }

  GaussianMakespan run() {
    for (const int node : graph_.topological_order()) place(node);
    std::vector<int> last;
    for (int node = 0; node < graph_.nodes(); ++node)
      if (graph_.is_last(node)) last.push_back(node);
    const Instant end = latest(last);
    result_.makespan = {end.mean_s, end.variance_s2};
    return std::move(result_);
  }

 private:
  Instant instant(int node) const {
    return {result_.end[node].mean_s, result_.end[node].variance_s2, covariance_s2_.row(node)};
  }

  Instant latest(std::span<const int> nodes) const {
    if (nodes.empty()) return {0.0, 0.0, Eigen::RowVectorXd::Zero(graph_.nodes())};
    Instant latest = instant(nodes.front());
    for (const int node : nodes.subspan(1)) latest = later(latest, node);
    return latest;
  }

  // A maximum of approximations can correlate by rounding more than its variances allow: the covariance is cut to the
  // bound.
  Instant later(const Instant& x, int node) const {
    const MeanVariance& y = result_.end[node];
    const double most = std::sqrt(x.variance_s2 * y.variance_s2);
    const double covariance = std::clamp(x.covariance_s2(node), -most, most);
    const GaussianMaximum maximum = gaussian_maximum(x.mean_s, x.variance_s2, y.mean_s, y.variance_s2, covariance);
    return {maximum.mean_s, maximum.variance_s2,
            maximum.first_is_larger * x.covariance_s2 + (1.0 - maximum.first_is_larger) * covariance_s2_.row(node)};
  }

  // A node's own duration is independent of all that is placed, so only the variance grows.
  void place(int node) {
    const Instant start = latest(graph_.predecessors(node));
    const CentralMoments& own = graph_.duration(node).moments();
    result_.end[node] = {start.mean_s + own.mean_s, start.variance_s2 + own.variance_s2};
    covariance_s2_.row(node) = start.covariance_s2;
    covariance_s2_.col(node) = start.covariance_s2.transpose();
    covariance_s2_(node, node) = result_.end[node].variance_s2;
  }

  const PrecedenceGraph& graph_;
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> covariance_s2_;
  GaussianMakespan result_;
};

}  // namespace

GaussianMakespan gaussian_makespan(const PrecedenceGraph& graph) {
  if (graph.nodes() > 16'384)
    throw std::invalid_argument(
        fmt::format("Gaussian makespan of {} nodes, expected at most 16384: covariances take nodes^2", graph.nodes()));
  return Recursion(graph).run();
}

}  // namespace windtunnel::solvers
