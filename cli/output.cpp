// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "cli/atomic_file.h"

namespace windtunnel::cli {
namespace {

bool is_standard_output(const std::string& path) {
  return path.empty() || path == "-";
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void write_standard_output(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EPIPE) return;
    if (written < 0) throw OutputError(std::string("cannot write to standard output: ") + std::strerror(errno));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Two names of one file, whether it exists yet or not.
bool is_same_file(const std::string& one, const std::string& other) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::equivalent(one, other, ignored)) return true;
  return fs::weakly_canonical(one, ignored) == fs::weakly_canonical(other, ignored);
}

}  // namespace

void require_separate_files(const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (is_standard_output(outputs[i])) continue;
    for (const std::string& input : inputs) {
      if (!input.empty() && input != "-" && is_same_file(outputs[i], input))
        throw OutputError("cannot write '" + outputs[i] + "': it is the input '" + input + "'");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (!is_standard_output(outputs[j]) && is_same_file(outputs[i], outputs[j]))
        throw OutputError("cannot write '" + outputs[i] + "' twice: two results were asked for under one name");
    }
  }
}

void write_output(const std::string& text, const std::string& path) {
  if (is_standard_output(path)) return write_standard_output(text);
  try {
    write_file_atomically(path, text);
  } catch (const std::system_error& error) {
    throw OutputError("cannot write '" + path + "': " + error.code().message());
  }
}

bool colour_is_welcome(const std::string& path) {
  return is_standard_output(path) && environment("NO_COLOR").empty() && environment("TERM") != "dumb" &&
         ::isatty(STDOUT_FILENO) == 1;
}

}  // namespace windtunnel::cli
