// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/quadrature.h"

#include <array>

namespace windtunnel::solvers {
namespace {

// Nodes in [0, 1) and weights of the 15-point Kronrod rule; every second node, from index 1, belongs to the 7-point
// Gauss rule. Source: QUADPACK, routine qk15.
constexpr std::array<double, 8> kNode = {0.991455371120812639206854697526329, 0.949107912342758524526189684047851,
                                         0.864864423359769072789712788640926, 0.741531185599394439863864773280788,
                                         0.586087235467691130294144691693583, 0.405845151377397166906606412076961,
                                         0.207784955007898467600689403773245, 0.0};
constexpr std::array<double, 8> kKronrodWeight = {
    0.022935322010529224963732008058970, 0.063092092629978553290700663189204, 0.104790010322250183839876322541518,
    0.140653259715525918745189590510238, 0.169004726639267902826583426598550, 0.190350578064785409913256402421014,
    0.204432940075298892414161999234649, 0.209482141084727828012999174891714};
constexpr std::array<double, 4> kGaussWeight = {
    0.129484966168869693270611432679082, 0.279705391489276667901467771423780, 0.381830050505118944950369775488975,
    0.417959183673469387755102040816327};

struct Estimate {
  Eigen::Array2d value = Eigen::Array2d::Zero();
  Eigen::Array2d error = Eigen::Array2d::Zero();
};

Estimate gauss_kronrod(const std::function<Eigen::Array2d(double)>& function, double low, double high) {
  const double centre = 0.5 * (low + high), half = 0.5 * (high - low);
  Eigen::Array2d kronrod = Eigen::Array2d::Zero(), gauss = Eigen::Array2d::Zero();
  for (size_t i = 0; i < kNode.size(); ++i) {
    const bool is_centre = i + 1 == kNode.size();
    Eigen::Array2d values = function(centre - half * kNode[i]);
    if (!is_centre) values += function(centre + half * kNode[i]);
    kronrod += kKronrodWeight[i] * values;
    if (i % 2 == 1) gauss += kGaussWeight[i / 2] * values;
  }
  return {half * kronrod, (half * (kronrod - gauss)).abs()};
}

Eigen::Array2d integrate_interval(const std::function<Eigen::Array2d(double)>& function, double low, double high,
                                  const Eigen::Array2d& tolerance, int halvings_left) {
  const Estimate estimate = gauss_kronrod(function, low, high);
  const Eigen::Array2d rounding = 1e-14 * estimate.value.abs();
  if (halvings_left == 0 || (estimate.error <= tolerance.max(rounding)).all()) return estimate.value;
  const double middle = 0.5 * (low + high);
  return integrate_interval(function, low, middle, 0.5 * tolerance, halvings_left - 1) +
         integrate_interval(function, middle, high, 0.5 * tolerance, halvings_left - 1);
}

}  // namespace

Eigen::Array2d integrate(const std::function<Eigen::Array2d(double)>& function, std::span<const double> breakpoints,
                         const Eigen::Array2d& absolute_tolerance) {
  Eigen::Array2d total = Eigen::Array2d::Zero();
  for (size_t i = 0; i + 1 < breakpoints.size(); ++i)
    if (breakpoints[i] < breakpoints[i + 1])
      total += integrate_interval(function, breakpoints[i], breakpoints[i + 1], absolute_tolerance, 30);
  return total;
}

}  // namespace windtunnel::solvers
