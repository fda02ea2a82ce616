// SPDX-License-Identifier: Apache-2.0
// A file that other programs see whole or not at all.
#pragma once

#include <string>
#include <string_view>

namespace windtunnel::cli {

/// Writes `content` to a temporary file beside `path`, then renames it onto `path`: a crash, a full disk or a reader at
/// the wrong moment never meets half a file. A symbolic link is followed; the permissions of an existing file are kept;
/// a device or pipe (`/dev/stderr`) is written directly. Throws std::system_error and leaves `path` as it was.
void write_file_atomically(const std::string& path, std::string_view content);

}  // namespace windtunnel::cli
