// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/data_files.h"

#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

#include "modeling/spec/nearest_name.h"

namespace windtunnel::modeling {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> yaml_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  return files;
}

// Linux; elsewhere the link does not exist and the other folders remain.
std::optional<fs::path> executable_folder() {
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  return error ? std::nullopt : std::optional(executable.parent_path());
}

std::optional<fs::path> search_data_file(const std::string& folder, const std::string& name) {
  for (const fs::path& root : data_folders()) {
    for (const fs::path& file : yaml_files(root / folder)) {
      if (lower_case(file.stem().string()) == lower_case(name)) return file;
    }
  }
  return std::nullopt;
}

/// Where names led to: reading whole folders for every point of a sweep would be most of its time.
class FoundFiles {
 public:
  std::optional<fs::path> known(const std::string& question) {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(question);
    return found != files_.end() && fs::exists(found->second) ? std::optional(found->second) : std::nullopt;
  }
  void remember(const std::string& question, const fs::path& file) {
    const std::lock_guard lock(mutex_);
    files_[question] = file;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, fs::path> files_;
};

}  // namespace

std::vector<fs::path> data_folders() {
  std::vector<fs::path> folders;
  const char* chosen = std::getenv("WINDTUNNEL_DATA");
  if (chosen && *chosen) folders.emplace_back(chosen);
  if (const auto executable = executable_folder()) {
    folders.push_back((*executable / ".." / "share" / "windtunnel").lexically_normal());
  }
  folders.emplace_back(WINDTUNNEL_SOURCE_DATA);
  folders.emplace_back(fs::path(WINDTUNNEL_SOURCE_DATA) / "modeling");
  folders.emplace_back(WINDTUNNEL_INSTALLED_DATA);
  return folders;
}

std::optional<fs::path> find_data_file(const std::string& folder, const std::string& name) {
  static FoundFiles found;
  const char* chosen = std::getenv("WINDTUNNEL_DATA");
  const std::string question = fmt::format("{}:{}/{}", chosen ? chosen : "", folder, lower_case(name));
  if (auto file = found.known(question)) return file;
  const auto file = search_data_file(folder, name);
  if (file) found.remember(question, *file);
  return file;
}

std::vector<std::string> data_names(const std::string& folder) {
  std::set<std::string> names;
  for (const fs::path& root : data_folders()) {
    for (const fs::path& file : yaml_files(root / folder)) names.insert(file.stem().string());
  }
  return {names.begin(), names.end()};
}

}  // namespace windtunnel::modeling
