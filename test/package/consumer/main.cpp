// SPDX-License-Identifier: Apache-2.0
// Uses both libraries as another project would: a queue solved as a Markov chain, and a spec evaluated.
#include <cmath>
#include <cstdio>
#include <exception>
#include <vector>

#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"
#include "solvers/chain/generator.h"
#include "solvers/long_run/stationary.h"

namespace {

namespace modeling = windtunnel::modeling;
namespace solvers = windtunnel::solvers;

/// Mean number in an M/M/1/K queue, from its stationary distribution.
double mean_queue_length(double arrival_rate_per_s, double service_rate_per_s, solvers::Index capacity) {
  std::vector<solvers::Transition> transitions;
  for (solvers::Index waiting = 0; waiting < capacity; ++waiting) {
    transitions.push_back({waiting, waiting + 1, arrival_rate_per_s});
    transitions.push_back({waiting + 1, waiting, service_rate_per_s});
  }
  const auto solution = solvers::solve_stationary(solvers::Generator(capacity + 1, transitions));
  if (!solution.usable()) throw modeling::NoAnswerError(solution.message);
  double mean = 0.0;
  for (solvers::Index waiting = 0; waiting <= capacity; ++waiting) {
    mean += static_cast<double>(waiting) * solution.probability(waiting);
  }
  return mean;
}

void print_queue() {
  // At load 1 all K + 1 states are equally likely: the mean is K / 2.
  const double mean = mean_queue_length(1.0, 1.0, 20);
  std::printf("mean queue length %.6f\n", mean);
  if (std::abs(mean - 10.0) > 1e-9) throw modeling::NoAnswerError("expected 10");
}

void print_step_time(const char* spec_file) {
  const modeling::Report report = modeling::evaluate(modeling::load_spec(spec_file));
  const auto step_time_s = modeling::find_measure(report, "step_time_mean_s");
  if (!step_time_s) throw modeling::NoAnswerError(report.failure);
  std::printf("step time %.6f s\n", *step_time_s);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    print_queue();
    for (int i = 1; i < argc; ++i) print_step_time(argv[i]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
