// SPDX-License-Identifier: Apache-2.0
#include "cli/atomic_file.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "test/catch.h"

namespace windtunnel::cli {
namespace {

namespace fs = std::filesystem;

/// An empty folder, gone when the test ends.
class Folder {
 public:
  Folder() {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  std::ptrdiff_t files() const { return std::distance(fs::directory_iterator(path_), fs::directory_iterator()); }

 private:
  fs::path path_ = fs::path(WINDTUNNEL_BINARY_DIR) / "test" / "atomic_file";
};

std::string content_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The error code of a write that has to fail.
std::error_code failure_of(const fs::path& path, const std::string& content) {
  try {
    write_file_atomically(path.string(), content);
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

TEST_CASE("A file appears whole, replaces the old one and leaves nothing beside it", "[cli][atomic_file]") {
  const Folder folder;
  write_file_atomically((folder / "a.json").string(), "first");
  CHECK(content_of(folder / "a.json") == "first");
  write_file_atomically((folder / "a.json").string(), "second");
  CHECK(content_of(folder / "a.json") == "second");
  CHECK(folder.files() == 1);
}

TEST_CASE("A disk that fills up leaves the old file as it was", "[cli][atomic_file]") {
  const Folder folder;
  write_file_atomically((folder / "a.json").string(), "old");
  // The limit on file size stands in for a full disk: the write stops half way with an error.
  rlimit before = {};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::error_code code = failure_of(folder / "a.json", std::string(5000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);

  CHECK(code == std::errc::file_too_large);
  CHECK(content_of(folder / "a.json") == "old");
  CHECK(folder.files() == 1);
}

TEST_CASE("Permissions stay, links are followed", "[cli][atomic_file]") {
  const Folder folder;
  write_file_atomically((folder / "real.json").string(), "old");
  fs::permissions(folder / "real.json", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink(folder / "real.json", folder / "link.json");
  write_file_atomically((folder / "link.json").string(), "new");
  CHECK(fs::is_symlink(folder / "link.json"));
  CHECK(content_of(folder / "real.json") == "new");
  CHECK(fs::status(folder / "real.json").permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("What cannot be written says why", "[cli][atomic_file]") {
  const Folder folder;
  CHECK(failure_of(folder / "missing/a.json", "x") == std::errc::no_such_file_or_directory);
  CHECK(failure_of(folder / "", "x") == std::errc::is_a_directory);
  CHECK(failure_of("/dev/full", "x") == std::errc::no_space_on_device);
  CHECK(folder.files() == 0);
}

}  // namespace
}  // namespace windtunnel::cli
