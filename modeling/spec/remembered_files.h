// SPDX-License-Identifier: Apache-2.0
// What was read from files, kept while they stay as they are: a sweep of ten thousand points reads a profile once.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace windtunnel::modeling {

/// Safe to use from several threads. A file counts as changed when its size or its time of last change does.
template <class Value>
class RememberedFiles {
 public:
  /// `read(path)` unless the same file was read before; whatever it throws goes on and nothing is kept.
  template <class Read>
  std::shared_ptr<const Value> get(const std::string& path, Read read) {
    const Stamp now = stamp(path);
    {
      const std::lock_guard lock(mutex_);
      const auto known = entries_.find(path);
      if (known != entries_.end() && known->second.stamp == now) return known->second.value;
    }
    auto value = std::make_shared<const Value>(read(path));
    const std::lock_guard lock(mutex_);
    entries_[path] = {now, value};
    return value;
  }

 private:
  struct Stamp {
    std::uintmax_t size = 0;
    std::filesystem::file_time_type changed;
    bool operator==(const Stamp&) const = default;
  };
  struct Entry {
    Stamp stamp;
    std::shared_ptr<const Value> value;
  };

  /// Of a file that is not there: zeros; its reader will say so.
  static Stamp stamp(const std::string& path) {
    std::error_code error;
    Stamp now{std::filesystem::file_size(path, error), {}};
    if (error) now.size = 0;
    now.changed = std::filesystem::last_write_time(path, error);
    return now;
  }

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace windtunnel::modeling
