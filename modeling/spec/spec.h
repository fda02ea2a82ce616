// SPDX-License-Identifier: Apache-2.0
// What a user asks: the typed content of one spec file, in SI units, checked and complete.
//
// Every key of docs/formats.md has its field here; the readers in read_*.cpp are the only place that
// turns YAML into these structs. An std::optional that is empty means "not said": the default is chosen
// later, by the stage that knows enough to choose it.
#pragma once

#include <optional>
#include <string>

#include "modeling/spec/cluster_spec.h"
#include "modeling/spec/reliability_spec.h"
#include "modeling/spec/serving_spec.h"
#include "modeling/spec/spec_error.h"
#include "modeling/spec/training_spec.h"

namespace windtunnel::modeling {

enum class Study { kTraining, kServing, kAvailability };
/// As in the spec: "training", "serving", "availability".
std::string to_string(Study study);

struct Spec {
  /// As the user named it, for messages and for `spec` in the JSON.
  std::string file;
  Study study = Study::kTraining;
  Model model;
  Cluster cluster;
  /// Exactly the block of the study is filled; reliability may accompany any.
  std::optional<Training> training;
  std::optional<Serving> serving;
  Traffic traffic;
  ServiceLevelObjective slo;
  std::optional<Transient> transient;
  std::optional<Reliability> reliability;
};

}  // namespace windtunnel::modeling
