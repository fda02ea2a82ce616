// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/queue_approximations.h"

#include <cmath>

#include "solvers/phase_type/phase_type_fit.h"
#include "solvers/queues/map_ph_1.h"
#include "solvers/queues/queues.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

TEST_CASE("Approximations are exact where they should be", "[solvers][gg1]") {
  const double rho = GENERATE(0.2, 0.9);
  const TwoMomentQueue mm1_queue{rho, 1.0, 1.0, 1.0, 1};
  const double exact = mm1(rho, 1.0).waiting_s;
  CHECK(allen_cunneen_waiting_s(mm1_queue) == Approx(exact).epsilon(1e-13));
  CHECK(kraemer_langenbach_belz_waiting_s(mm1_queue) == Approx(exact).epsilon(1e-13));
  CHECK(marchal_waiting_s(mm1_queue) == Approx(exact).epsilon(1e-13));
  CHECK(kimura_waiting_s(mm1_queue) == Approx(exact).epsilon(1e-13));
  const double scv = 0.3;
  const double general = mg1(rho, fit_phase_type(1.0, scv).moments()).averages.waiting_s;
  CHECK(allen_cunneen_waiting_s({rho, 1.0, 1.0, scv, 1}) == Approx(general).epsilon(1e-12));
  CHECK(marchal_waiting_s({rho, 1.0, 1.0, scv, 1}) == Approx(general).epsilon(1e-12));
  CHECK(kimura_waiting_s({rho, 1.0, 1.0, scv, 1}) == Approx(general).epsilon(1e-12));
  CHECK(kimura_waiting_s({3.0 * rho, 1.0, 1.0, 1.0, 3}) == Approx(mmc(3.0 * rho, 1.0, 3).waiting_s).epsilon(1e-13));
}

TEST_CASE("Bounds hold the exact PH/PH/1, approximations are near it under load", "[solvers][gg1]") {
  const double arrival_scv = GENERATE(0.25, 1.0, 4.0), service_scv = GENERATE(0.1, 1.0, 5.0);
  const double rho = GENERATE(0.3, 0.8, 0.95);
  const TwoMomentQueue queue{rho, arrival_scv, 1.0, service_scv, 1};
  const double exact =
      solve_map_ph_1(renewal_arrivals(fit_phase_type(1.0 / rho, arrival_scv)), fit_phase_type(1.0, service_scv))
          .waiting_s;
  CHECK(marchal_lower_bound_s(queue) <= exact);
  CHECK(exact <= kingman_upper_bound_s(queue));
  if (rho < 0.8) return;
  // Heavy traffic: a few per cent of the wait, plus what light traffic would add.
  CHECK(kraemer_langenbach_belz_waiting_s(queue) == Approx(exact).epsilon(0.2));
  CHECK(allen_cunneen_waiting_s(queue) == Approx(exact).epsilon(0.3));
}

TEST_CASE("Kimura's M/D/c follows the published factor", "[solvers][gg1]") {
  // Cosmetatos: W(M/D/c) = W(M/M/c) (1 + (1 - rho)(c - 1)(sqrt(4 + 5 c) - 2) / (16 c rho)) / 2.
  const double waiting = kimura_waiting_s({1.0, 1.0, 1.0, 0.0, 2});
  CHECK(waiting ==
        Approx(mmc(1.0, 1.0, 2).waiting_s * 0.5 * (1.0 + 0.5 * (std::sqrt(14.0) - 2.0) / 16.0)).epsilon(1e-12));
}

TEST_CASE("Impossible two-moment queues are refused", "[solvers][gg1]") {
  CHECK_THROWS_WITH(kingman_upper_bound_s({50.0, 1.0, 41.0, 1.0, 1}), "unstable: arrival_rate 50 /s, capacity 41 /s");
  CHECK_THROWS_WITH(kingman_upper_bound_s({1.0, 1.0, 1.0, 1.0, 2}), "2 servers, expected 1");
  CHECK_THROWS_WITH(kimura_waiting_s({1.0, -1.0, 2.0, 1.0, 1}), "arrival scv -1 is not a finite number >= 0");
  CHECK_THROWS_WITH(allen_cunneen_waiting_s({0.0, 1.0, 2.0, 1.0, 1}), "arrival rate 0 is not a finite number > 0");
}
