// SPDX-License-Identifier: Apache-2.0
#include "test/program/program.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "test/catch.h"

namespace windtunnel::test {
namespace {

namespace fs = std::filesystem;

/// A job that fits on one node and takes no time to answer.
const std::string kSmall = "test/program/small_training.yaml";

/// A file in the build tree with the given content, gone when the test ends.
class ScratchFile {
 public:
  ScratchFile(const std::string& name, const std::string& content) : path_(scratch_path(name)) {
    std::ofstream(path_) << content;
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  ~ScratchFile() { fs::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST_CASE("run answers on standard output and says nothing else", "[program]") {
  const Outcome outcome = run_program("run " + kSmall);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.err.empty());
  CHECK_THAT(outcome.out, ContainsSubstring("step_time_mean_s") && ContainsSubstring("\nchains\n"));
  CHECK(outcome.out.find('\x1b') == std::string::npos);
}

TEST_CASE("JSON: one object per spec and line, in order, with the measures of the contract", "[program]") {
  const Outcome outcome = run_program("run " + kSmall + " " + kSmall + " --format json --set training.micro_batch=2");
  CHECK(outcome.exit_code == 0);
  const std::vector<std::string> lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == lines[1]);
  const nlohmann::json root = nlohmann::json::parse(lines[0]);
  CHECK(root["windtunnel"] == WINDTUNNEL_VERSION);
  CHECK(root["spec"] == kSmall);
  CHECK(root["study"] == "training");
  CHECK(root["failure"].is_null());
  for (const char* name :
       {"step_time_mean_s", "step_time_std_s", "step_time_p50_s", "step_time_p95_s", "step_time_p99_s",
        "tokens_per_s_per_device", "model_flop_per_s_per_device", "mfu_ratio", "memory_per_device_bytes"}) {
    INFO(name);
    CHECK(root["measures"][name].is_number());
  }
  double sum = 0.0;
  for (const auto& share : root["breakdown"]["activity"]) sum += share.get<double>();
  // A dozen shares, each rounded once: their sum is 1 up to a few units in the last place.
  CHECK(sum == Approx(1.0).epsilon(1e-14));
  REQUIRE_FALSE(root["chains"].empty());
  for (const auto& chain : root["chains"]) CHECK(chain["states"].get<long long>() > 0);
}

TEST_CASE("Percentiles are ordered and the mean lies among them", "[program]") {
  const nlohmann::json measures =
      nlohmann::json::parse(run_program("run " + kSmall + " --format json").out)["measures"];
  CHECK(measures["step_time_p50_s"] < measures["step_time_p95_s"]);
  CHECK(measures["step_time_p95_s"] < measures["step_time_p99_s"]);
  CHECK(measures["step_time_mean_s"] < measures["step_time_p99_s"]);
}

TEST_CASE("CSV: a header and one row per spec", "[program]") {
  const Outcome outcome = run_program("run " + kSmall + " " + kSmall + " --format csv");
  const std::vector<std::string> lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].starts_with("spec,study,step_time_mean_s,"));
  CHECK(lines[0].ends_with(",status"));
  CHECK(lines[1].starts_with(kSmall + ",training,"));
  CHECK(lines[1].ends_with(",ok"));
}

TEST_CASE("A bad spec does not stop the others, and the worst exit code counts", "[program]") {
  const ScratchFile bad("bad.yaml", "study: training\nclutser: {}\n");
  const Outcome outcome = run_program("run '" + bad.path() + "' missing.yaml " + kSmall + " --format json");
  CHECK(outcome.exit_code == 2);
  CHECK(lines_of(outcome.out).size() == 1);
  const std::vector<std::string> messages = lines_of(outcome.err);
  REQUIRE(messages.size() == 2);
  CHECK_THAT(messages[0], ContainsSubstring(bad.path() + ":"));
  CHECK_THAT(messages[1], ContainsSubstring("missing.yaml: "));
}

TEST_CASE("A job that cannot fit has exit code 1, a reason, and JSON of the usual shape", "[program]") {
  const Outcome outcome = run_program("run " + kSmall + " --format json --set model.num_hidden_layers=1000");
  CHECK(outcome.exit_code == 1);
  CHECK(lines_of(outcome.err).size() >= 1);
  const nlohmann::json root = nlohmann::json::parse(outcome.out);
  CHECK(root["failure"].is_string());
  CHECK(root["measures"].contains("step_time_mean_s"));
  CHECK(root["measures"]["step_time_mean_s"].is_null());
}

TEST_CASE("--output writes the file and nothing to standard output", "[program]") {
  const ScratchFile file("answer.json", "old");
  const Outcome outcome = run_program("run " + kSmall + " --format json --output '" + file.path() + "'");
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.out.empty());
  CHECK(nlohmann::json::parse(content_of(file.path()))["spec"] == kSmall);
}

