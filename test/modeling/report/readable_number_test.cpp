// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/readable_number.h"

#include <cmath>

#include "modeling/spec/quantity.h"
#include "test/catch.h"

namespace windtunnel::modeling {
namespace {

TEST_CASE("The unit comes from the end of the name", "[report][readable]") {
  CHECK(readable_number("step_time_mean_s", 0.0123) == format_quantity(0.0123, Dimension::kTime));
  CHECK(readable_number("memory_per_device_bytes", 6.4e10) == format_quantity(6.4e10, Dimension::kBytes));
  CHECK(readable_number("bandwidth_bytes_per_s", 4.5e11) == format_quantity(4.5e11, Dimension::kBytesPerSecond));
  CHECK(readable_number("model_flop_per_s_per_device", 4e14) == format_quantity(4e14, Dimension::kFlopPerSecond));
}

TEST_CASE("Pure numbers and plain rates have 4 significant digits", "[report][readable]") {
  CHECK(readable_number("mfu_ratio", 0.401249) == "0.4012");
  CHECK(readable_number("tokens_per_s_per_device", 412.3456) == "412.3 /s");
  CHECK(readable_number("failures_expected", 419.0) == "419");
}

TEST_CASE("What is not a number is said in words", "[report][readable]") {
  CHECK(readable_number("step_time_mean_s", std::nullopt) == "unknown");
  CHECK(readable_number("step_time_mean_s", NAN) == "unknown");
  CHECK(readable_number("job_mttf_s", INFINITY) == "infinite");
}

}  // namespace
}  // namespace windtunnel::modeling
