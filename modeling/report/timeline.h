// SPDX-License-Identifier: Apache-2.0
// A timeline of one step, and its form for chrome://tracing and Perfetto.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace windtunnel::modeling {

/// One bar. Bars of one track follow each other without overlap.
struct TimelineSpan {
  /// Index into Timeline::tracks.
  int track = 0;
  std::string name;
  /// Colour group: "forward", "backward", "communication" ...
  std::string category;
  double start_s = 0.0;
  double duration_s = 0.0;
  /// Shown when the bar is clicked.
  std::vector<std::pair<std::string, double>> details;
};

struct TimelineTrack {
  /// Tracks of one group are drawn together.
  std::string group;
  std::string name;
};

struct Timeline {
  std::string title;
  std::vector<TimelineTrack> tracks;
  std::vector<TimelineSpan> spans;
  /// Length of the whole, s.
  double total_s = 0.0;
};

/// JSON object of the Trace Event Format (complete events "X", metadata "M"), one trailing newline: groups are
/// processes, tracks are threads, times are microseconds. Source: Trace Event Format, Google 2016.
std::string chrome_trace(const Timeline& timeline);

}  // namespace windtunnel::modeling