TEST_CASE("An output that cannot be written is one line and exit code 2", "[program]") {
  const Outcome missing = run_program("run " + kSmall + " --output no/such/folder/a.json");
  CHECK(missing.exit_code == 2);
  CHECK(missing.err == "cannot write 'no/such/folder/a.json': No such file or directory\n");
  const Outcome full = run_program("run " + kSmall + " >/dev/full");
  CHECK(full.exit_code == 2);
  CHECK(full.err == "cannot write to standard output: No space left on device\n");
  const Outcome closed = run_program("run " + kSmall + " >&-");
  CHECK(closed.exit_code == 2);
  CHECK(closed.err == "cannot write to standard output: Bad file descriptor\n");
}

TEST_CASE("A reader that has seen enough is no error", "[program]") {
  const Outcome outcome = run_program("profiles h100-sxm-80gb | head -n 1");
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.err.empty());
  CHECK(lines_of(outcome.out).size() == 1);
}

TEST_CASE("check says ok or what is wrong, for each file", "[program]") {
  const Outcome outcome = run_program("check " + kSmall + " missing.yaml");
  CHECK(outcome.exit_code == 2);
  CHECK(outcome.out == kSmall + ": ok\n");
  CHECK_THAT(outcome.err, ContainsSubstring("missing.yaml: "));
  const Outcome device = run_program("check " + kSmall + " --set cluster.device=h100-sxm-80bg");
  CHECK(device.exit_code == 2);
  CHECK_THAT(device.err, ContainsSubstring("h100-sxm-80gb"));
}

TEST_CASE("profiles lists every shipped device", "[program]") {
  const Outcome outcome = run_program("profiles");
  CHECK(outcome.exit_code == 0);
  const std::string folder = std::string(WINDTUNNEL_SOURCE_DIR) + "/hardware_profiles/devices";
  for (const auto& entry : fs::directory_iterator(folder)) {
    CHECK_THAT(outcome.out, ContainsSubstring("\n" + entry.path().stem().string() + " "));
  }
}

TEST_CASE("profiles NAME prints each number with unit, evidence and source", "[program]") {
  const std::string table = run_program("profiles h100-sxm-80gb").out;
  CHECK_THAT(table,
             ContainsSubstring("memory.bandwidth") && ContainsSubstring("3.35 TB/s") && ContainsSubstring("datasheet"));
  const nlohmann::json root = nlohmann::json::parse(run_program("profiles h100-sxm-80gb --format json").out);
  int bandwidths = 0;
  for (const auto& fact : root["facts"]) {
    if (fact["key"] != "memory.bandwidth") continue;
    ++bandwidths;
    CHECK(fact["value"] == 3.35);
    CHECK(fact["unit"] == "TB/s");
    CHECK(fact["evidence"] == "datasheet");
    CHECK(root["sources"].contains(fact["source"].get<std::string>()));
  }
  CHECK(bandwidths == 1);
}

TEST_CASE("An unknown profile is answered with the nearest one", "[program]") {
  const Outcome outcome = run_program("profiles h100-sxm-80bg");
  CHECK(outcome.exit_code == 2);
  CHECK(outcome.out.empty());
  CHECK_THAT(outcome.err, ContainsSubstring("h100-sxm-80gb"));
}

TEST_CASE("schema prints a JSON Schema", "[program]") {
  const nlohmann::json schema = nlohmann::json::parse(run_program("schema").out);
  CHECK(schema.contains("$schema"));
  for (const char* block : {"study", "model", "cluster", "training"}) CHECK(schema["properties"].contains(block));
}

TEST_CASE("Mistakes on the command line are one line on standard error", "[program]") {
  const std::string arguments = GENERATE("rnu", "run", "run --fromat csv a.yaml", "run a.yaml --format xml", "");
  const Outcome outcome = run_program(arguments);
  CHECK(outcome.exit_code == 2);
  CHECK(outcome.out.empty());
  CHECK(lines_of(outcome.err).size() == 1);
}

TEST_CASE("Help and version go to standard output", "[program]") {
  CHECK(run_program("--version").out == std::string("windtunnel ") + WINDTUNNEL_VERSION + "\n");
  const Outcome help = run_program("run --help");
  CHECK(help.exit_code == 0);
  CHECK_THAT(help.out, ContainsSubstring("--set") && ContainsSubstring("--output") && ContainsSubstring("Examples:"));
}

