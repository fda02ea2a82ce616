// SPDX-License-Identifier: Apache-2.0
// Messages for the person at the terminal: one line each on standard error, so that standard output holds results only.
#pragma once

#include <string>

namespace windtunnel::cli {

/// Line breaks and other control characters inside the text become spaces.
void print_message(const std::string& text);

}  // namespace windtunnel::cli
