// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdexcept>

namespace windtunnel::solvers {

/// The chain cannot be what was asked for: a wrong transition, a question the chain has no answer to. The message names
/// states.
class ChainError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace windtunnel::solvers