TEST_CASE("sweep: full paths first, status last, NA where there is no answer, exit code 0 when any point has one",
          "[program][sweep]") {
  const Outcome outcome =
      run_program("sweep " + kSmall + " --vary training.micro_batch=1,3 --vary training.zero_stage=0..1");
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.err.empty());
  const std::vector<std::string> lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 5);
  CHECK(lines[0].starts_with("training.micro_batch,training.zero_stage,step_time_mean_s,"));
  CHECK(lines[0].ends_with(",status"));
  CHECK(lines[1].starts_with("1,0,"));
  CHECK(lines[1].ends_with(",ok"));
  CHECK(lines[4].starts_with("3,1,NA,NA,"));
  CHECK_THAT(lines[4], ContainsSubstring("global_batch 64 is not divisible by data 2 x micro_batch 3"));
}

TEST_CASE("No result overwrites the spec or another result", "[program]") {
  const fs::path folder = fs::path(WINDTUNNEL_BINARY_DIR) / "test" / "separate_files";
  fs::remove_all(folder);
  fs::create_directories(folder);
  fs::copy_file(fs::path(WINDTUNNEL_SOURCE_DIR) / kSmall, folder / "spec.yaml");
  fs::create_symlink("spec.yaml", folder / "link.yaml");
  const std::string spec = (folder / "spec.yaml").string(), before = content_of(spec);
  for (const std::string& name : {spec, (folder / "link.yaml").string(), (folder / "." / "spec.yaml").string()}) {
    for (const char* option : {"--output ", "--report ", "--trace "}) {
      const Outcome outcome = run_program("run " + spec + " " + option + name);
      CHECK(outcome.exit_code == 2);
      CHECK(outcome.err == "cannot write '" + name + "': it is the input '" + spec + "'\n");
    }
    CHECK(run_program("sweep " + spec + " --vary training.micro_batch=1 --output " + name).exit_code == 2);
  }
  CHECK(content_of(spec) == before);
  const std::string one = (folder / "one.json").string();
  CHECK(run_program("run " + spec + " --output " + one + " --trace " + one).exit_code == 2);
  CHECK_FALSE(fs::exists(one));
}

TEST_CASE("sweep: warnings of each point stand in its row and are counted", "[program][sweep]") {
  const Outcome outcome = run_program("sweep " + kSmall + " --vary cluster.software=megatron-2025,megatron-2033");
  CHECK(outcome.exit_code == 0);
  CHECK_THAT(outcome.err, ContainsSubstring("1 of 2 points have warnings, see the column 'warnings'"));
  const std::vector<std::string> lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].ends_with(",warnings,status"));
  CHECK(lines[1].ends_with(",,ok"));
  CHECK_THAT(lines[2], ContainsSubstring("megatron-2033"));
}

TEST_CASE("sweep: each row is what run says", "[program][sweep]") {
  const std::vector<std::string> lines =
      lines_of(run_program("sweep " + kSmall + " --vary training.micro_batch=4").out);
  const nlohmann::json run =
      nlohmann::json::parse(run_program("run " + kSmall + " --set training.micro_batch=4 --format json").out);
  REQUIRE(lines.size() == 2);
  CHECK(std::stod(lines[1].substr(2)) == run["measures"]["step_time_mean_s"].get<double>());
}

TEST_CASE("sweep: a misspelt path and points that all cannot be are exit code 2, no answer at all is 1",
          "[program][sweep]") {
  const Outcome misspelt = run_program("sweep " + kSmall + " --vary training.micro_bach=1,2");
  CHECK(misspelt.exit_code == 2);
  CHECK(misspelt.out.empty());
  CHECK(misspelt.err == "--vary training.micro_bach:1:1: unknown key 'micro_bach', did you mean 'micro_batch'?\n");
  const Outcome impossible = run_program("sweep " + kSmall + " --vary training.micro_batch=3,5");
  CHECK(impossible.exit_code == 2);
  CHECK(lines_of(impossible.out).size() == 3);
  CHECK(run_program("sweep " + kSmall + " --vary model.num_hidden_layers=4000").exit_code == 1);
}

