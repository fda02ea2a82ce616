// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/timeline.h"

#include <map>
#include <nlohmann/json.hpp>

namespace windtunnel::modeling {

namespace {

using Json = nlohmann::ordered_json;

constexpr double kMicroseconds = 1e6;

/// Process number of each group, from 1 in the order of appearance.
std::map<std::string, int> process_numbers(const Timeline& timeline) {
  std::map<std::string, int> numbers;
  for (const TimelineTrack& track : timeline.tracks)
    numbers.try_emplace(track.group, static_cast<int>(numbers.size()) + 1);
  return numbers;
}

Json metadata(const std::string& what, int process, int thread, const Json& value) {
  return {{"name", what}, {"ph", "M"}, {"pid", process}, {"tid", thread}, {"args", value}};
}

void name_tracks(const Timeline& timeline, const std::map<std::string, int>& processes, Json& events) {
  for (const auto& [group, process] : processes) {
    events.push_back(metadata("process_name", process, 0, {{"name", group}}));
    events.push_back(metadata("process_sort_index", process, 0, {{"sort_index", process}}));
  }
  for (std::size_t k = 0; k < timeline.tracks.size(); ++k) {
    const int process = processes.at(timeline.tracks[k].group);
    const int thread = static_cast<int>(k) + 1;
    events.push_back(metadata("thread_name", process, thread, {{"name", timeline.tracks[k].name}}));
    events.push_back(metadata("thread_sort_index", process, thread, {{"sort_index", thread}}));
  }
}

Json event(const TimelineSpan& span, int process) {
  Json one = {{"name", span.name},
              {"cat", span.category},
              {"ph", "X"},
              {"ts", span.start_s * kMicroseconds},
              {"dur", span.duration_s * kMicroseconds},
              {"pid", process},
              {"tid", span.track + 1}};
  for (const auto& [name, value] : span.details) one["args"][name] = value;
  return one;
}

}  // namespace

std::string chrome_trace(const Timeline& timeline) {
  const auto processes = process_numbers(timeline);
  Json events = Json::array();
  name_tracks(timeline, processes, events);
  for (const TimelineSpan& span : timeline.spans)
    events.push_back(event(span, processes.at(timeline.tracks[span.track].group)));
  const Json whole = {{"traceEvents", std::move(events)},
                      {"displayTimeUnit", "ms"},
                      {"otherData", {{"title", timeline.title}, {"total_s", timeline.total_s}}}};
  return whole.dump() + "\n";
}

}  // namespace windtunnel::modeling
