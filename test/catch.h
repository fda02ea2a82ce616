// SPDX-License-Identifier: Apache-2.0
// Catch2 2.13 (Debian 12) and 3.x under one include.
#pragma once

#if defined(WINDTUNNEL_CATCH2_V3)
#include <catch2/catch_all.hpp>
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
#else
#include <catch2/catch.hpp>
inline auto ContainsSubstring(const std::string& text) {
  return Catch::Matchers::Contains(text);
}
#endif
