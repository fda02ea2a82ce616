// SPDX-License-Identifier: Apache-2.0
#include "cli/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace windtunnel::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_errno() {
  throw std::system_error(errno, std::generic_category());
}

class OpenFile {
 public:
  explicit OpenFile(int descriptor) : descriptor_(descriptor) {
    if (descriptor_ < 0) throw_errno();
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  void write(std::string_view content) {
    while (!content.empty()) {
      const ssize_t written = ::write(descriptor_, content.data(), content.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw_errno();
      content.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void set_permissions(mode_t mode) {
    if (::fchmod(descriptor_, mode) != 0) throw_errno();
  }

  /// Some file systems report a full disk only here.
  void close() {
    const int descriptor = descriptor_;
    descriptor_ = -1;
    if (::close(descriptor) != 0) throw_errno();
  }

 private:
  int descriptor_;
};

/// Removed on the way out unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& target)
      : path_((target.parent_path() / ("." + target.filename().string() + ".XXXXXX")).string()),
        file_(::mkstemp(path_.data())) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!renamed_) ::unlink(path_.c_str());
  }

  OpenFile& file() { return file_; }

  void rename_to(const fs::path& target) {
    file_.close();
    if (std::rename(path_.c_str(), target.c_str()) != 0) throw_errno();
    renamed_ = true;
  }

 private:
  std::string path_;
  OpenFile file_;
  bool renamed_ = false;
};

mode_t permissions_of(const fs::path& target) {
  struct stat status = {};
  if (::stat(target.c_str(), &status) == 0) return status.st_mode & 07777;
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

void write_directly(const fs::path& target, std::string_view content) {
  OpenFile file(::open(target.c_str(), O_WRONLY | O_CLOEXEC));
  file.write(content);
  file.close();
}

}  // namespace

void write_file_atomically(const std::string& path, std::string_view content) {
  const fs::path target = fs::is_symlink(path) ? fs::weakly_canonical(path) : fs::path(path);
  if (fs::is_directory(target)) throw std::system_error(EISDIR, std::generic_category());
  if (fs::exists(target) && !fs::is_regular_file(target)) return write_directly(target, content);
  TemporaryFile temporary(target);
  temporary.file().write(content);
  temporary.file().set_permissions(permissions_of(target));
  temporary.rename_to(target);
}

}  // namespace windtunnel::cli
