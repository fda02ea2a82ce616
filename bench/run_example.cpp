// SPDX-License-Identifier: Apache-2.0
// A whole `windtunnel run` as a user starts it: CPU time and peak memory of the process, from start to exit.
// Fails when the program has no answer.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <vector>

namespace {

/// One to fill the caches, the others to measure.
constexpr int kRuns = 6;

struct Cost {
  double cpu_s = 0.0;
  double peak_memory_bytes = 0.0;
};

[[noreturn]] void become_program(const char* spec) {
  const int nowhere = ::open("/dev/null", O_WRONLY);
  ::dup2(nowhere, STDOUT_FILENO);
  ::execl(WINDTUNNEL_PROGRAM, "windtunnel", "run", spec, static_cast<char*>(nullptr));
  std::_Exit(127);
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

/// Empty when the program did not answer.
std::optional<Cost> cost_of_run(const char* spec) {
  const pid_t child = ::fork();
  if (child == 0) become_program(spec);
  int status = 0;
  rusage usage = {};
  if (::wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return std::nullopt;
  // Linux counts ru_maxrss in KiB.
  return Cost{seconds(usage.ru_utime) + seconds(usage.ru_stime), 1024.0 * static_cast<double>(usage.ru_maxrss)};
}

}  // namespace

int main(int argc, char** argv) {
  const char* spec = argc > 1 ? argv[1] : WINDTUNNEL_SOURCE_DIR "/examples/llama3_405b_training.yaml";
  std::vector<double> cpu_s;
  double peak_memory_bytes = 0.0;
  for (int i = 0; i < kRuns; ++i) {
    const std::optional<Cost> cost = cost_of_run(spec);
    if (!cost) {
      fmt::print(stderr, "no answer for {}\n", spec);
      return EXIT_FAILURE;
    }
    if (i > 0) cpu_s.push_back(cost->cpu_s);
    peak_memory_bytes = std::max(peak_memory_bytes, cost->peak_memory_bytes);
  }
  std::sort(cpu_s.begin(), cpu_s.end());
  fmt::print("run {}: CPU {:.4f} s (median of {}), {:.4f} to {:.4f} s; peak memory {:.1f} MB\n", spec,
             cpu_s[cpu_s.size() / 2], cpu_s.size(), cpu_s.front(), cpu_s.back(), peak_memory_bytes / 1e6);
  return EXIT_SUCCESS;
}
