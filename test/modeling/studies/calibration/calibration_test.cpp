// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/calibration/calibration.h"

#include <fmt/format.h>

#include <filesystem>
#include <numeric>

#include "modeling/cluster/read_profile.h"
#include "modeling/costs/collective_cost.h"
#include "modeling/costs/operator_cost.h"
#include "modeling/spec/spec_error.h"
#include "test/catch.h"
#include "test/modeling/small_profile.h"

using namespace windtunnel::modeling;

namespace {

std::vector<std::size_t> all_rows(const CsvTable& table) {
  std::vector<std::size_t> rows(table.rows());
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

double value_of(const FittedCurve& curve, const std::string& key) {
  for (const FittedFigure& figure : curve.figures) {
    if (figure.key == key) return figure.value;
  }
  return -1.0;
}

/// Times that a device with these curves would show.
std::string product_samples(const Machine& machine) {
  std::string text = "dtype,m,n,k,latency_ms\n";
  for (const double m : {16.0, 256.0, 1024.0, 4096.0}) {
    for (const double n : {500.0, 2000.0, 6000.0}) {
      for (const double k : {512.0, 2048.0, 8192.0}) {
        const Operator op{.kind = OperatorKind::kMatrixProduct,
                          .rows = m,
                          .columns = n,
                          .depth = k,
                          .flop = 2.0 * m * n * k,
                          .memory_bytes = 2.0 * (m * k + k * n + m * n)};
        const double time_s = operator_cost(op, machine.profile, machine.software).mean_s;
        text += fmt::format("bfloat16,{},{},{},{:.9g}\n", m, n, k, 1e3 * time_s);
      }
    }
  }
  return text;
}

}  // namespace

TEST_CASE("calibrate finds the curve its samples were made with", "[calibration]") {
  Machine made = small_machine();
  GemmEfficiency& gemm = *made.profile.compute.gemm[static_cast<int>(Precision::kBf16)];
  gemm.compute_ratio.value = 0.71;
  gemm.memory_ratio.value = 0.83;
  gemm.floor_s.value = 3e-6;
  gemm.half_depth.value = 150.0;
  const CsvTable samples = CsvTable::parse(product_samples(made), "gemm.csv");
  const Calibration fit = calibrate(samples, all_rows(samples), small_machine().profile);
  REQUIRE(fit.curves.size() == 1);
  const FittedCurve& curve = fit.curves.front();
  CHECK(curve.place == "compute.gemm.bf16");
  CHECK(curve.fitted_samples + curve.held_out_samples == samples.rows());
  CHECK(curve.held_out_error < 0.01);
  CHECK(curve.profile_error.value() > 0.05);
  SECTION("and none in the profile that made them") {
    const Calibration own = calibrate(samples, all_rows(samples), made.profile);
    CHECK(own.curves.front().profile_error.value() < 1e-4);
  }
  CHECK(value_of(curve, "compute_ratio") == Approx(0.71).epsilon(0.02));
  CHECK(value_of(curve, "memory_ratio") == Approx(0.83).epsilon(0.02));
  CHECK(value_of(curve, "floor") == Approx(3e-6).epsilon(0.05));
  CHECK(value_of(curve, "half_depth") == Approx(150.0).epsilon(0.1));
}

TEST_CASE("the errors that profiles store are those of their curves on the held-out samples",
          "[calibration][measured]") {
  const std::filesystem::path operators = std::filesystem::path(WINDTUNNEL_SOURCE_DIR) / ".." / "shared" / "operators";
  if (!std::filesystem::exists(operators)) {
    WARN("skipped: no measured operators beside the repository");
    return;
  }
  const auto [file, device] =
      GENERATE(table<std::string, std::string>({{"aic_gemm_h100_sxm_trtllm-1.3.0rc10.csv", "h100-sxm-80gb"},
                                                {"aic_gemm_b200_sxm_trtllm-1.3.0rc10.csv", "b200-sxm-180gb"},
                                                {"aic_attn_context_a100_sxm_vllm-0.14.0.csv", "a100-sxm-80gb"}}));
  const HardwareProfile profile = load_hardware_profile({.device = device});
  const CsvTable samples = CsvTable::load((operators / file).string());
  for (const FittedCurve& curve : calibrate(samples, all_rows(samples), profile).curves) {
    std::optional<Figure> stored = profile.compute.attention.held_out_error;
    for (const Precision format : {Precision::kBf16, Precision::kFp8, Precision::kNvfp4}) {
      if (curve.place == "compute.gemm." + to_string(format))
        stored = profile.compute.gemm[static_cast<std::size_t>(format)]->held_out_error;
    }
    INFO(device << ' ' << curve.place);
    CHECK(stored.value().value == Approx(curve.profile_error.value()).margin(0.002));
  }
}

TEST_CASE("calibrate leaves out samples faster than memory", "[calibration]") {
  std::string text = product_samples(small_machine());
  // 2 (m k + k n + m n) bytes at 1 TB/s take 1.3 ms; a tenth of that comes out of a cache.
  text += "bfloat16,16,8192,80000,0.13\n";
  const CsvTable samples = CsvTable::parse(text, "gemm.csv");
  const Calibration fit = calibrate(samples, all_rows(samples), small_machine().profile);
  CHECK(fit.curves.front().cached_samples == 1);
}

TEST_CASE("a collective's curve goes through its knots and is logarithmic between", "[calibration][collectives]") {
  Machine machine = small_machine();
  machine.profile.scale_up.rate_curves[Collective::kAllGather] = {{1e6, figure(0.2)}, {1e8, figure(0.8)}};
  const GroupPlacement group{.size = 8, .local = 8, .domains = 1};
  const auto ratio = [&](double bytes) {
    const double sent = bytes * 7.0 / 8.0;
    return sent / 100e9 / collective_cost(Collective::kAllGather, bytes, group, machine.profile).mean_s;
  };
  CHECK(ratio(1e6) == Approx(0.2).epsilon(1e-12));
  CHECK(ratio(1e7) == Approx(0.5).epsilon(1e-12));
  CHECK(ratio(1e8) == Approx(0.8).epsilon(1e-12));
  CHECK(ratio(1e10) == Approx(0.8).epsilon(1e-12));
  // Below the first knot the time no longer shrinks.
  CHECK(collective_cost(Collective::kAllGather, 1e3, group, machine.profile).mean_s ==
        Approx(collective_cost(Collective::kAllGather, 1e6, group, machine.profile).mean_s).epsilon(1e-12));
}

TEST_CASE("samples of no known kind and cells that are not numbers are named", "[calibration]") {
  const CsvTable unknown = CsvTable::parse("a,b\n1,2\n", "x.csv");
  CHECK_THROWS_WITH(sample_kind(unknown), ContainsSubstring("x.csv:1:1: the columns fit no kind of sample"));
  const CsvTable wrong = CsvTable::parse("dtype,m,n,k,latency_ms\nbfloat16,1,2,three,4\n", "y.csv");
  CHECK_THROWS_WITH(calibrate(wrong, {0}, small_machine().profile), "y.csv:2:14: k is 'three', expected a number > 0");
  CHECK_THROWS_WITH(CsvTable::parse("a,b\n1\n", "z.csv"), "z.csv:2:1: 1 cells, expected 2 as in the header");
}

TEST_CASE("quoted cells hold commas, quotes and line ends", "[csv]") {
  const CsvTable table = CsvTable::parse("name,value\r\n\"a, \"\"b\"\"\nc\",3\r\n", "q.csv");
  REQUIRE(table.rows() == 1);
  CHECK(table.text(0, "name") == "a, \"b\"\nc");
  CHECK(table.positive(0, "value") == 3.0);
}
