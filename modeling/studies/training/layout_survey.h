// SPDX-License-Identifier: Apache-2.0
// Many layouts of one job, fast: the step and the memory of each without solving its chains.
//
// Layouts that differ only in pipeline, virtual stages, data or ZeRO stage (0 to 2) share their layer templates: those
// are built and played once. The pipeline is a closed form instead of the recursion,
//   max over ranks of (forwards before it + micro-batches x its work + backwards before it),
// exact for equal stages and constant times, a lower bound otherwise. Links are idle and nothing jitters. So the
// estimate ranks and rejects; the few layouts that matter are then answered by `evaluate`.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "modeling/chains/step/training_step.h"
#include "modeling/cluster/memory.h"

namespace windtunnel::modeling {

struct LayoutEstimate {
  double step_s = 0.0;
  double memory_bytes = 0.0;
  bool fits = false;
};

class LayoutSurvey {
 public:
  /// The machine is copied: a survey belongs to one device and one software generation.
  LayoutSurvey(Model model, Machine machine);
  ~LayoutSurvey();

  /// `training` names every choice: micro_batch >= 1, recompute not auto, degrees that multiply to the job's devices.
  LayoutEstimate estimate(Training training);
  /// Distinct layer templates built so far.
  std::size_t templates() const { return shapes_.size(); }

 private:
  struct Shape;
  using Key = std::vector<long long>;
  const Shape& shape_of(const Training& training, const Placement& placement, const OverlapPolicy& policy);

  Model model_;
  Machine machine_;
  std::map<Key, std::unique_ptr<Shape>> shapes_;
};

}  // namespace windtunnel::modeling
