// SPDX-License-Identifier: Apache-2.0
// A small answer with one of everything, for the tests of the three formats.
#pragma once

#include <limits>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

inline Report sample_report() {
  Report report;
  report.spec_file = "job.yaml";
  report.study = "training";
  report.title = "A small job on 8 devices";
  report.finding = "compute-bound: 75 % of the step";
  report.measures = {{"step_time_mean_s", 0.1},
                     {"mfu_ratio", 0.40125},
                     {"job_mttf_s", std::nullopt},
                     {"spare_s", std::numeric_limits<double>::infinity()}};
  report.breakdowns = {{"activity", {{"compute", 0.75}, {"memory", 0.25}, {"failed", 0.0}}},
                       {"memory_bytes", {{"weights", 3e9}, {"gradients", 1e9}}},
                       {"network", {{"scale_up_slowdown_ratio", 1.5}}}};
  ChainRecord chain;
  chain.name = "device";
  chain.purpose = "activity shares";
  chain.states = 3;
  chain.transitions = 4;
  chain.method_requested = "automatic";
  chain.method_used = "gth";
  chain.residual = 3e-17;
  chain.error_bound = 2e-14;
  report.chains = {chain};
  report.assumptions = {{"memory.bandwidth", 3.35e12, "bytes/s", "datasheet", "vendor, page 3"}};
  report.warnings = {"one thing to know"};
  return report;
}

}  // namespace windtunnel::modeling
