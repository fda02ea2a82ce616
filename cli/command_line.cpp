// SPDX-License-Identifier: Apache-2.0
// The verbs. Only command_line*.cpp knows the command-line parser. Each verb is an application of its own to it, so
// that a mistake is always answered with the options of the verb that was meant.
#include "cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "cli/command_line_parts.h"
#include "cli/completion.h"
#include "cli/engine_command.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/version.h"
#include "modeling/spec/nearest_name.h"

namespace windtunnel::cli {
namespace {

using modeling::in_quotes;
using modeling::suggestion;

/// Of one `--simulate`: by default; enough for intervals; what memory holds.
constexpr std::int64_t kSimulatedRequests = 50'000;
constexpr std::int64_t kFewestSimulatedRequests = 100;
constexpr std::int64_t kMostSimulatedRequests = 50'000'000;

/// `--simulate` may stand alone: a word that is no number belongs to the specs.
Arguments with_simulated_requests(const Arguments& arguments) {
  Arguments complete;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    complete.push_back(arguments[i]);
    if (arguments[i] != "--simulate") continue;
    const bool number_follows = i + 1 < arguments.size() && !arguments[i + 1].empty() &&
                                arguments[i + 1].find_first_not_of("0123456789") == std::string::npos;
    if (!number_follows) complete.back() += fmt::format("={}", kSimulatedRequests);
  }
  return complete;
}

void require_simulated_requests(const std::optional<std::int64_t>& requests) {
  if (!requests || (*requests >= kFewestSimulatedRequests && *requests <= kMostSimulatedRequests)) return;
  throw UsageError(fmt::format("--simulate is {}, expected a number of requests from {} to {}", *requests,
                               kFewestSimulatedRequests, kMostSimulatedRequests));
}

Command parse_run(CLI::App& app, const Arguments& arguments) {
  RunCommand command;
  std::vector<std::string> assignments;
  std::string format = "table";
  add_specs(app, command.specs);
  add_overrides(app, assignments);
  app.add_option("--format", format, "table, json (one object per line) or csv")->type_name("FORMAT");
  add_output(app, command.output);
  app.add_option("--report", command.report, "Write a page with pictures here (HTML, one file, works offline)")
      ->type_name("FILE");
  app.add_option("--trace", command.trace, "Training: draw one step for Perfetto or chrome://tracing")
      ->type_name("FILE.json");
  app.add_option("--series", command.series, "Serving with 'transient': a row per moment as CSV")
      ->type_name("FILE.csv");
  app.add_option("--simulate", command.simulated_requests,
                 "Serving: event simulation of N requests (50000 when left out) instead of the chains")
      ->type_name("N");
  parse(app, with_simulated_requests(arguments));
  require_specs(command.specs);
  require_simulated_requests(command.simulated_requests);
  if (!command.report.empty() && command.specs.size() > 1)
    throw UsageError("--report describes one spec, found " + std::to_string(command.specs.size()));
  if (!command.trace.empty() && command.specs.size() > 1) throw UsageError("--trace draws one spec, found several");
  if (!command.series.empty() && command.specs.size() > 1) throw UsageError("--series is of one spec, found several");
  command.overrides = parse_overrides(assignments);
  command.format = parse_format(format, {"table", "json", "csv"});
  return command;
}

Command parse_check(CLI::App& app, const Arguments& arguments) {
  CheckCommand command;
  std::vector<std::string> assignments;
  add_specs(app, command.specs);
  add_overrides(app, assignments);
  parse(app, arguments);
  require_specs(command.specs);
  command.overrides = parse_overrides(assignments);
  return command;
}

Command parse_profiles(CLI::App& app, const Arguments& arguments) {
  ProfilesCommand command;
  std::string format = "table";
  app.add_option("NAME", command.name, "A shipped device or the path of a profile file")->type_name("");
  app.add_flag("--software", command.software, "List the software generations and what each stands for");
  app.add_option("--format", format, "table or json")->type_name("FORMAT");
  parse(app, arguments);
  command.format = parse_format(format, {"table", "json"});
  return command;
}

Command parse_models(CLI::App& app, const Arguments& arguments) {
  ModelsCommand command;
  std::string format = "table";
  app.add_option("NAME", command.name, "A shipped shape, its name on the hub, or the path of a config.json")
      ->type_name("");
  app.add_option("--format", format, "table or json")->type_name("FORMAT");
  parse(app, arguments);
  command.format = parse_format(format, {"table", "json"});
  return command;
}

/// The engine's command stands behind our own options, in one quoted word or as it is.
Command parse_import(CLI::App& app, const Arguments& arguments) {
  ImportCommand command;
  app.add_option("--device", command.device, "The device it runs on, see windtunnel profiles")->type_name("NAME");
  add_output(app, command.output);
  auto own = arguments.begin();
  while (own != arguments.end() && is_option(*own)) {
    const bool has_value = own->find('=') == std::string::npos && *own != "--help" && *own != "-h";
    own += has_value && own + 1 != arguments.end() ? 2 : 1;
  }
  parse(app, Arguments(arguments.begin(), own));
  command.words.assign(own, arguments.end());
  if (command.words.empty()) throw UsageError("expected the command that starts an engine, 'vllm serve MODEL ...'");
  if (command.words.size() > 1) return command;
  try {
    command.words = shell_words(command.words.front());
  } catch (const EngineCommandError& error) {
    throw UsageError(error.what());
  }
  return command;
}

Command parse_schema(CLI::App& app, const Arguments& arguments) {
  parse(app, arguments);
  return SchemaCommand{};
}

Command parse_completion(CLI::App& app, const Arguments& arguments);

struct Verb {
  const char* name;
  const char* summary;
  const char* examples;
  Command (*parse)(CLI::App&, const Arguments&);
};

constexpr std::array<Verb, 12> kVerbs = {{
    {"run", "Answer each spec: times, rates, memory, where the time goes, the chains behind it",
     "Examples:\n"
     "  windtunnel run examples/llama3_405b_training.yaml\n"
     "  windtunnel run a.yaml b.yaml --format csv --output answers.csv\n"
     "  windtunnel run a.yaml --trace step.json\n"
     "  windtunnel run a.yaml --set training.micro_batch=2 --set cluster.device=h200-sxm-141gb --format json\n"
     "  windtunnel run a.yaml --report a.html\n",
     parse_run},
    {"sweep", "Answer one spec at every combination of some inputs, one CSV row per point",
     "VALUES: 1,2,4 or lo..hi:step or log(lo..hi:n), with units where the key has them.\n\n"
     "Examples:\n"
     "  windtunnel sweep a.yaml --vary training.micro_batch=1,2,4 --output sweep.csv\n"
     "  windtunnel sweep a.yaml --vary cluster.scale_out.bandwidth=100..800:100\\ Gb/s\n"
     "  windtunnel sweep a.yaml --vary 'cluster.scale_out.latency=log(1 us..100 us:9)' --vary "
     "training.micro_batch=1,2\n",
     parse_sweep},
    {"search", "Rank the legal layouts of a spec's model on its cluster",
     "Examples:\n"
     "  windtunnel search examples/llama3_405b_training.yaml --top 5\n"
     "  windtunnel search a.yaml --objective step_time_mean_s --keep tensor,schedule\n"
     "  windtunnel search a.yaml --format json --output layouts.json\n",
     parse_search},
    {"explain", "Derive the answer: operators, service times, chains with their rates, equations",
     "Examples:\n"
     "  windtunnel explain examples/llama3_405b_training.yaml\n"
     "  windtunnel explain a.yaml --format html --output derivation.html\n"
     "  windtunnel explain a.yaml --format dot | dot -Tsvg > chains.svg\n",
     parse_explain},
    {"solve", "Answer questions about any continuous-time Markov chain, each with a proven bound",
     "Examples:\n"
     "  windtunnel solve cluster.prism --const N=128 --property 'S=? [ \"premium\" ]'\n"
     "  windtunnel solve tandem.prism --const c=511 --properties tandem.props --format json\n"
     "  windtunnel solve queue.prism --const N=2:2:16,T=0:0.5:10 --property 'P=? [ F<=T x=N ]'\n"
     "  windtunnel solve big.tra --labels big.lab --property 'P=? [ F<=24 \"down\" ]'\n"
     "  windtunnel solve small.prism --export-dot small.dot\n",
     parse_solve},
    {"calibrate", "Fit a device's efficiency curves to measured operator times",
     "SAMPLES.csv has a header row and latency_ms beside the shape of what was measured:\n"
     "  dtype, m, n, k                                               matrix products\n"
     "  batch_size, kv_len, num_heads, num_kv_heads, head_dim        prefill attention\n"
     "  num_tokens, hidden_size, inter_size, topk, num_experts       grouped products of experts\n"
     "  op_name, num_gpus, bytes                                     collectives in one scale-up domain\n"
     "Prints the fragment of a profile and, as comments, the error on samples kept out of the fit.\n\n"
     "Examples:\n"
     "  windtunnel calibrate gemm.csv --device h100-sxm-80gb\n"
     "  windtunnel calibrate collectives.csv --device b200-sxm-180gb --where gpu=b200_sxm --format json\n",
     parse_calibrate},
    {"check", "Read specs with their model and device and say what is wrong, without running",
     "Examples:\n"
     "  windtunnel check examples/*.yaml\n",
     parse_check},
    {"profiles", "List the shipped devices, or every number of one with its unit, source and evidence",
     "Examples:\n"
     "  windtunnel profiles\n"
     "  windtunnel profiles h100-sxm-80gb\n"
     "  windtunnel profiles h100-sxm-80gb --format json\n"
     "  windtunnel profiles --software\n",
     parse_profiles},
    {"import", "Turn the command that starts vLLM, SGLang or TensorRT-LLM into a spec",
     "Each flag stands in a comment at the key it became; what was not translated is listed.\n\n"
     "Examples:\n"
     "  windtunnel import 'vllm serve Qwen/Qwen3-32B --tensor-parallel-size 2 --max-num-seqs 128' > a.yaml\n"
     "  windtunnel import --device h200-sxm-141gb python -m sglang.launch_server --model-path deepseek-ai/DeepSeek-R1 "
     "--tp 8\n",
     parse_import},
    {"models", "List the shipped model shapes, or show one: layers, parameters, FLOP and cache by sequence length",
     "Examples:\n"
     "  windtunnel models\n"
     "  windtunnel models Qwen/Qwen3-32B\n"
     "  windtunnel models path/to/config.json --format json\n",
     parse_models},
    {"schema", "Print the JSON Schema of a spec file, for editors",
     "Examples:\n"
     "  windtunnel schema > windtunnel.schema.json\n",
     parse_schema},
    {"completion", "Print a script that completes verbs, options and keys in bash, zsh or fish",
     "Examples:\n"
     "  source <(windtunnel completion bash)\n"
     "  source <(windtunnel completion zsh)\n"
     "  windtunnel completion fish > ~/.config/fish/completions/windtunnel.fish\n",
     parse_completion},
}};

/// A verb adds its options before it reads any argument, so asking it for help shows them.
VerbWords words_of(const Verb& verb) {
  CLI::App app(verb.summary, verb.name);
  try {
    verb.parse(app, {"--help"});
  } catch (const CLI::CallForHelp&) {
    // as asked
  }
  return {verb.name, verb.summary, option_names(app)};
}

Command parse_completion(CLI::App& app, const Arguments& arguments) {
  std::string shell;
  app.add_option("SHELL", shell, "bash, zsh or fish")->type_name("");
  parse(app, arguments);
  if (shell.empty()) throw UsageError("expected a shell, one of bash, zsh, fish");
  std::vector<VerbWords> verbs;
  for (const Verb& verb : kVerbs) verbs.push_back(words_of(verb));
  if (shell == "bash") return ImmediateAnswer{bash_completion(verbs)};
  if (shell == "zsh") return ImmediateAnswer{zsh_completion(verbs)};
  if (shell == "fish") return ImmediateAnswer{fish_completion(verbs)};
  throw UsageError("shell is " + in_quotes(shell) + ", expected one of bash, zsh, fish");
}

std::string general_help() {
  std::string text =
      "windtunnel predicts training, serving and availability of AI clusters with Markov chains.\n\n"
      "Usage: windtunnel VERB [OPTIONS]\n\nVerbs:\n";
  for (const Verb& verb : kVerbs) text += fmt::format("  {:<12}{}\n", verb.name, verb.summary);
  return text +
         "\nOptions:\n"
         "  --help    This text; `windtunnel VERB --help` for one verb\n"
         "  --version The version\n\n"
         "Exit codes: 0 answered, 1 no usable answer, 2 wrong command line or input.\n\n"
         "Examples:\n"
         "  windtunnel run examples/llama3_405b_training.yaml\n"
         "  windtunnel search examples/llama3_405b_training.yaml --top 5\n"
         "  windtunnel explain examples/llama3_405b_training.yaml\n";
}

ImmediateAnswer mistake(const std::string& text) {
  return {text, ExitCode::kBadInput};
}

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const Verb& verb : kVerbs) names.emplace_back(verb.name);
  return names;
}

