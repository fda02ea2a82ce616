// SPDX-License-Identifier: Apache-2.0
// Law of the total of a random number of equal whole-numbered parts: the work that so many prompts bring, in quanta.
#pragma once

#include <vector>

namespace windtunnel::modeling {

/// The number of parts, of the family p_n = (a + b / n) p_{n-1}: Poisson of mean b (a = 0) or negative binomial
/// (0 < a < 1).
struct CountFamily {
  double a = 0.0;
  double b = 0.0;
};

/// g_n = sum over j of (a + b j / n) f_j g_{n-j} / (1 - a f_0) for 1 <= n < size, g_0 = `nothing`; zeros once the sum
/// has reached `enough`. Source: Panjer, ASTIN Bulletin 12, 1981.
std::vector<double> compound_law(const CountFamily& count, const std::vector<double>& part, double nothing, int size,
                                 double enough = 1.0);

}  // namespace windtunnel::modeling
