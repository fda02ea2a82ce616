// SPDX-License-Identifier: Apache-2.0
// Balls in bins and max-min fair flows against enumeration, closed forms and each other.
#include <cmath>
#include <vector>

#include "solvers/networks/max_min_flows.h"
#include "solvers/numerics/balls_in_bins.h"
#include "solvers/numerics/confidence.h"
#include "solvers/numerics/random.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

/// P(fullest <= k) by visiting all bins^balls outcomes.
double by_enumeration(int balls, int bins, int k) {
  long outcomes = 1;
  for (int b = 0; b < balls; ++b) outcomes *= bins;
  long good = 0;
  for (long code = 0; code < outcomes; ++code) {
    std::vector<int> count(bins, 0);
    int fullest = 0;
    for (long rest = code, b = 0; b < balls; ++b, rest /= bins) fullest = std::max(fullest, ++count[rest % bins]);
    if (fullest <= k) ++good;
  }
  return static_cast<double>(good) / static_cast<double>(outcomes);
}

}  // namespace

TEST_CASE("the fullest bin agrees with enumeration of all outcomes", "[solvers][balls]") {
  const int balls = GENERATE(2, 3, 6, 8);
  const int bins = GENERATE(2, 3, 5);
  const FullestBin fullest(balls, bins);
  for (int k = 0; k <= balls; ++k) {
    CAPTURE(balls, bins, k);
    CHECK(fullest.cdf(k) == Approx(by_enumeration(balls, bins, k)).margin(1e-13));
  }
}

TEST_CASE("no two balls share a bin: the birthday product", "[solvers][balls]") {
  // P(fullest <= 1) = n! / (n - m)! / n^m.
  double birthday = 1.0;
  for (int m = 0; m < 23; ++m) birthday *= (365.0 - m) / 365.0;
  CHECK(FullestBin(23, 365).cdf(1) == Approx(birthday).epsilon(1e-10));
  CHECK(FullestBin(7, 1).cdf(6) == 0.0);
  CHECK(FullestBin(7, 1).cdf(7) == 1.0);
  CHECK(FullestBin(0, 4).cdf(0) == 1.0);
  CHECK_THROWS_AS(FullestBin(1, 0), std::invalid_argument);
}

TEST_CASE("many balls: the mean of the fullest bin agrees with simulation", "[solvers][balls]") {
  const int balls = GENERATE(32, 512);
  const int bins = 32;
  const FullestBin fullest(balls, bins);
  double mean = fullest.least();
  for (int k = fullest.least(); k < fullest.most(); ++k) mean += 1.0 - fullest.cdf(k);
  RandomSource random(5);
  std::vector<double> samples;
  for (int sample = 0; sample < 4000; ++sample) {
    std::vector<int> count(bins, 0);
    int most = 0;
    for (int b = 0; b < balls; ++b) most = std::max(most, ++count[static_cast<int>(random.uniform() * bins)]);
    samples.push_back(most);
  }
  CHECK(mean_estimate(samples, 0.999).contains(mean));
}

TEST_CASE("max-min fair rates: the textbook line network", "[solvers][flows]") {
  // Three links in a row of capacity 1, 2, 1; one flow over all, one over each. The long flow and the first share link
  // 0 and 2 equally (1/2); the flow on link 1 takes the rest, 3/2.
  const std::vector<Flow> flows = {{{0, 1, 2}}, {{0}}, {{1}}, {{2}}};
  const std::vector<double> rates = max_min_rates({1.0, 2.0, 1.0}, flows);
  CHECK(rates[0] == Approx(0.5));
  CHECK(rates[1] == Approx(0.5));
  CHECK(rates[2] == Approx(1.5));
  CHECK(rates[3] == Approx(0.5));
  // Flow 2 ends at 2/3; the others at 2: link 0 and 2 carry two units each.
  const std::vector<double> ends = completion_times({1.0, 2.0, 1.0}, flows);
  CHECK(ends[2] == Approx(2.0 / 3.0));
  CHECK(ends[0] == Approx(2.0));
  CHECK_THROWS_AS(max_min_rates({1.0}, {{{1}}}), std::invalid_argument);
}

TEST_CASE("equal flows end when the fullest link is through", "[solvers][flows]") {
  RandomSource random(11);
  for (int round = 0; round < 50; ++round) {
    std::vector<double> capacity;
    for (int link = 0; link < 6; ++link) capacity.push_back(0.5 + random.uniform());
    std::vector<double> load(6, 0.0);
    std::vector<Flow> flows;
    for (int f = 0; f < 12; ++f) {
      const int a = static_cast<int>(random.uniform() * 3), b = 3 + static_cast<int>(random.uniform() * 3);
      flows.push_back({{a, b}});
      load[a] += 1.0 / capacity[a];
      load[b] += 1.0 / capacity[b];
    }
    const std::vector<double> ends = completion_times(capacity, flows);
    CHECK(*std::max_element(ends.begin(), ends.end()) == Approx(*std::max_element(load.begin(), load.end())));
  }
}
