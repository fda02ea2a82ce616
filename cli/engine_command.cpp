// SPDX-License-Identifier: Apache-2.0
#include "cli/engine_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "modeling/spec/data_files.h"
#include "modeling/spec/engine_flags.h"
#include "modeling/spec/nearest_name.h"

namespace windtunnel::cli {
namespace {

using modeling::flag_name;
using modeling::in_quotes;

/// `key: value  # why`.
struct ImportedKey {
  std::string value;
  std::string why;
};

struct EngineStart {
  std::string engine;
  /// As the engine names it, for comments.
  std::string title;
  std::vector<std::string> arguments;
};

/// A flag and what stands behind it; empty for switches.
struct EngineFlag {
  std::string name;
  std::string written;
  std::string value;
};

bool has_ending(const std::string& text, const std::string& ending) {
  return text.size() >= ending.size() && text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

bool holds(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

/// Where the engine's own arguments begin.
EngineStart start_of(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string name = words[i].substr(words[i].find_last_of('/') + 1);
    const auto rest = [&](std::size_t skipped) {
      return std::vector<std::string>(words.begin() + static_cast<std::ptrdiff_t>(std::min(words.size(), i + skipped)),
                                      words.end());
    };
    const bool serves = i + 1 < words.size() && words[i + 1] == "serve";
    if (name == "vllm" && serves) return {"vllm", "vLLM", rest(2)};
    if (words[i] == "vllm.entrypoints.openai.api_server" || words[i] == "vllm.entrypoints.api_server")
      return {"vllm", "vLLM", rest(1)};
    if (holds(words[i], "vllm/vllm-openai")) return {"vllm", "vLLM", rest(1)};
    if (words[i] == "sglang.launch_server") return {"sglang", "SGLang", rest(1)};
    if (name == "sglang" && serves) return {"sglang", "SGLang", rest(2)};
    if (name == "trtllm-serve") return {"trtllm", "TensorRT-LLM", rest(serves ? 2 : 1)};
  }
  throw EngineCommandError(
      "found no engine, expected a command with 'vllm serve', 'python -m sglang.launch_server' or 'trtllm-serve'");
}

/// Flags without a value. What is not in here takes the next word unless that is a flag or the last word.
bool is_switch(const std::string& name) {
  static const std::set<std::string> kSwitches = {"trust_remote_code",       "enable_expert_parallel",
                                                  "enable_chunked_prefill",  "no_enable_chunked_prefill",
                                                  "enable_prefix_caching",   "no_enable_prefix_caching",
                                                  "enforce_eager",           "disable_log_requests",
                                                  "enable_auto_tool_choice", "async_scheduling",
                                                  "enable_dp_attention",     "enable_mixed_chunk",
                                                  "enable_ep_moe",           "enable_deepep_moe",
                                                  "disable_radix_cache",     "disable_cuda_graph",
                                                  "enable_torch_compile",    "enable_metrics"};
  return kSwitches.count(name) > 0;
}

/// Of no influence on times and memory.
bool is_idle(const std::string& name) {
  static const std::set<std::string> kIdle = {"host",
                                              "port",
                                              "api_key",
                                              "served_model_name",
                                              "trust_remote_code",
                                              "chat_template",
                                              "tokenizer",
                                              "tokenizer_mode",
                                              "download_dir",
                                              "seed",
                                              "revision",
                                              "log_level",
                                              "log_requests",
                                              "load_format",
                                              "disable_log_requests",
                                              "tool_call_parser",
                                              "reasoning_parser",
                                              "enable_auto_tool_choice",
                                              "uvicorn_log_level",
                                              "enable_metrics"};
  return kIdle.count(name) > 0;
}

class EngineFlags {
 public:
  explicit EngineFlags(const std::vector<std::string>& arguments) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const std::string& word = arguments[i];
      if (word.size() < 2 || word.front() != '-') {
        if (model_.empty())
          model_ = word;
        else
          loose_.push_back(word);
        continue;
      }
      const auto equals = word.find('=');
      EngineFlag flag{flag_name(word.substr(0, equals)), word.substr(0, equals), ""};
      if (equals != std::string::npos) {
        flag.value = word.substr(equals + 1);
      } else if (!is_switch(flag.name) && i + 1 < arguments.size() && takes(arguments[i + 1])) {
        flag.value = arguments[++i];
      }
      flags_.push_back(std::move(flag));
    }
  }

