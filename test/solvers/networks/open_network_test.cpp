// SPDX-License-Identifier: Apache-2.0
// Open networks against closed forms, and against the chain of a network that is cut off far out.
#include "solvers/networks/open_network.h"

#include <stdexcept>

#include "solvers/long_run/stationary.h"
#include "solvers/prism/model_file.h"
#include "test/catch.h"

namespace windtunnel::solvers {
namespace {

OpenNetwork network(std::vector<OpenStation> stations, const Matrix& routing) {
  return {std::move(stations), routing};
}

TEST_CASE("Queues in a row are as if each were alone", "[solvers][networks]") {
  // Burke: sum of rho / (1 - rho); Little's law for the response.
  Matrix routing = Matrix::Zero(3, 3);
  routing(0, 1) = routing(1, 2) = 1.0;
  const auto found = solve_open_network(
      network({{.service_per_s = 3.0, .arrival_per_s = 1.5}, {.service_per_s = 2.0}, {.service_per_s = 6.0}}, routing));
  CHECK(found.customers == Approx(1.0 + 3.0 + 1.0 / 3).epsilon(1e-14));
  CHECK(found.response_s == Approx((1.0 + 3.0 + 1.0 / 3) / 1.5).epsilon(1e-14));
}

TEST_CASE("A customer who comes back is one more customer", "[solvers][networks]") {
  // One station, back with probability p: lambda / (1 - p) through it; also where p is so near to 1 that 1 - p has few
  // digits left in a decimal.
  const double back = GENERATE(0.25, 0.9, 1.0 - 0x1p-20);
  const double service = 2.0 / (1.0 - back);
  const auto found =
      solve_open_network(network({{.service_per_s = service, .arrival_per_s = 1.0}}, Matrix::Constant(1, 1, back)));
  CHECK(found.throughput_per_s(0) == Approx(1.0 / (1.0 - back)).epsilon(1e-12));
  CHECK(found.customers == Approx(1.0).epsilon(1e-12));
}

TEST_CASE("Two servers and unlimited ones", "[solvers][networks]") {
  // M/M/2: 2 rho / (1 - rho^2) customers; M/M/infinity: the offered load.
  Matrix routing = Matrix::Zero(2, 2);
  routing(0, 1) = 0.5;
  const auto found = solve_open_network(network(
      {{.service_per_s = 1.0, .servers = 2, .arrival_per_s = 1.2}, {.service_per_s = 0.1, .servers = 0}}, routing));
  CHECK(found.stations[0].customers == Approx(1.2 / (1.0 - 0.36)).epsilon(1e-14));
  CHECK(found.stations[1].customers == Approx(6.0).epsilon(1e-14));
  CHECK(found.stations[1].waiting_s == 0.0);
}

TEST_CASE("Feedback between two stations agrees with the chain of both queues", "[solvers][networks]") {
  // 40 places each: what is cut off at loads of 0.48 and 0.4 is below 1e-11.
  Matrix routing(2, 2);
  routing << 0.0, 0.5, 0.25, 0.25;
  const auto found =
      solve_open_network(network({{.service_per_s = 2.5, .arrival_per_s = 1.0}, {.service_per_s = 2.0}}, routing));
  const LabelledChain chain = prism::build_model(
                                  "ctmc module both a:[0..40]; b:[0..40]; [] a<40 -> 1:(a'=a+1);\n"
                                  "[] a>0 & b<40 -> 1.25:(a'=a-1)&(b'=b+1); [] a>0 -> 1.25:(a'=a-1);\n"
                                  "[] b>0 & a<40 -> 0.5:(b'=b-1)&(a'=a+1); [] b>0 -> 1:(b'=b-1); endmodule",
                                  "network.prism")
                                  .chain;
  const Vector pi = solve_stationary(chain.generator).probability;
  double customers[2] = {0.0, 0.0};
  for (Index i = 0; i < chain.states(); ++i) {
    for (std::size_t k = 0; k < 2; ++k) {
      customers[k] += pi(i) * static_cast<double>(chain.values.value(i, chain.values.variables[k]));
    }
  }
  CHECK(found.stations[0].customers == Approx(customers[0]).epsilon(1e-9));
  CHECK(found.stations[1].customers == Approx(customers[1]).epsilon(1e-9));
}

TEST_CASE("Open networks that cannot be", "[solvers][networks]") {
  const OpenStation busy{.service_per_s = 1.0, .arrival_per_s = 2.0};
  const auto solve = [](const std::vector<OpenStation>& stations, const Matrix& routing) {
    return solve_open_network({stations, routing});
  };
  CHECK_THROWS_WITH(solve({busy}, Matrix::Zero(1, 1)), "station 0: unstable: arrival_rate 2 /s, capacity 1 /s");
  CHECK_THROWS_WITH(solve({busy}, Matrix::Zero(2, 2)), "1 stations and a routing of 2 x 2");
  CHECK_THROWS_WITH(solve({busy}, Matrix::Constant(1, 1, 1.0)), "customers never leave from station 0");
  CHECK_THROWS_WITH(solve({busy}, Matrix::Constant(1, 1, 1.5)),
                    "station 0: routing is no row of probabilities, they sum to 1.5");
  CHECK_THROWS_WITH(solve({{.service_per_s = 0.0}}, Matrix::Zero(1, 1)),
                    "station 0: service rate 0 is not a finite number > 0");
  CHECK_THROWS_WITH(solve({{.service_per_s = 1.0}}, Matrix::Zero(1, 1)), "nobody arrives");
}

}  // namespace
}  // namespace windtunnel::solvers