ImmediateAnswer unknown_verb(const std::string& word) {
  const std::string kind = is_option(word) ? "option " : "verb ";
  return mistake("windtunnel: unknown " + kind + in_quotes(word) + suggestion(word, verb_names()));
}

Command parse_verb(const Verb& verb, const Arguments& arguments) {
  CLI::App app(verb.summary, std::string("windtunnel ") + verb.name);
  app.footer(verb.examples);
  try {
    return verb.parse(app, arguments);
  } catch (const CLI::CallForHelp&) {
    return ImmediateAnswer{app.help()};
  } catch (const CLI::ParseError& error) {
    return mistake(fmt::format("windtunnel {}: {}", verb.name, error.what()));
  } catch (const UsageError& error) {
    return mistake(fmt::format("windtunnel {}: {}", verb.name, error.what()));
  }
}

ExitCode answer(const ImmediateAnswer& ready) {
  if (ready.exit_code == ExitCode::kAnswered) {
    write_output(ready.text, "");
  } else {
    print_message(ready.text);
  }
  return ready.exit_code;
}

}  // namespace

Command parse_command_line(int argc, const char* const* argv) {
  if (argc < 2) {
    return mistake(
        fmt::format("windtunnel: expected a verb, one of {}; see windtunnel --help", fmt::join(verb_names(), ", ")));
  }
  const std::string word = argv[1];
  if (word == "--help" || word == "-h" || word == "help") return ImmediateAnswer{general_help()};
  if (word == "--version") return ImmediateAnswer{fmt::format("windtunnel {}\n", kVersion)};
  const auto verb = std::find_if(kVerbs.begin(), kVerbs.end(), [&](const Verb& known) { return word == known.name; });
  if (verb == kVerbs.end()) return unknown_verb(word);
  return parse_verb(*verb, Arguments(argv + 2, argv + argc));
}

ExitCode execute(const Command& command) {
  return std::visit([](const auto& one) { return answer(one); }, command);
}

}  // namespace windtunnel::cli
