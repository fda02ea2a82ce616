// SPDX-License-Identifier: Apache-2.0
// Layouts that no amount of hardware makes possible: degrees, heads, experts and batches that do not divide.
#pragma once

#include "modeling/spec/spec.h"
#include "modeling/spec/yaml_reader.h"

namespace windtunnel::modeling {

/// Throws SpecError at the key that cannot be, with both numbers. `block` is the map of `training`, for the locations.
/// Layers need not divide by pipeline x virtual_stages, and expert may exceed data (experts fold over
/// data x context x tensor). An empty model (service times given) skips the checks of the shape.
void check_training_layout(const Training& training, const Model& model, const Cluster& cluster,
                           const YamlReader& block);

/// The same for one pool of serving replicas; `block` is the map that holds its `parallelism`. Latent attention has no
/// key and value heads to split, so engines run it data-parallel over the tensor group and any tensor degree is
/// possible.
void check_serving_pool(const ServingPool& pool, const Model& model, const YamlReader& block);

/// Throws SpecError when the pools together are not num_devices.
void check_serving_devices(const Serving& serving, const Cluster& cluster, const YamlReader& block);

/// Devices of all replicas of the pool: replicas x tensor x pipeline x data. A double, since hostile counts overflow.
double devices_of(const ServingPool& pool);

}  // namespace windtunnel::modeling