TEST_CASE("sweep: an interrupted one goes on where it stopped, into a file that is whole", "[program][sweep]") {
  const std::string file = scratch_path("sweep.csv");
  const std::string command = "sweep " + kSmall + " --vary training.micro_batch=1,2,4 --resume --output " + file;
  CHECK(run_program(command).exit_code == 0);
  const std::string whole = content_of(file);
  CHECK_FALSE(fs::exists(file + ".partial"));
  // Half a run: the header, one finished point, and a second one cut short.
  fs::remove(file);
  CHECK(run_program(command + " --vary training.zero_stage=1").exit_code == 0);
  fs::remove(file);
  std::ofstream(file + ".partial") << "windtunnel sweep of something else\n{\"point\":0}\n";
  CHECK(run_program(command).exit_code == 0);
  CHECK(content_of(file) == whole);
  fs::remove(file);
}

TEST_CASE("search: JSON as in the contract", "[program][search]") {
  const Outcome outcome = run_program("search " + kSmall + " --format json --top 3");
  CHECK(outcome.exit_code == 0);
  const nlohmann::json root = nlohmann::json::parse(outcome.out);
  CHECK(root["counts"]["evaluated"].get<int>() > 3);
  CHECK(root["counts"]["rejected"].is_object());
  REQUIRE(root["layouts"].size() == 3);
  const nlohmann::json& best = root["layouts"][0];
  for (const char* key :
       {"tensor", "pipeline", "data", "context", "expert", "virtual_stages", "micro_batch", "recompute", "zero_stage",
        "schedule", "pareto", "tokens_per_s_per_device", "memory_per_device_bytes"}) {
    INFO(key);
    CHECK(best.contains(key));
  }
  CHECK(best["tokens_per_s_per_device"] >= root["layouts"][1]["tokens_per_s_per_device"]);
  CHECK(run_program("search " + kSmall + " --top 3").exit_code == 0);
  CHECK(lines_of(run_program("search " + kSmall + " --top 3 --format csv").out).size() == 4);
}

TEST_CASE("run: sensitivities in JSON, in sentences and as columns; a page beside them", "[program]") {
  const std::string page = scratch_path("page.html");
  const nlohmann::json root =
      nlohmann::json::parse(run_program("run " + kSmall + " --format json --report " + page).out);
  REQUIRE_FALSE(root["sensitivities"].empty());
  for (const char* key : {"path", "measure", "elasticity", "input_value"})
    CHECK(root["sensitivities"][0].contains(key));
  CHECK(content_of(page).starts_with("<!doctype html>"));
  fs::remove(page);
  CHECK_THAT(run_program("run " + kSmall).out, ContainsSubstring("\nwhat would help most\n  10 % more "));
  CHECK_THAT(run_program("run " + kSmall + " --format csv").out,
             ContainsSubstring(",elasticity.step_time_mean_s.cluster.scale_up.bandwidth,"));
}

TEST_CASE("explain: every format tells the chains and the answer", "[program][explain]") {
  CHECK_THAT(run_program("explain " + kSmall).out,
             ContainsSubstring("Chain: device") && ContainsSubstring("The answer"));
  CHECK_THAT(run_program("explain " + kSmall).out, ContainsSubstring("Operators of one layer") &&
                                                       ContainsSubstring("From layers to a step") &&
                                                       ContainsSubstring("mlp") && ContainsSubstring("rate per s"));
  CHECK_THAT(run_program("explain examples/llama3_54_days.yaml").out,
             ContainsSubstring("What stops the job") && ContainsSubstring("Checkpoints"));
  CHECK_THAT(run_program("explain " + kSmall + " --format markdown").out, ContainsSubstring("$$\\pi Q = 0"));
  CHECK_THAT(run_program("explain " + kSmall + " --format html").out, ContainsSubstring("<math"));
  CHECK_THAT(run_program("explain " + kSmall + " --format dot").out, ContainsSubstring("digraph windtunnel {"));
}

TEST_CASE("completion: bash finds verbs and keys", "[program][completion]") {
  if (std::system("command -v bash >/dev/null 2>&1") != 0) {
    WARN("skipped: bash not found");
    return;
  }
  const std::string script = scratch_path("completion.sh");
  std::ofstream(script)
      << run_program("completion bash").out
      << "COMP_WORDS=(windtunnel se); COMP_CWORD=1; _windtunnel; echo \"${COMPREPLY[@]}\"\n"
      << "COMP_WORDS=(windtunnel run --set training.micro); COMP_CWORD=3; _windtunnel; echo \"${COMPREPLY[@]}\"\n";
  CHECK(run_program("--version >/dev/null && bash " + script).out == "search\ntraining.micro_batch=\n");
  fs::remove(script);
}

}  // namespace
}  // namespace windtunnel::test
