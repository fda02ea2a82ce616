// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "modeling/spec/spec.h"

namespace windtunnel::modeling {
namespace {

struct Format {
  const char* name;
  double bits;
};

// In the order of the enumeration. Block scales: mxfp8 and mxfp4 have 8 bits per 32 elements (OCP Microscaling Formats
// 1.0), nvfp4 has 8 bits per 16 elements (NVIDIA, "Introducing NVFP4", 2025).
constexpr std::array<Format, kPrecisions> kFormats = {{{"fp32", 32.0},
                                                       {"tf32", 32.0},
                                                       {"bf16", 16.0},
                                                       {"fp16", 16.0},
                                                       {"fp8", 8.0},
                                                       {"mxfp8", 8.25},
                                                       {"nvfp4", 4.5},
                                                       {"mxfp4", 4.25},
                                                       {"int8", 8.0},
                                                       {"int4", 4.0}}};

const Format& format_of(Precision precision) {
  return kFormats.at(static_cast<std::size_t>(precision));
}

}  // namespace

double bytes_per_element(Precision precision) {
  return format_of(precision).bits / 8.0;
}

double bytes_per_weight(Precision precision) {
  constexpr double kGroup = 128.0;
  const double scales = precision == Precision::kInt4 ? (16.0 + 4.0) / kGroup / 8.0 : 0.0;
  return bytes_per_element(precision) + scales;
}

bool is_weight_only(Precision precision) {
  return precision == Precision::kInt4 || precision == Precision::kInt8 || precision == Precision::kMxfp4;
}

std::string to_string(Precision precision) {
  return format_of(precision).name;
}

}  // namespace windtunnel::modeling
