// SPDX-License-Identifier: Apache-2.0
// Where results go: standard output, or a file that is written whole or not at all.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace windtunnel::cli {

/// The output could not be written: exit code 2.
class OutputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a command reads and what it will write, checked before anything is computed: throws OutputError when a result
/// would overwrite an input (under whatever name, also through a link) or another result. Empty names and "-" are
/// standard output.
void require_separate_files(const std::vector<std::string>& inputs, const std::vector<std::string>& outputs);

/// Writes `text` to `path`, or to standard output when `path` is empty or "-". Throws OutputError
/// `cannot write 'PATH': REASON`. A reader that closed its end of the pipe has what it wanted: no error.
void write_output(const std::string& text, const std::string& path);

/// True when a result on standard output may be coloured: a terminal, NO_COLOR unset or empty, TERM not "dumb".
/// Source: no-color.org.
bool colour_is_welcome(const std::string& path);

}  // namespace windtunnel::cli
