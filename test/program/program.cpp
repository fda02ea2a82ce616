// SPDX-License-Identifier: Apache-2.0
#include "test/program/program.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace windtunnel::test {

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string scratch_path(const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(WINDTUNNEL_BINARY_DIR) / "test" / "scratch";
  std::filesystem::create_directories(folder);
  return (folder / (std::to_string(::getpid()) + "_" + name)).string();
}

Outcome run_program(const std::string& arguments) {
  const std::string out = scratch_path("out");
  const std::string err = scratch_path("err");
  const std::string command = std::string("cd '") + WINDTUNNEL_SOURCE_DIR + "' && { '" + WINDTUNNEL_PROGRAM + "' " +
                              arguments + " ; } >'" + out + "' 2>'" + err + "'";
  const int status = std::system(command.c_str());
  Outcome outcome{WIFEXITED(status) ? WEXITSTATUS(status) : -1, content_of(out), content_of(err)};
  std::filesystem::remove(out);
  std::filesystem::remove(err);
  return outcome;
}

}  // namespace windtunnel::test
