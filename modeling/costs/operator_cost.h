// SPDX-License-Identifier: Apache-2.0
// How long one kernel takes on one device: a roofline whose roof depends on the size of the work.
//
//   matrix product   t = floor + max( 2 m n k b / (peak w c q(m,n,b) d(k)),  bytes / (bandwidth e) )
//   grouped product (the experts of a rank)   the same with the rate x grouped.rate_ratio, plus grouped.group per group
//   attention        t = floor + max( flop / (peak w c g s / (s + s_half)),    bytes / (bandwidth e) )
//   element-wise     t = floor + bytes / (bandwidth e)
//
// 8-bit training products: the rate x narrow_product_ratio of the software.
// g: speed of the software's kernel relative to the curve. w: sustained clock over that of a short benchmark; c, e:
// rate over peak of large work; q: share of the tile slots of all waves that hold results (tile and wave quantisation);
// d(k) = k / (k + k_half): filling the pipeline of one tile. All from the device profile.
#pragma once

#include "modeling/cluster/hardware_profile.h"
#include "modeling/workload/operator_graph.h"

namespace windtunnel::modeling {

struct OperatorCost {
  double mean_s = 0.0;
  /// True when memory traffic, not arithmetic, sets the time.
  bool memory_bound = false;
};

/// Share of the multiprocessors' tile slots that produce results, 0..1: the best over five tile shapes, with the
/// depth split over idle multiprocessors when there are fewer tiles than multiprocessors. `batch` equal products.
double tile_occupancy(const DeviceCompute& compute, double rows, double columns, double depth, double batch);

/// Peak FLOP/s and efficiency of `precision`, or of the nearest wider format the device has. Throws NoAnswerError if
/// none.
struct PrecisionRoof {
  double peak_flop_per_s;
  /// Of the profile that was asked.
  const GemmEfficiency& efficiency;
};
PrecisionRoof precision_roof(const DeviceCompute& compute, Precision precision);

/// Time of one kernel, launch included. Not for collectives (see collective_cost.h).
OperatorCost operator_cost(const Operator& op, const HardwareProfile& profile, const SoftwareGeneration& software);

}  // namespace windtunnel::modeling