  /// The last of these that is given, taken from what is left to translate.
  std::optional<EngineFlag> take(const std::vector<std::string>& names) {
    std::optional<EngineFlag> found;
    for (auto flag = flags_.begin(); flag != flags_.end();) {
      if (std::find(names.begin(), names.end(), flag->name) == names.end()) {
        ++flag;
      } else {
        found = *flag;
        flag = flags_.erase(flag);
      }
    }
    return found;
  }

  const std::string& first_word() const { return model_; }
  const std::vector<EngineFlag>& left() const { return flags_; }
  const std::vector<std::string>& loose() const { return loose_; }

 private:
  static bool takes(const std::string& next) {
    return next.empty() || next.front() != '-' || (next.size() > 1 && next[1] >= '0' && next[1] <= '9');
  }

  std::string model_;
  std::vector<EngineFlag> flags_;
  std::vector<std::string> loose_;
};

/// `131072`, `32k` (1,000) and `32K` (1,024), as vLLM reads them.
std::int64_t count_of(const EngineFlag& flag) {
  std::int64_t value = 0;
  const char* const end = flag.value.data() + flag.value.size();
  const auto [stop, error] = std::from_chars(flag.value.data(), end, value);
  const std::string unit(stop, end);
  static const std::map<std::string, std::int64_t> kUnits = {
      {"", 1}, {"k", 1000}, {"K", 1024}, {"m", 1'000'000}, {"M", 1'048'576}};
  const auto factor = kUnits.find(unit);
  constexpr std::int64_t kMost = 1'000'000'000;
  if (error != std::errc() || factor == kUnits.end() || value < 1 || value > kMost / factor->second)
    throw EngineCommandError(
        fmt::format("{} is {}, expected a whole number above 0", flag.written, in_quotes(flag.value)));
  return value * factor->second;
}

std::string ratio_of(const EngineFlag& flag) {
  double value = 0.0;
  const char* const end = flag.value.data() + flag.value.size();
  const auto [stop, error] = std::from_chars(flag.value.data(), end, value);
  if (error != std::errc() || stop != end || !(value > 0.0 && value <= 1.0))
    throw EngineCommandError(fmt::format("{} is {}, expected a share up to 1", flag.written, in_quotes(flag.value)));
  return flag.value;
}

std::string as_written(const EngineFlag& flag) {
  std::string text = flag.written + (flag.value.empty() ? "" : " " + flag.value);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

/// `RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic` -> `llama-3.3-70b`, if that shape is shipped.
std::optional<std::string> shipped_shape(const std::string& model) {
  std::string name = modeling::lower_case(model.substr(model.find_last_of('/') + 1));
  if (name.rfind("meta-", 0) == 0) name = name.substr(5);
  const std::vector<std::string> shapes = modeling::data_names("model_shapes");
  std::optional<std::string> longest;
  for (const std::string& shape : shapes) {
    // What follows the shape's name is a tune or a format, never another size.
    const bool matches = name == shape || (name.rfind(shape + "-", 0) == 0);
    if (matches && (!longest || shape.size() > longest->size())) longest = shape;
  }
  return longest;
}

/// The format that a name or `--quantization` says.
std::optional<std::string> format_named(const std::string& text) {
  const std::string name = modeling::lower_case(text);
  if (holds(name, "awq") || holds(name, "gptq") || holds(name, "int4") || holds(name, "w4a16") ||
      holds(name, "bitsandbytes"))
    return "int4";
  if (holds(name, "nvfp4") || holds(name, "modelopt_fp4") || has_ending(name, "-fp4")) return "nvfp4";
  if (holds(name, "mxfp4") || holds(name, "gpt-oss")) return "mxfp4";
  if (holds(name, "fp8") || name == "modelopt" || holds(name, "deepseek-r1") || holds(name, "deepseek-v3") ||
      holds(name, "kimi-k2"))
    return "fp8";
  if (holds(name, "w8a8") || holds(name, "int8")) return "int8";
  return std::nullopt;
}

class ImportedSpec {
 public:
  ImportedSpec(const EngineStart& start, std::string device)
      : start_(start), device_(std::move(device)), flags_(start.arguments) {}

  std::string text() {
    read_degrees();
    read_limits();
    read_formats();
    const std::string model = model_block();
    const std::string speculative = speculative_lines();
    std::string text =
        fmt::format("# From a command of {}; lines marked PLACEHOLDER are not in it: state your own.\n", start_.title);
    text += list("Without influence on times and memory", true);
    text += list("NOT translated", false);
    text += "study: serving\n" + model;
    text += "cluster:\n  device: " +
            (device_.empty() ? "h100-sxm-80gb  # PLACEHOLDER: `windtunnel profiles` lists them\n" : device_ + "\n");
    text += fmt::format("  num_devices: {}\nserving:\n  engine: {}\n", replicas_ * tensor_ * pipeline_ * data_,
                        start_.engine);
    for (const std::string& line : lines_) text += "  " + line + "\n";
    text += speculative;
    text +=
        "traffic:\n"
        "  concurrency: 64  # PLACEHOLDER: or arrival_rate, or a trace of your own requests\n"
        "  classes:\n"
        "    - {name: measured, share: 1, prompt_tokens: 1024, output_tokens: {mean: 256, scv: 1}}  # PLACEHOLDER\n";
    return text;
  }

 private:
  void add(const std::string& key, const std::string& value, const std::string& why) {
    lines_.push_back(fmt::format("{}: {}{}", key, value, why.empty() ? "" : "  # " + why));
  }

  std::int64_t degree(const std::vector<std::string>& names, std::string& why) {
    const auto flag = flags_.take(names);
    if (!flag) return 1;
    why += (why.empty() ? "" : ", ") + as_written(*flag);
    return count_of(*flag);
  }

  void read_degrees() {
    std::string why;
    tensor_ = degree({"tensor_parallel_size", "tensor_parallel", "tp", "tp_size"}, why);
    pipeline_ = degree({"pipeline_parallel_size", "pipeline_parallel", "pp", "pp_size"}, why);
    data_ = degree({"data_parallel_size", "data_parallel", "dp", "dp_size"}, why);
    std::int64_t expert = degree({"expert_parallel_size", "ep", "ep_size"}, why);
    const auto attention = flags_.take({"enable_dp_attention"});
    if (attention) why += ", " + as_written(*attention);
    if (start_.engine == "sglang" && attention) {
      // SGLang's tp counts the devices of an engine; attention is split over tp / dp of them.
      if (tensor_ % data_ != 0)
        throw EngineCommandError(fmt::format("tp {} is not a multiple of dp {}", tensor_, data_));
      tensor_ /= data_;
    } else if (start_.engine == "sglang") {
      replicas_ = data_;
      data_ = 1;
    }
    if (const auto spread = flags_.take({"enable_expert_parallel", "enable_ep_moe", "enable_deepep_moe"})) {
      expert = tensor_ * data_;
      why += ", " + as_written(*spread);
    }
    add("replicas", std::to_string(replicas_), replicas_ > 1 ? why : "");
    add("parallelism",
        fmt::format("{{tensor: {}, pipeline: {}, data: {}, expert: {}}}", tensor_, pipeline_, data_, expert), why);
  }

  void limit(const std::string& key, const std::vector<std::string>& names, std::int64_t ranks) {
    const auto flag = flags_.take(names);
    if (!flag || flag->value == "auto" || flag->value == "-1") return;
    add(key, std::to_string(count_of(*flag) * ranks),
        as_written(*flag) + (ranks > 1 ? fmt::format(" on each of {} attention ranks", ranks) : ""));
  }

  void read_limits() {
    limit("max_batch", {"max_num_seqs", "max_running_requests", "max_batch_size"},
          start_.engine == "sglang" ? 1 : data_);
    const auto chunk = std::vector<std::string>{"max_num_batched_tokens", "chunked_prefill_size", "max_num_tokens"};
    limit("max_batched_tokens", chunk, data_);
    limit("max_model_len", {"max_model_len", "context_length", "max_seq_len"}, 1);
    if (const auto share = flags_.take({"gpu_memory_utilization", "mem_fraction_static",
                                        "kv_cache_free_gpu_memory_fraction", "free_gpu_memory_fraction"}))
      add("memory_utilization", ratio_of(*share), as_written(*share));
    if (const auto on = flags_.take({"enable_chunked_prefill", "enable_mixed_chunk"}))
      add("scheduler", on->value == "false" || on->value == "False" ? "prefill_first" : "chunked_prefill",
          as_written(*on));
    if (const auto off = flags_.take({"no_enable_chunked_prefill"}))
      add("scheduler", "prefill_first", as_written(*off));
    if (const auto none = flags_.take({"disable_radix_cache", "no_enable_prefix_caching"}))
      add("prefix_cache_hit", "0", as_written(*none));
    if (const auto cached = flags_.take({"enable_prefix_caching"}))
      add("prefix_cache_hit", "0", as_written(*cached) + ": PLACEHOLDER, the share of your prompts that repeats");
  }

  void read_formats() {
    const auto model = flags_.take({"model", "model_path"});
    model_ = model ? model->value : flags_.first_word();
    if (model_.empty()) throw EngineCommandError("found no model in the command");
    std::string weights = "bf16", why;
    if (const auto named = format_named(model_.substr(model_.find_last_of('/') + 1))) {
      weights = *named;
      why = "by the model's name";
    }
    if (const auto type = flags_.take({"dtype"})) {
      const bool half = type->value == "half" || type->value == "float16";
      if (weights == "bf16" && half) weights = "fp16";
      if (half) why += (why.empty() ? "" : ", ") + as_written(*type);
    }
    if (const auto quantised = flags_.take({"quantization", "q"})) {
      const auto format = format_named(quantised->value);
      if (format) weights = *format;
      why += (why.empty() ? "" : ", ") + as_written(*quantised) + (format ? "" : " is not known here");
    }
    std::string cache = "bf16";
    if (const auto type = flags_.take({"kv_cache_dtype"})) {
      if (holds(type->value, "fp8")) cache = "fp8";
      if (holds(type->value, "int8")) cache = "int8";
      why += (why.empty() ? "" : ", ") + as_written(*type);
    }
    add("precision", fmt::format("{{weights: {}, kv_cache: {}}}", weights, cache), why);
  }

  std::string model_block() const {
    if (const auto shape = shipped_shape(model_)) return fmt::format("model:\n  name: {}  # {}\n", *shape, model_);
    return fmt::format("model:\n  config: config.json  # PLACEHOLDER: that of {}; no shape of this name is shipped\n",
                       model_);
  }

  std::string speculative_lines() {
    auto flag = flags_.take({"speculative_config", "speculative_num_draft_tokens", "num_speculative_tokens"});
    if (!flag) return "";
    EngineFlag tokens = *flag;
    if (const auto at = flag->value.find("num_speculative_tokens"); at != std::string::npos) {
      const auto digit = flag->value.find_first_of("0123456789", at);
      if (digit == std::string::npos) return "";
      tokens.value = flag->value.substr(digit, flag->value.find_first_not_of("0123456789", digit) - digit);
    }
    return fmt::format(
        "  # {}: state the acceptance that you measure\n  # speculative: {{tokens: {}, acceptance: ...}}\n",
        as_written(*flag), count_of(tokens));
  }

  std::string list(const std::string& title, bool idle) const {
    std::string text;
    for (const EngineFlag& flag : flags_.left()) {
      if (is_idle(flag.name) == idle) text += "#   " + as_written(flag) + "\n";
    }
    if (!idle) {
      for (const std::string& word : flags_.loose()) {
        if (word != model_) text += "#   " + as_written({"", word, ""}) + "\n";
      }
    }
    return text.empty() ? "" : "# " + title + ":\n" + text;
  }

  const EngineStart& start_;
  std::string device_;
  EngineFlags flags_;
  std::string model_;
  std::int64_t replicas_ = 1, tensor_ = 1, pipeline_ = 1, data_ = 1;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> shell_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool is_open = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote)
        quote = 0;
      else if (c == '\\' && quote == '"' && i + 1 < text.size())
        word += text[++i];
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      is_open = true;
    } else if (c == '\\' && i + 1 < text.size()) {
      if (text[++i] != '\n') word += text[i];
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (is_open || !word.empty()) words.push_back(std::exchange(word, {}));
      is_open = false;
    } else {
      word += c;
    }
  }
  if (quote != 0) throw EngineCommandError(fmt::format("a {} is not closed", quote));
  if (is_open || !word.empty()) words.push_back(word);
  return words;
}

std::string spec_of_engine_command(const std::vector<std::string>& words, const std::string& device) {
  const EngineStart start = start_of(words);
  return ImportedSpec(start, device).text();
}

}  // namespace windtunnel::cli
