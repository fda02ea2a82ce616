// SPDX-License-Identifier: Apache-2.0
// Points per second of a sweep on two threads and CPU time per point: reading the changed spec, evaluating, keeping the
// row. Fails when a point has no answer.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "bench/cpu_clock.h"
#include "modeling/evaluate.h"
#include "modeling/studies/what_if/sweep.h"

using namespace windtunnel::modeling;

int main(int argc, char** argv) {
  const char* spec = argc > 1 ? argv[1] : WINDTUNNEL_SOURCE_DIR "/test/program/small_training.yaml";
  const char* axis = argc > 2 ? argv[2] : "cluster.scale_out.bandwidth=log(100..800:2000) Gb/s";
  const SweepPlan plan(YamlDocument::load(spec), {parse_sweep_axis(axis)});
  const windtunnel::bench::CpuClock cpu;
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<SweepRow> rows = run_sweep(plan, evaluate_in_detail, {.jobs = 2});
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (const SweepRow& row : rows) {
    if (row.ok) continue;
    fmt::print(stderr, "no answer: {}\n", row.status);
    return EXIT_FAILURE;
  }
  const auto points = static_cast<double>(rows.size());
  fmt::print("sweep {}: {} points in {:.3f} s on two threads, {:.0f} points/s; CPU {:.4f} ms a point\n", spec,
             rows.size(), elapsed, points / elapsed, 1e3 * cpu.seconds() / points);
  return EXIT_SUCCESS;
}
