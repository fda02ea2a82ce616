// SPDX-License-Identifier: Apache-2.0
// The regularized upper incomplete gamma function: the survival function of a gamma variable.
#pragma once

namespace windtunnel::solvers {

/// Q(shape, x) = P(G > x) for a gamma variable G with this shape > 0 and scale 1; 1 for x <= 0. Series below the mean,
/// continued fraction above; about 1e-13 absolute. Source: DLMF 8.7.1 and 8.9.2.
double gamma_survival(double shape, double x);

}  // namespace windtunnel::solvers
