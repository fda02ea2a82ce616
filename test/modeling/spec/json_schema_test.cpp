// SPDX-License-Identifier: Apache-2.0
// Holds the schema and the readers together: each object of the schema is given a key that nobody knows, each list of
// values a value that nobody knows, and the reader's message must name exactly what the schema allows.
#include "modeling/spec/json_schema.h"

#include <nlohmann/json.hpp>
#include <regex>

#include "modeling/spec/read_spec.h"
#include "test/catch.h"

using namespace windtunnel::modeling;
using Json = nlohmann::json;

namespace {

/// A spec in which every block of the schema has a place to stand.
const std::string kTraining = R"(
study: training
model: {name: mixtral-8x7b}
cluster: {device: x, num_devices: 8, scale_up: {}, scale_out: {}, fabric: {}, jitter: {pause_time: {mean: 1 s}, stall_time: {mean: 1 s}}}
training: {sequence_length: 8, global_batch: 8, parallelism: {data: 8}, overlap: {}, service_times: {forward: 1 s, backward: 1 s}}
reliability:
  failure_rates: {}
  repair_time: {mean: 1 s}
  spares: {nodes: 1}
  checkpoint: {memory: {interval: 1 s}}
  restart_time: {mean: 1 s}
  recovery:
    detect_time: {mean: 1 s}
    localize_time: {mean: 1 s}
    classes: [{name: a, causes: [gpu], detect_time: {mean: 1 s}, localize_time: {mean: 1 s}, restart_time: {mean: 1 s}}]
  early_life: {factor: 1, duration: 1 s}
  bad_nodes: {share: 0, factor: 1}
  wear_out: {shape: 1, scale: 1 s}
  elastic: {}
  maintenance: {every: 1 s, duration: 1 s}
  domains: [{name: a, nodes: 1, rate: 1 /d, repair_time: {mean: 1 s}}]
)";

const std::string kServing = R"(
study: serving
model: {name: mixtral-8x7b}
cluster: {device: x, num_devices: 2}
serving:
  layout: disaggregated
  prefill: {parallelism: {}}
  decode: {parallelism: {}}
  parallelism: {}
  precision: {}
  speculative: {tokens: 1, acceptance: 0.5}
  service_times: {base: 1 s}
traffic: {concurrency: 1, classes: [{prompt_tokens: {mean: 2}, output_tokens: {mean: 2}}]}
slo: {}
)";

const std::string kTransient = R"(
study: serving
model: {name: mixtral-8x7b}
cluster: {device: x, num_devices: 2}
serving: {replicas: 2, autoscaling: {requests_per_replica: 1, start_time: {mean: 1 s}}}
traffic: {arrival_rate: 1 /s, classes: [{prompt_tokens: 2, output_tokens: 2}]}
transient:
  load_curve: {period: 1 h, points: [{at: 0 s, factor: 1}]}
  burst: {duration: 1 s, factor: 2}
)";

std::string text_with(const std::string& path) {
  const std::string top = path.substr(0, path.find('.'));
  if (path.starts_with("transient.replica_failure"))
    return "study: serving\nmodel: {name: mixtral-8x7b}\ncluster: {device: x, num_devices: 2}\nserving: {replicas: 2}\n"
           "traffic: {arrival_rate: 1 /s, classes: [{prompt_tokens: 2, output_tokens: 2}]}\n"
           "transient: {horizon: 1 h, replica_failure: {duration: 1 s}}\n";
  if (top == "transient" || path.starts_with("serving.autoscaling")) return kTransient;
  return top == "serving" || top == "traffic" || top == "slo" ? kServing : kTraining;
}

std::string error_with(const std::string& path) {
  try {
    read_spec(YamlDocument::parse(text_with(path), "f.yaml", {{path, "zzzzzzzz"}}));
  } catch (const SpecError& error) {
    return error.what();
  }
  return "no error";
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

/// The names after "expected one of".
std::vector<std::string> expected_names(const std::string& message) {
  const std::string mark = ", expected one of ";
  const std::size_t at = message.find(mark);
  std::vector<std::string> names;
  if (at == std::string::npos) return names;
  std::istringstream list(message.substr(at + mark.size()));
  for (std::string name; std::getline(list >> std::ws, name, ',');) names.push_back(name);
  return sorted(names);
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return sorted(keys);
}

std::string below(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

void check_node(const Json& schema, const std::string& path, int& checked);

void check_object(const Json& schema, const std::string& path, int& checked) {
  CHECK(schema.at("additionalProperties") == false);
  if (!path.empty()) {
    const std::string message = error_with(below(path, "zzzzzzzz"));
    INFO(path << ": " << message);
    CHECK(expected_names(message) == keys_of(schema.at("properties")));
    ++checked;
  }
  for (const auto& [key, value] : schema.at("properties").items()) check_node(value, below(path, key), checked);
}

void check_choice(const Json& schema, const std::string& path, int& checked) {
  const std::string message = error_with(path);
  INFO(path << ": " << message);
  CHECK(expected_names(message) == sorted(schema.at("enum").get<std::vector<std::string>>()));
  ++checked;
}

void check_node(const Json& schema, const std::string& path, int& checked) {
  if (schema.contains("properties")) check_object(schema, path, checked);
  if (schema.contains("enum")) check_choice(schema, path, checked);
  if (schema.contains("items")) check_node(schema.at("items"), below(path, "0"), checked);
  if (!schema.contains("anyOf")) return;
  for (const Json& alternative : schema.at("anyOf")) check_node(alternative, path, checked);
}

}  // namespace

TEST_CASE("the schema names exactly the keys and values that the readers accept", "[spec][schema]") {
  int checked = 0;
  check_node(Json::parse(json_schema()), "", checked);
  // 31 maps below the top and 12 lists of values when this was written; fewer means that the walk broke.
  CHECK(checked >= 40);
}

TEST_CASE("the schema knows the top-level keys of each study", "[spec][schema]") {
  const Json properties = Json::parse(json_schema()).at("properties");
  std::vector<std::string> known = expected_names(error_with("zzzzzzzz"));
  for (const char* serving_key : {"serving", "traffic", "slo", "transient"}) known.push_back(serving_key);
  CHECK(sorted(known) == keys_of(properties));
}

TEST_CASE("the schema's patterns accept what the quantity reader accepts", "[spec][schema]") {
  const Json schema = Json::parse(json_schema());
  const Json& scale_out = schema.at("properties").at("cluster").at("properties").at("scale_out").at("properties");
  const std::regex bandwidth(scale_out.at("bandwidth").at("pattern").get<std::string>());
  const std::string text =
      GENERATE("400 Gb/s", "3.35TB/s", "1e3 kB/s", ".5 GiB/s", "400", "400 Gbps", "fast", "1 s", "-1 B/s", "1.2.3 B/s");
  bool reads = true;
  try {
    parse_quantity(text, Dimension::kBytesPerSecond);
  } catch (const std::invalid_argument&) {
    reads = false;
  }
  INFO(text);
  CHECK(std::regex_match(text, bandwidth) == reads);
}

TEST_CASE("every key of the schema is described", "[spec][schema]") {
  const Json properties = Json::parse(json_schema()).at("properties");
  for (const auto& [block, schema] : properties.items()) {
    INFO(block);
    CHECK(schema.contains("description"));
    if (!schema.contains("properties")) continue;
    for (const auto& [key, value] : schema.at("properties").items()) {
      INFO(key);
      CHECK((value.contains("description") || value.contains("properties")));
    }
  }
}
