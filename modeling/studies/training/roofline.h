// SPDX-License-Identifier: Apache-2.0
// Where each kind of operator stands under the device's roof, and which resource the step has too much or too little
// of.
#pragma once

#include "modeling/report/report.h"
#include "modeling/studies/training/training.h"

namespace windtunnel::modeling {

/// One kind of kernel, summed over the step of an average device.
struct KindTotals {
  double flop = 0.0;
  double memory_bytes = 0.0;
  double time_s = 0.0;
  /// Of time_s, in operators whose arithmetic sets the pace.
  double compute_bound_s = 0.0;
};

/// Indexed by OperatorKind; collectives stay 0.
using KernelTotals = std::array<KindTotals, 4>;
KernelTotals kind_totals(const PlacedTraining& placed, const Machine& machine);

/// Per kind of kernel: `intensity_flop_per_byte`, `compute_bound_ratio` (share of its time), `achieved_compute_ratio`
/// (of the peak of the training precision) and `achieved_bandwidth_ratio` (of the memory's peak), `step_ratio` (its
/// time over the step). `ridge_flop_per_byte`: the intensity at which peak and bandwidth meet.
Breakdown roofline_breakdown(const KernelTotals& kernels, const PlacedTraining& placed, const TrainingAnswer& answer,
                             const Machine& machine);

/// For compute, memory bandwidth, scale-up and scale-out links: how much of the resource the step uses (`use_ratio`),
/// and that over the use of the resource used most (`provision_ratio`): the one at 1 is scarce (under-provisioned), a
/// resource at 0.2 could be five times slower before it set the pace as often (over-provisioned).
Breakdown mismatch_breakdown(const KernelTotals& kernels, const PlacedTraining& placed, const TrainingAnswer& answer,
                             const Machine& machine);

}  // namespace windtunnel::modeling
