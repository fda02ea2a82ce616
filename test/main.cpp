// SPDX-License-Identifier: Apache-2.0
// The one main of every test executable, for Catch2 2.13; version 3 brings its own.
#if !defined(WINDTUNNEL_CATCH2_V3)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
