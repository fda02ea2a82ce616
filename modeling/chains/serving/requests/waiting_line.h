// SPDX-License-Identifier: Apache-2.0
// Requests that wait at one engine: smaller priority first, first come first served within a priority.
#pragma once

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

namespace windtunnel::modeling {

/// `Request` has a member `priority`.
template <typename Request>
class WaitingLine {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  /// The next to be served. The line must not be empty.
  const Request& front() const { return first()->second.front(); }
  void pop_front() {
    first()->second.pop_front();
    --size_;
  }
  /// Behind all others of its priority.
  void push_back(const Request& request) {
    line_of(request.priority).push_back(request);
    ++size_;
  }
  /// Before all others of its priority: a request that was served before and lost its place.
  void push_front(const Request& request) {
    line_of(request.priority).push_front(request);
    ++size_;
  }
  /// Would a newcomer of this priority be the next to be served?
  bool is_next(int priority) const { return empty() || priority < first()->first; }
  /// In the order in which they will be served.
  std::vector<Request> all() const {
    std::vector<Request> requests;
    for (const Line& line : lines_) requests.insert(requests.end(), line.second.begin(), line.second.end());
    return requests;
  }

 private:
  using Line = std::pair<int, std::deque<Request>>;

  typename std::vector<Line>::const_iterator first() const {
    return std::find_if(lines_.begin(), lines_.end(), [](const Line& line) { return !line.second.empty(); });
  }
  typename std::vector<Line>::iterator first() {
    return std::find_if(lines_.begin(), lines_.end(), [](const Line& line) { return !line.second.empty(); });
  }
  std::deque<Request>& line_of(int priority) {
    const auto at = std::lower_bound(lines_.begin(), lines_.end(), priority,
                                     [](const Line& line, int value) { return line.first < value; });
    if (at != lines_.end() && at->first == priority) return at->second;
    return lines_.insert(at, {priority, {}})->second;
  }

  /// By priority, kept when empty.
  std::vector<Line> lines_;
  std::size_t size_ = 0;
};

}  // namespace windtunnel::modeling
