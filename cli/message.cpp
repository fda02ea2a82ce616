// SPDX-License-Identifier: Apache-2.0
#include "cli/message.h"

#include <algorithm>
#include <cstdio>

namespace windtunnel::cli {

void print_message(const std::string& text) {
  std::string line = text;
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace windtunnel::cli
