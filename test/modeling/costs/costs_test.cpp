// SPDX-License-Identifier: Apache-2.0
#include "modeling/costs/collective_cost.h"
#include "modeling/costs/operator_cost.h"
#include "modeling/spec/spec_error.h"
#include "test/catch.h"
#include "test/modeling/small_profile.h"

using namespace windtunnel::modeling;

namespace {

Operator product(double rows, double columns, double depth) {
  return {.name = "product",
          .kind = OperatorKind::kMatrixProduct,
          .rows = rows,
          .columns = columns,
          .depth = depth,
          .flop = 2.0 * rows * columns * depth,
          .memory_bytes = 2.0 * (rows * depth + depth * columns + rows * columns)};
}

/// Software with nothing but a launch time.
SoftwareGeneration launching(double launch_s) {
  SoftwareGeneration software;
  software.launch_s = figure(launch_s);
  software.attention_speed_ratio = figure(1);
  return software;
}

}  // namespace

TEST_CASE("a product that fills whole waves runs at the peak, one tile more costs a wave", "[costs]") {
  const HardwareProfile profile = small_machine().profile;
  // 10 multiprocessors, tiles of 100 x 100: 1000 x 1000 is 100 tiles, ten whole waves.
  CHECK(tile_occupancy(profile.compute, 1000, 1000, 64, 1) == 1.0);
  CHECK(tile_occupancy(profile.compute, 1000, 1010, 64, 1) < 0.97);
  const Operator large = product(1000, 1000, 1000);
  CHECK(operator_cost(large, profile, launching(0.0)).mean_s == Approx(large.flop / 100e12));
  CHECK_FALSE(operator_cost(large, profile, launching(0.0)).memory_bound);
}

TEST_CASE("a product with few rows is limited by reading its weights", "[costs]") {
  const HardwareProfile profile = small_machine().profile;
  const Operator thin = product(1, 10000, 10000);
  const OperatorCost cost = operator_cost(thin, profile, launching(0.0));
  CHECK(cost.memory_bound);
  CHECK(cost.mean_s == Approx(thin.memory_bytes / 1e12));
}

TEST_CASE("more rows never make a product faster", "[costs]") {
  const HardwareProfile profile = small_machine().profile;
  double last = 0.0;
  for (double rows = 1; rows <= 4000; rows *= 1.3) {
    const double time = operator_cost(product(std::ceil(rows), 4096, 4096), profile, launching(1e-6)).mean_s;
    CHECK(time >= last * (1.0 - 1e-12));
    last = time;
  }
}

TEST_CASE("launch adds to every kernel", "[costs]") {
  const HardwareProfile profile = small_machine().profile;
  const Operator stream{.name = "copy", .kind = OperatorKind::kStream, .memory_bytes = 1e9};
  CHECK(operator_cost(stream, profile, launching(0.0)).mean_s == Approx(1e-3));
  CHECK(operator_cost(stream, profile, launching(5e-6)).mean_s == Approx(1e-3 + 5e-6));
}

TEST_CASE("a format without a peak falls back to a wider one, none at all is no answer", "[costs]") {
  HardwareProfile profile = small_machine().profile;
  CHECK(precision_roof(profile.compute, Precision::kFp8).peak_flop_per_s == 100e12);
  profile.compute.peak_flop_per_s = {};
  CHECK_THROWS_WITH(precision_roof(profile.compute, Precision::kBf16), "the device has no peak rate for bf16");
}

TEST_CASE("collectives inside one domain move (n-1)/n of the message, all-reduce twice", "[costs][collective]") {
  const HardwareProfile profile = small_machine().profile;
  const GroupPlacement eight{.size = 8, .local = 8, .domains = 1};
  const double gather = 7.0 / 8.0 * 1e9 / 100e9;
  CHECK(collective_cost(Collective::kAllGather, 1e9, eight, profile).mean_s == Approx(gather));
  CHECK(collective_cost(Collective::kReduceScatter, 1e9, eight, profile).mean_s == Approx(gather));
  CHECK(collective_cost(Collective::kAllReduce, 1e9, eight, profile).mean_s == Approx(2.0 * gather));
  CHECK(collective_cost(Collective::kAllToAll, 1e9, eight, profile).mean_s == Approx(gather));
  CHECK(collective_cost(Collective::kAllReduce, 1e9, {}, profile).mean_s == 0.0);
}

TEST_CASE("between domains the members share the message over their own ports", "[costs][collective]") {
  const HardwareProfile profile = small_machine().profile;
  // 4 domains of 8: each port carries an eighth of the message, 3/4 of it leaves the domain.
  const GroupPlacement group{.size = 32, .local = 8, .domains = 4};
  const CollectiveCost cost = collective_cost(Collective::kAllGather, 1e9, group, profile);
  CHECK(cost.scale_out_busy_s == Approx(1e9 / 8.0 * 0.75 / 10e9));
  CHECK(cost.scale_up_busy_s == Approx(1e9 * 7.0 / 8.0 / 100e9));
  CHECK(cost.mean_s == Approx(std::max(cost.scale_out_busy_s, cost.scale_up_busy_s)));
  const CollectiveCost jammed = collective_cost(Collective::kAllGather, 1e9, group, profile, {.scale_out = 2.0});
  CHECK(jammed.mean_s == Approx(2.0 * cost.scale_out_busy_s));
}

TEST_CASE("reduction in the switch halves an all-reduce", "[costs][collective]") {
  HardwareProfile profile = small_machine().profile;
  const GroupPlacement eight{.size = 8, .local = 8, .domains = 1};
  const double ring = collective_cost(Collective::kAllReduce, 1e9, eight, profile).mean_s;
  profile.scale_up.in_network_reduction = figure(1);
  CHECK(collective_cost(Collective::kAllReduce, 1e9, eight, profile).mean_s == Approx(ring / 2.0));
}
