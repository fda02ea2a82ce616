// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/table_report.h"

#include "test/catch.h"
#include "test/modeling/report/sample_report.h"

namespace windtunnel::modeling {
namespace {

TEST_CASE("The table holds the answer, its parts and its chains", "[report][table]") {
  CHECK(table_report(sample_report()) ==
        "A small job on 8 devices\n"
        "compute-bound: 75 % of the step\n"
        "\n"
        "measures\n"
        "  step_time_mean_s    100 ms\n"
        "  mfu_ratio           0.4012\n"
        "  job_mttf_s         unknown\n"
        "  spare_s           infinite\n"
        "\n"
        "activity\n"
        "  compute  75.00 %  ##############################\n"
        "  memory   25.00 %  ##########\n"
        "\n"
        "memory_bytes\n"
        "  weights    3 GB  ##############################\n"
        "  gradients  1 GB  ##########\n"
        "\n"
        "network\n"
        "  scale_up_slowdown_ratio  1.5\n"
        "\n"
        "chains\n"
        "  device  3 states, 4 transitions, gth (asked: automatic), residual < 1e-16, error bound < 1e-13\n");
}

TEST_CASE("Colour only when asked, and never the only carrier of a meaning", "[report][table]") {
  const std::string plain = table_report(sample_report());
  CHECK(plain.find('\x1b') == std::string::npos);
  std::string coloured = table_report(sample_report(), {.colour = true});
  CHECK(coloured.find("\x1b[1mmeasures\x1b[0m") != std::string::npos);
  for (std::size_t at = coloured.find('\x1b'); at != std::string::npos; at = coloured.find('\x1b')) {
    coloured.erase(at, coloured.find('m', at) - at + 1);
  }
  CHECK(coloured == plain);
}

TEST_CASE("Without an answer the table says why", "[report][table]") {
  Report report;
  report.spec_file = "job.yaml";
  report.failure = "does not fit";
  CHECK(table_report(report) == "job.yaml\nno answer: does not fit\n");
}

TEST_CASE("Warnings are left to the caller", "[report][table]") {
  CHECK(table_report(sample_report()).find("one thing to know") == std::string::npos);
}

}  // namespace
}  // namespace windtunnel::modeling
