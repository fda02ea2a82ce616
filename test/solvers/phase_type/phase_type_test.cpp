// SPDX-License-Identifier: Apache-2.0
#include "solvers/phase_type/phase_type.h"

#include <Eigen/LU>
#include <cmath>
#include <functional>
#include <vector>

#include "solvers/phase_type/phase_type_curve.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

double factorial(int n) {
  return n <= 1 ? 1.0 : n * factorial(n - 1);
}

// A chain with a way back, so that it does not feed forward.
PhaseType looping() {
  Eigen::MatrixXd rates(3, 3);
  rates << -3.0, 2.0, 0.5, 1.0, -4.0, 2.0, 0.25, 0.75, -2.0;
  return from_sub_generator(Eigen::Vector3d(0.5, 0.3, 0.2), rates, 0.0);
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("Raw moments of an Erlang are rising factorials", "[solvers][phase_type]") {
  // E[X^m] = k (k+1) ... (k+m-1) / rate^m.
  const int phases = GENERATE(1, 2, 7, 50);
  const double rate = GENERATE(0.001, 1.0, 3e6);
  const auto raw = erlang(phases, rate).moments().raw();
  double expected = 1.0;
  for (int m = 1; m <= 4; ++m) {
    expected *= (phases + m - 1) / rate;
    CHECK(raw[m - 1] == Approx(expected).epsilon(1e-13));
  }
}

TEST_CASE("Raw moments of a hyperexponential are m! sum p / rate^m", "[solvers][phase_type]") {
  const std::vector<double> p = {0.2, 0.5, 0.3}, rate = {0.01, 1.0, 250.0};
  const auto raw = hyperexponential(p, rate).moments().raw();
  for (int m = 1; m <= 4; ++m) {
    double expected = 0.0;
    for (size_t i = 0; i < p.size(); ++i) expected += factorial(m) * p[i] / std::pow(rate[i], m);
    CHECK(raw[m - 1] == Approx(expected).epsilon(1e-13));
  }
}

TEST_CASE("Moments of a general sub-generator are m! alpha (-T)^-m 1", "[solvers][phase_type]") {
  // Neuts, Matrix-Geometric Solutions, 2.2.7; here by a dense inverse, in the library by elimination without
  // subtraction.
  Eigen::MatrixXd rates(3, 3);
  rates << -3.0, 2.0, 0.5, 1.0, -4.0, 2.0, 0.25, 0.75, -2.0;
  const Eigen::MatrixXd inverse = (-rates).inverse();
  const Eigen::RowVector3d alpha(0.5, 0.3, 0.2);
  const auto raw = looping().moments().raw();
  Eigen::RowVectorXd power = alpha;
  for (int m = 1; m <= 4; ++m) {
    power = power * inverse;
    CHECK(raw[m - 1] == Approx(factorial(m) * power.sum()).epsilon(1e-12));
  }
}

TEST_CASE("A large floor leaves the digits of a small jitter", "[solvers][phase_type]") {
  // 1 h floor, jitter of mean 1 us: the variance is 1e-12 s^2, beyond the reach of E[X^2] - E[X]^2.
  const PhaseType jittered = shifted(exponential(1e6), 3600.0);
  CHECK(jittered.variance_s2() == Approx(1e-12).epsilon(1e-14));
  CHECK(jittered.moments().third_s3 == Approx(2e-18).epsilon(1e-14));
  CHECK(jittered.mean_s() == Approx(3600.000001).epsilon(1e-15));
}

TEST_CASE("Moments add under convolution", "[solvers][phase_type]") {
  const PhaseType x = shifted(erlang(3, 2.0), 0.25), y = looping(), z = constant(1.5);
  const PhaseType total = convolution(std::vector<PhaseType>{x, y, z});
  const CentralMoments expected = sum(sum(x.moments(), y.moments()), z.moments());
  CHECK(total.phases() == 6);
  CHECK(total.shift_s() == 1.75);
  CHECK(total.mean_s() == Approx(expected.mean_s).epsilon(1e-13));
  CHECK(total.variance_s2() == Approx(expected.variance_s2).epsilon(1e-13));
  CHECK(total.moments().third_s3 == Approx(expected.third_s3).epsilon(1e-13));
  CHECK(total.moments().fourth_s4 == Approx(expected.fourth_s4).epsilon(1e-13));
}

TEST_CASE("Convolution of equal exponentials is an Erlang, atoms are passed over", "[solvers][phase_type]") {
  const PhaseType step = exponential(4.0);
  PhaseTypeCurve sum_of_three(convolution(std::vector<PhaseType>(3, step))), exact(erlang(3, 4.0));
  for (const double t : {0.01, 0.5, 2.0, 9.0})
    CHECK(sum_of_three.survival(t) == Approx(exact.survival(t)).epsilon(1e-13));
  // A stage that is left out with probability 0.75: atom 0.75^2, else one or two stages.
  const PhaseType rare(0.0, Eigen::VectorXd::Constant(1, 0.25), PhaseType::Rates(1, 1),
                       Eigen::VectorXd::Constant(1, 4.0));
  const PhaseType twice = convolution(rare, rare);
  CHECK(twice.atom() == Approx(0.5625).epsilon(1e-14));
  CHECK(twice.mean_s() == Approx(2 * 0.25 / 4.0).epsilon(1e-14));
  PhaseTypeCurve curve(twice);
  const double t = 0.3, one = std::exp(-4.0 * t), two = one * (1.0 + 4.0 * t);
  CHECK(curve.survival(t) == Approx(2 * 0.25 * 0.75 * one + 0.0625 * two).epsilon(1e-13));
}

TEST_CASE("Repeated moments equal repeated convolution", "[solvers][phase_type]") {
  const PhaseType step = hyperexponential(std::vector{0.9, 0.1}, std::vector{3.0, 0.2});
  const CentralMoments exact = convolution(std::vector<PhaseType>(9, step)).moments();
  const CentralMoments added = repeated(step.moments(), 9);
  CHECK(added.mean_s == Approx(exact.mean_s).epsilon(1e-13));
  CHECK(added.variance_s2 == Approx(exact.variance_s2).epsilon(1e-13));
  CHECK(added.third_s3 == Approx(exact.third_s3).epsilon(1e-12));
  CHECK(added.fourth_s4 == Approx(exact.fourth_s4).epsilon(1e-12));
}

TEST_CASE("The minimum of independent durations survives with the product of survivals", "[solvers][phase_type]") {
  const PhaseType x = shifted(erlang(3, 2.0), 0.5), y = shifted(looping(), 0.5);
  PhaseTypeCurve first(x), second(y), both(minimum(x, y));
  CHECK(both.duration().phases() == 9);
  for (const double t : {0.2, 0.6, 1.5, 4.0, 20.0})
    CHECK(both.survival(t) == Approx(first.survival(t) * second.survival(t)).epsilon(1e-12));
}

TEST_CASE("A mixture mixes distributions and moments", "[solvers][phase_type]") {
  const std::vector<PhaseType> parts = {erlang(4, 3.0), exponential(0.1), looping()};
  const std::vector<double> weights = {0.5, 0.2, 0.3};
  const PhaseType mixed = mixture(weights, parts);
  PhaseTypeCurve curve(mixed);
  for (const double t : {0.05, 1.0, 12.0}) {
    double expected = 0.0;
    for (size_t i = 0; i < parts.size(); ++i) expected += weights[i] * PhaseTypeCurve(parts[i]).survival(t);
    CHECK(curve.survival(t) == Approx(expected).epsilon(1e-13));
  }
  std::vector<CentralMoments> moments;
  for (const PhaseType& part : parts) moments.push_back(part.moments());
  const CentralMoments expected = mixture(weights, moments);
  CHECK(mixed.variance_s2() == Approx(expected.variance_s2).epsilon(1e-13));
  CHECK(mixed.moments().fourth_s4 == Approx(expected.fourth_s4).epsilon(1e-13));
}

TEST_CASE("Scaling stretches time", "[solvers][phase_type]") {
  const PhaseType x = shifted(looping(), 0.75);
  PhaseTypeCurve original(x), slow(scaled(x, 1.6));
  for (const double t : {0.5, 1.0, 5.0})
    CHECK(slow.cdf(1.6 * t) == Approx(original.cdf(t)).epsilon(1e-12).margin(1e-300));
  CHECK(slow.duration().scv() == Approx(x.scv()).epsilon(1e-13));
}

TEST_CASE("Impossible phase types are refused by name", "[solvers][phase_type]") {
  const auto triangle = [](double a, double b) {
    Eigen::MatrixXd t(2, 2);
    t << -1.0, a, b, -1.0;
    return t;
  };
  const Eigen::Vector2d start(1.0, 0.0);
  CHECK(message_of([] { erlang(0, 1.0); }) == "phase type: Erlang with 0 phases, expected at least 1");
  CHECK(message_of([] { exponential(0.0); }) == "phase type: Erlang rate 0 is not a finite number > 0");
  CHECK(message_of([] { exponential(NAN); }) == "phase type: Erlang rate nan is not a finite number > 0");
  CHECK(message_of([] { constant(-1.0); }) == "phase type: shift -1 is not a finite number >= 0");
  CHECK(message_of([&] { from_sub_generator(start, triangle(1.0, 1.0)); }) == "phase type: phase 0 never ends");
  CHECK(message_of([&] { from_sub_generator(start, triangle(1.5, 0.0)); }) ==
        "phase type: row of phase 0 sums to 0.5, expected at most 0");
  CHECK(message_of([&] { from_sub_generator(start, triangle(-0.5, 0.0)); }) ==
        "phase type: rate -0.5 from phase 0 to 1 is not a finite number >= 0");
  CHECK(message_of([&] { from_sub_generator(Eigen::Vector2d(0.75, 0.5), triangle(0.5, 0.0)); }) ==
        "phase type: initial probabilities sum to 1.25, expected at most 1");
  CHECK(message_of([] {
          mixture(std::vector{0.5, 0.5}, std::vector{constant(1.0), constant(2.0)});
        }) == "phase type: mixture of shifts 1 and 2 is not phase-type, expected equal shifts");
  CHECK(message_of([] {
          mixture(std::vector{0.5, 0.25}, std::vector{exponential(1.0), exponential(2.0)});
        }) == "mixture weights sum to 0.75, expected 1");
  CHECK(message_of([] {
          hyperexponential(std::vector{1.0}, std::vector{1.0, 2.0});
        }) == "phase type: 1 probabilities and 2 rates of a hyperexponential do not match");
  CHECK(message_of([] { repeated(CentralMoments{}, -1.0); }) ==
        "count -1 of repeated durations is not a finite number >= 0");
}
