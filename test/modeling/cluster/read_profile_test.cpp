// SPDX-License-Identifier: Apache-2.0
#include "modeling/cluster/read_profile.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "modeling/spec/data_files.h"
#include "modeling/spec/yaml_reader.h"
#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

namespace fs = std::filesystem;

std::string text_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

/// The profile in data/ with one piece of text replaced, as a file of its own.
class ChangedProfile {
 public:
  ChangedProfile(const std::string& found, const std::string& replacement) {
    std::string text = text_of(WINDTUNNEL_SOURCE_DIR "/test/modeling/cluster/data/device.yaml");
    const std::size_t at = text.find(found);
    REQUIRE(at != std::string::npos);
    text.replace(at, found.size(), replacement);
    std::ofstream(path_) << text;
  }
  ~ChangedProfile() { fs::remove(path_); }

  /// The message without the file, its line and its column.
  std::string error() const {
    Cluster cluster;
    cluster.device = path_.string();
    try {
      load_hardware_profile(cluster);
    } catch (const SpecError& error) {
      const std::string message = error.what();
      CHECK(message.rfind(path_.string() + ":", 0) == 0);
      return message.substr(message.find(": ") + 2);
    }
    return "no error";
  }

 private:
  fs::path path_ = fs::temp_directory_path() / ("windtunnel_profile_" + std::to_string(::getpid()) + ".yaml");
};

HardwareProfile load(const std::string& device) {
  Cluster cluster;
  cluster.device = device;
  return load_hardware_profile(cluster);
}

void check_ratio(const Figure& figure) {
  CHECK(figure.value > 0.0);
  CHECK(figure.value <= 1.0);
  CHECK_FALSE(figure.source.empty());
}

}  // namespace

TEST_CASE("the H100 profile is read in SI", "[cluster][profile]") {
  const HardwareProfile h100 = load("H100-SXM-80GB");
  const auto peak = [&](Precision precision) {
    return h100.compute.peak_flop_per_s[static_cast<std::size_t>(precision)];
  };
  CHECK(h100.name == "h100-sxm-80gb");
  REQUIRE(peak(Precision::kBf16).has_value());
  CHECK(peak(Precision::kBf16)->value == 989.4e12);
  CHECK(peak(Precision::kBf16)->evidence == Evidence::kDatasheet);
  CHECK_FALSE(peak(Precision::kNvfp4).has_value());
  CHECK(h100.memory.capacity_bytes.value == 80.0 * 1073741824.0);
  CHECK(h100.memory.bandwidth_bytes_per_s.value == 3.35e12);
  CHECK(h100.devices_per_node == 8);
  CHECK(h100.scale_out.bandwidth_bytes_per_s.value == 50e9);
  CHECK(h100.fabric.topology == "rail_optimized_fat_tree");
  REQUIRE_FALSE(h100.components.empty());
  CHECK(h100.components[0].states[0].name == "healthy");
}

TEST_CASE("every shipped profile is whole, physical and called like its file", "[cluster][profile]") {
  for (const std::string& name : hardware_profile_names()) {
    INFO(name);
    const HardwareProfile profile = load(name);
    CHECK(profile.name == name);
    const auto& peak = profile.compute.peak_flop_per_s;
    const auto index = [](Precision precision) { return static_cast<std::size_t>(precision); };
    CHECK((peak[index(Precision::kBf16)].has_value() || peak[index(Precision::kFp16)].has_value()));
    check_ratio(profile.memory.stream_ratio);
    check_ratio(profile.scale_up.efficiency_ratio);
    check_ratio(profile.scale_out.efficiency_ratio);
    CHECK(profile.memory.reserved_bytes.value < profile.memory.capacity_bytes.value);
    CHECK(profile.scale_up_domain_devices >= 1);
    for (const auto& gemm : profile.compute.gemm) {
      if (gemm) check_ratio(gemm->compute_ratio);
    }
    for (const Component& component : profile.components) CHECK(component.states.front().speed_ratio == 1.0);
  }
}

TEST_CASE("every shipped software generation is read and called like its file", "[cluster][software]") {
  for (const std::string& name : software_names()) {
    INFO(name);
    std::vector<std::string> warnings;
    CHECK(load_software({}, name, warnings).name == name);
    CHECK(warnings.empty());
  }
}

