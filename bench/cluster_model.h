// SPDX-License-Identifier: Apache-2.0
// Dependable workstation cluster: two sub-clusters of N workstations, each behind a switch, joined by a backbone, all
// repaired by one unit that first inspects (rate 10 per hour), then repairs what it has picked. Source: Haverkort,
// Hermanns, Katoen, On the use of model checking techniques for dependability evaluation, SRDS 2000; states and rates
// as in the Quantitative Verification Benchmark Set (ctmc/cluster): N = 128 has 597,012 states, 2,908,192 transitions.
#pragma once
#include <array>
#include <cstdint>

#include "solvers/chain/explore.h"

namespace windtunnel::bench {

/// What the repair unit can work on; kIdle: nothing picked yet.
enum Part : std::uint8_t { kLeft, kRight, kLeftSwitch, kRightSwitch, kBackbone, kIdle };

struct ClusterState {
  std::uint16_t left_up = 0;
  std::uint16_t right_up = 0;
  bool left_switch_up = true;
  bool right_switch_up = true;
  bool backbone_up = true;
  Part in_repair = kIdle;

  bool operator==(const ClusterState&) const = default;
};

struct ClusterStateHash {
  std::size_t operator()(const ClusterState& s) const {
    const std::size_t flags = s.left_switch_up + 2u * s.right_switch_up + 4u * s.backbone_up + 8u * s.in_repair;
    return (static_cast<std::size_t>(s.left_up) << 20) + (static_cast<std::size_t>(s.right_up) << 6) + flags;
  }
};

/// Rates per hour.
class ClusterModel {
 public:
  explicit ClusterModel(int workstations) : workstations_(workstations) {}

  ClusterState all_up() const {
    const auto n = static_cast<std::uint16_t>(workstations_);
    return {.left_up = n, .right_up = n};
  }

  template <typename Emit>
  void operator()(const ClusterState& state, const Emit& emit) const {
    fail_workstation(state, &ClusterState::left_up, emit);
    fail_workstation(state, &ClusterState::right_up, emit);
    fail_line(state, &ClusterState::left_switch_up, 1.0 / 4000.0, emit);
    fail_line(state, &ClusterState::right_switch_up, 1.0 / 4000.0, emit);
    fail_line(state, &ClusterState::backbone_up, 1.0 / 5000.0, emit);
    if (state.in_repair == kIdle) {
      for (const Part part : {kLeft, kRight, kLeftSwitch, kRightSwitch, kBackbone}) inspect(state, part, emit);
    } else {
      emit(repaired(state), kRepairRate[state.in_repair]);
    }
  }

  /// At least `wanted` workstations up that can talk to each other.
  bool connected(const ClusterState& s, int wanted) const {
    return (s.left_up >= wanted && s.left_switch_up) || (s.right_up >= wanted && s.right_switch_up) ||
           (s.left_up + s.right_up >= wanted && s.left_switch_up && s.backbone_up && s.right_switch_up);
  }
  /// Quality of service: as many as one sub-cluster has.
  bool premium(const ClusterState& s) const { return connected(s, workstations_); }

 private:
  static constexpr std::array<double, 5> kRepairRate = {2.0, 2.0, 0.25, 0.25, 0.125};

  template <typename Emit>
  static void fail_workstation(const ClusterState& state, std::uint16_t ClusterState::*up, const Emit& emit) {
    if (state.*up == 0) return;
    ClusterState next = state;
    --(next.*up);
    emit(next, (state.*up) / 500.0);
  }

  template <typename Emit>
  static void fail_line(const ClusterState& state, bool ClusterState::*up, double rate, const Emit& emit) {
    if (!(state.*up)) return;
    ClusterState next = state;
    next.*up = false;
    emit(next, rate);
  }

  bool broken(const ClusterState& s, Part part) const {
    switch (part) {
      case kLeft:
        return s.left_up < workstations_;
      case kRight:
        return s.right_up < workstations_;
      case kLeftSwitch:
        return !s.left_switch_up;
      case kRightSwitch:
        return !s.right_switch_up;
      case kBackbone:
        return !s.backbone_up;
      case kIdle:
        return false;
    }
    return false;
  }

  template <typename Emit>
  void inspect(const ClusterState& state, Part part, const Emit& emit) const {
    if (!broken(state, part)) return;
    ClusterState next = state;
    next.in_repair = part;
    emit(next, 10.0);
  }

  static ClusterState repaired(ClusterState state) {
    switch (state.in_repair) {
      case kLeft:
        ++state.left_up;
        break;
      case kRight:
        ++state.right_up;
        break;
      case kLeftSwitch:
        state.left_switch_up = true;
        break;
      case kRightSwitch:
        state.right_switch_up = true;
        break;
      case kBackbone:
        state.backbone_up = true;
        break;
      case kIdle:
        break;
    }
    state.in_repair = kIdle;
    return state;
  }

  int workstations_;
};

inline auto explore_cluster(int workstations) {
  const ClusterModel model(workstations);
  return solvers::explore<ClusterState, ClusterStateHash>(model.all_up(), model);
}

}  // namespace windtunnel::bench
