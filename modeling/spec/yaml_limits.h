// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace windtunnel::modeling {

/// What a document may cost to read; beyond it: one SpecError, no memory and no time.
struct YamlLimits {
  std::size_t max_bytes = 1 << 20;
  int max_depth = 32;
  /// Nodes with aliases expanded.
  std::size_t max_nodes = 100'000;
};

}  // namespace windtunnel::modeling
