// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace windtunnel::cli {

/// The version of the project in the top CMakeLists.txt, for example "0.1.0".
inline constexpr const char* kVersion = WINDTUNNEL_VERSION;

}  // namespace windtunnel::cli
