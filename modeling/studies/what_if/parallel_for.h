// SPDX-License-Identifier: Apache-2.0
// Independent tasks on several threads.
#pragma once

#include <cstddef>
#include <functional>

namespace windtunnel::modeling {

/// Calls task(0) ... task(count - 1) once each, in any order, on `jobs` threads (0: one per core). An exception of a
/// task ends the others after the ones that run, and is thrown here.
void parallel_for(std::size_t count, int jobs, const std::function<void(std::size_t)>& task);

/// Threads that parallel_for uses for `jobs`.
int thread_count(int jobs);

}  // namespace windtunnel::modeling