TEST_CASE("Devices people rent are shipped under their own names", "[cluster][profile]") {
  const std::vector<std::string> names = hardware_profile_names();
  for (const char* name : {"rtx-4090-24gb", "rtx-5090-32gb", "a10g-24gb", "l20-48gb", "a30-24gb", "h100-pcie-80gb",
                           "h100-nvl-94gb", "h20-sxm-141gb", "h200-nvl-141gb", "mi355x", "ascend-910b1-64gb",
                           "ascend-910b3-64gb", "ascend-910b4-32gb", "gaudi-3", "tpu-v5e", "gb10-128gb"}) {
    INFO(name);
    CHECK(std::find(names.begin(), names.end(), name) != names.end());
  }
  // A product is not answered with another one's memory: the H20 of 141 GB has the arithmetic of the 96 GB one.
  CHECK(load("h20-sxm-141gb").memory.capacity_bytes.value > 1.4 * load("h20-sxm-96gb").memory.capacity_bytes.value);
}

TEST_CASE("an unknown device is located in the spec, with the nearest name", "[cluster][profile][messages]") {
  Cluster cluster;
  cluster.device = "h100-sxm-80g";
  cluster.device_location = {"f.yaml", 3, 11};
  CHECK_THROWS_WITH(load_hardware_profile(cluster),
                    "f.yaml:3:11: unknown device 'h100-sxm-80g', did you mean 'h100-sxm-80gb'?");
  cluster.device = "./nothing.yaml";
  CHECK_THROWS_WITH(load_hardware_profile(cluster), "./nothing.yaml: cannot be opened: No such file or directory");
}

TEST_CASE("a profile states a unit, evidence and a known source for each figure", "[cluster][profile][messages]") {
  const std::string bandwidth = "bandwidth: {value: 3.35 TB/s, evidence: datasheet, source: nvidia-h100}";
  const auto error = [&](const std::string& replacement) { return ChangedProfile(bandwidth, replacement).error(); };
  CHECK(error("bandwidth: {value: 3.35, evidence: datasheet, source: nvidia-h100}") ==
        "'3.35' has no unit, expected a bandwidth such as 3.35 TB/s");
  CHECK(error("bandwidth: {value: 0 TB/s, evidence: datasheet, source: nvidia-h100}") ==
        "found '0 TB/s', expected more than 0");
  CHECK(error("bandwidth: {value: 3.35 TB/s, source: nvidia-h100}") == "missing key 'evidence'");
  CHECK(error("bandwidth: {value: 3.35 TB/s, evidence: datasheet}") == "missing key 'source'");
  CHECK(error("bandwidth: {value: 3.35 TB/s, evidence: guessed, source: nvidia-h100}") ==
        "unknown value 'guessed', expected one of measured, datasheet, derived, assumed");
  CHECK(error("bandwidth: {value: 3.35 TB/s, evidence: datasheet, source: nvidia-h10}") ==
        "unknown source 'nvidia-h10', did you mean 'nvidia-h100'?");
  CHECK(error("bandwith: {value: 3.35 TB/s, evidence: datasheet, source: nvidia-h100}") ==
        "unknown key 'bandwith', did you mean 'bandwidth'?");
  CHECK(error("bandwidth: 3.35 TB/s") == "found '3.35 TB/s', expected a map (key: value)");
}

TEST_CASE("a component's transitions name its states and take a rate or a mean time", "[cluster][profile]") {
  CHECK(ChangedProfile("from: healthy, to: failed", "from: healthy, to: faild").error() ==
        "unknown value 'faild', expected one of healthy, throttled, failed, did you mean 'failed'?");
  CHECK(ChangedProfile("{name: throttled, speed: 0.85}", "{name: throttled, speed: 1.5}").error() ==
        "found '1.5', expected a number from 0 to 1");
  CHECK(ChangedProfile("{value: 1 /d, evidence: assumed, source: repair}",
                       "{value: 1 d, evidence: assumed, source: repair}")
            .error() == "no error");
}

TEST_CASE("an unknown software generation takes the nearest of its family", "[cluster][software]") {
  const HardwareProfile h100 = load("h100-sxm-80gb");
  std::vector<std::string> warnings;
  const SoftwareGeneration stand_in = load_software(h100, "megatron-1999", warnings);
  CHECK(stand_in.family == "megatron");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0] ==
        "no profile of software 'megatron-1999', the nearest of its family '" + stand_in.name + "' stands in");
}

TEST_CASE("an unknown family takes the device's default", "[cluster][software]") {
  const HardwareProfile h100 = load("h100-sxm-80gb");
  std::vector<std::string> warnings;
  CHECK(load_software(h100, "abacus-1", warnings).name == h100.default_training_software);
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0] ==
        "no profile of software 'abacus-1' or its family, '" + h100.default_training_software + "' stands in");
  CHECK(load_software(h100, "", warnings).name == h100.default_training_software);
  CHECK(warnings.size() == 1);
}
