// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/requests/latency_law.h"

#include <cmath>

#include "test/catch.h"

namespace windtunnel::modeling {
namespace {

TEST_CASE("Quantiles of a smooth law follow it between the cells", "[serving][latency]") {
  // Exponential of mean 1 s in 20,000 atoms: the q-quantile is -log(1 - q).
  constexpr int kAtoms = 20000;
  const auto law_of = [](double scale) {
    LatencyLaw law;
    for (int i = 0; i < kAtoms; ++i) law.add(-scale * std::log1p(-(i + 0.5) / kAtoms), 1.0 / kAtoms);
    return law;
  };
  const LatencyLaw law = law_of(1.0);
  for (const double q : {0.1, 0.5, 0.9, 0.99}) CHECK(law.quantile_s(q) == Approx(-std::log1p(-q)).epsilon(3e-4));
  // A law a tenth of a percent longer has quantiles as much longer: no jumps from cell to cell.
  for (const double q : {0.1, 0.5, 0.9, 0.99})
    CHECK(law_of(1.001).quantile_s(q) / law.quantile_s(q) == Approx(1.001).epsilon(2e-4));
}

TEST_CASE("Atoms keep their values", "[serving][latency]") {
  LatencyLaw law;
  law.add(1.0, 0.5);
  law.add(1.02, 0.3);
  law.add(2.0, 0.2);
  CHECK(law.quantile_s(0.01) == 1.0);
  CHECK(law.quantile_s(0.5) == 1.0);
  CHECK(law.quantile_s(0.51) == 1.02);
  CHECK(law.quantile_s(0.8) == 1.02);
  CHECK(law.quantile_s(0.81) == 2.0);
  CHECK(law.quantile_s(0.99) == 2.0);
  CHECK(std::isnan(LatencyLaw().quantile_s(0.5)));
}

}  // namespace
}  // namespace windtunnel::modeling
