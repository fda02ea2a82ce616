// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/health/independent_counts.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

namespace {

using solvers::Index;
using solvers::Vector;

/// Domains fail and come back independently: a binomial number of them is down. Cut where kCountTail is left.
Vector domains_down(const DomainKind& kind) {
  const double p = kind.failure_per_s / (kind.failure_per_s + kind.repair_per_s);
  if (p == 0.0) return Vector::Ones(1);
  const auto count = static_cast<double>(kind.count);
  const auto log_probability = [&](double k) {
    return std::lgamma(count + 1.0) - std::lgamma(k + 1.0) - std::lgamma(count - k + 1.0) + k * std::log(p) +
           (count - k) * std::log1p(-p);
  };
  std::vector<double> law;
  for (double k = 0.0; k <= count; ++k) {
    law.push_back(std::exp(log_probability(k)));
    if (k > count * p && law.back() < kCountTail) break;
  }
  Vector probability = Eigen::Map<Vector>(law.data(), static_cast<Index>(law.size()));
  return probability / probability.sum();
}

/// Failures per second that the joint chain does not have: E[rate(i) - rate(i + D)]. The difference grows with i, and
/// i is never smaller here than there.
double extra_failures_per_s(const NodeHealth& health, const Vector& broken, const Vector& in_domains) {
  double rate = 0.0;
  for (Index i = 0; i < broken.size(); ++i) {
    const double full = node_failure_per_s(health, i);
    for (Index d = 1; d < in_domains.size(); ++d)
      if (in_domains(d) > 0.0) rate += broken(i) * in_domains(d) * (full - node_failure_per_s(health, i + d));
  }
  return rate;
}

/// Of `nodes` times the count.
Vector scaled_law(const Vector& law, Count nodes) {
  Vector scaled = Vector::Zero((law.size() - 1) * nodes + 1);
  for (Index k = 0; k < law.size(); ++k) scaled(k * nodes) = law(k);
  return scaled;
}

}  // namespace

Vector sum_law(const Vector& a, const Vector& b) {
  Vector sum = Vector::Zero(a.size() + b.size() - 1);
  for (Index k = 0; k < b.size(); ++k)
    if (b(k) > 0.0) sum.segment(k, a.size()) += b(k) * a;
  return sum;
}

IndependentCounts independent_counts(const NodeHealth& health, const Vector& broken) {
  IndependentCounts counts{.broken = broken};
  for (const DomainKind& kind : health.domains) counts.domains.push_back(domains_down(kind));
  const double extra = extra_failures_per_s(health, broken, nodes_in_domains(health, counts));
  if (!health.repair_crews) counts.bound = extra * health.repair.mean_s;
  return counts;
}

Vector nodes_in_domains(const NodeHealth& health, const IndependentCounts& counts, std::optional<std::size_t> without) {
  Vector law = Vector::Ones(1);
  for (std::size_t kind = 0; kind < counts.domains.size(); ++kind)
    if (kind != without) law = sum_law(law, scaled_law(counts.domains[kind], health.domains[kind].nodes));
  return law;
}

}  // namespace windtunnel::modeling
