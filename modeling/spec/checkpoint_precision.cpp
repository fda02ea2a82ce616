// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/checkpoint_precision.h"

#include <algorithm>
#include <regex>

namespace windtunnel::modeling {
namespace {

/// '*' stands for any text.
bool matches(std::string_view text, std::string_view pattern) {
  std::size_t t = 0;
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;
  std::size_t mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

/// An entry names a module, or a part of its path, with all below it; `re:` starts a regular expression.
bool covers(const std::string& entry, const std::string& module) {
  if (entry.rfind("re:", 0) == 0) {
    try {
      return std::regex_search(module, std::regex(entry.substr(3)), std::regex_constants::match_continuous);
    } catch (const std::regex_error&) {
      return false;
    }
  }
  const std::string path = "." + module + ".";
  return matches(path, "*." + entry + ".*");
}

class IgnoreList {
 public:
  explicit IgnoreList(std::vector<std::string> entries) : entries_(std::move(entries)) {}

  /// True when an entry covers one of the names in a middle or in the last layers.
  bool holds(const Model& model, std::initializer_list<const char*> names, bool first_layer = false) const {
    const Count last = model.num_hidden_layers - 1;
    std::vector<Count> layers = {last / 2, std::min(last / 2 + 1, last), last};
    if (first_layer) layers = {0};
    for (const std::string& entry : entries_) {
      for (const Count layer : layers) {
        for (const char* name : names) {
          for (const char* prefix : {"model.layers.", "model.language_model.layers.", "language_model.model.layers.",
                                     "layers.", "backbone.layers."}) {
            if (covers(entry, prefix + std::to_string(layer) + "." + name)) return true;
          }
        }
      }
    }
    return false;
  }

 private:
  std::vector<std::string> entries_;
};

std::vector<std::string> ignored(ConfigLevel& block) {
  std::vector<std::string> entries;
  for (const char* key :
       {"ignore", "modules_to_not_convert", "exclude_modules", "ignored_layers", "llm_int8_skip_modules"}) {
    const auto list = block.find({key});
    if (!list || !list->is_list()) continue;
    for (const YamlValue& item : list->list()) entries.push_back(item.text());
  }
  return entries;
}

struct QuantisedFormat {
  std::optional<Precision> weights;
  std::optional<Precision> activations;
  double bits = 0.0;
};

double with_scales(double bits, Count group_size, double scale_bits) {
  return group_size > 0 ? bits + scale_bits / static_cast<double>(group_size) : bits;
}

/// `weights` and `input_activations` of the first group, as compressed-tensors and modelopt write them.
QuantisedFormat format_of_groups(ConfigLevel& block) {
  QuantisedFormat format;
  const auto groups = block.map({"config_groups"});
  if (!groups) return format;
  YamlReader all = *groups;
  const auto entries = all.entries();
  if (entries.empty()) return format;
  ConfigLevel group(entries.front().second.map());
  const auto weights = group.map({"weights"});
  if (!weights) return format;
  ConfigLevel level(*weights);
  const Count bits = level.count({"num_bits"}, 16);
  const Count size = level.find({"group_size"})
                         ? level.find({"group_size"})->is_scalar()
                               ? std::max<Count>(0, std::atoll(level.text({"group_size"}).c_str()))
                               : 0
                         : 0;
  const bool integer = level.text({"type"}) == "int";
  const bool micro = block.text({"format"}).rfind("mxfp4", 0) == 0 || size == 32;
  if (bits == 8) format.weights = integer ? Precision::kInt8 : Precision::kFp8;
  if (bits == 4 && !integer) format.weights = micro ? Precision::kMxfp4 : Precision::kNvfp4;
  if (bits == 4 && integer) {
    format.weights = Precision::kInt4;
    format.bits = with_scales(4.0, size, 16.0);
  }
  if (!group.map({"input_activations"}) && format.weights && !is_weight_only(*format.weights))
    format.activations = Precision::kBf16;
  if (integer && bits == 8 && group.map({"input_activations"})) format.activations = Precision::kInt8;
  return format;
}

QuantisedFormat integer_format(ConfigLevel& block, Count bits) {
  QuantisedFormat format{.weights = bits == 8 ? Precision::kInt8 : Precision::kInt4};
  const auto size = block.find({"group_size", "q_group_size"});
  const Count group = size ? std::max<Count>(0, std::atoll(size->text().c_str())) : 128;
  // A 16-bit scale and a zero point of the weights' width for each group.
  format.bits = with_scales(static_cast<double>(bits), group, 16.0 + static_cast<double>(bits));
  return format;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

QuantisedFormat format_of_name(const std::string& name) {
  const std::string algorithm = upper(name);
  if (algorithm.find("NVFP4") != std::string::npos) return {.weights = Precision::kNvfp4};
  if (algorithm.find("MXFP4") != std::string::npos) return {.weights = Precision::kMxfp4};
  if (algorithm.find("W4A16") != std::string::npos || algorithm.find("AWQ") != std::string::npos)
    return {.weights = Precision::kInt4};
  if (algorithm.find("FP8") != std::string::npos) return {.weights = Precision::kFp8};
  if (algorithm.find("INT8") != std::string::npos) return {.weights = Precision::kInt8};
  return {};
}

QuantisedFormat format_of(ConfigLevel& block, const std::string& method) {
  if (method == "fp8" || method == "fbgemm_fp8") return {.weights = Precision::kFp8};
  if (method == "mxfp4") return {.weights = Precision::kMxfp4};
  if (method == "awq" || method == "gptq" || method == "auto-round" || method == "auto_round")
    return integer_format(block, block.count({"bits", "w_bit"}, 4));
  if (method == "bitsandbytes")
    return {.weights = block.boolean({"load_in_4bit"}, false) ? Precision::kInt4 : Precision::kInt8};
  const QuantisedFormat groups = format_of_groups(block);
  return groups.weights ? groups : format_of_name(block.text({"quant_algo"}));
}

/// A cache of 8 bits is stated in one of three ways.
std::optional<Precision> cache_of(ConfigLevel& block) {
  if (const auto scheme = block.map({"kv_cache_scheme"})) {
    ConfigLevel level(*scheme);
    if (level.count({"num_bits"}, 16) == 8) return Precision::kFp8;
  }
  const QuantisedFormat named = format_of_name(block.text({"kv_cache_scheme"}) + block.text({"kv_cache_quant_algo"}));
  return named.weights == Precision::kFp8 || named.weights == Precision::kInt8 ? named.weights : std::nullopt;
}

/// Beside the weights' format the experts' own.
std::optional<Precision> experts_of(ConfigLevel& block, ConfigLevel& top) {
  const QuantisedFormat named = format_of_name(block.text({"moe_quant_algo"}));
  if (named.weights) return named.weights;
  if (top.text({"expert_dtype"}) == "fp4") return Precision::kMxfp4;
  return std::nullopt;
}

}  // namespace

void read_checkpoint_precision(ConfigLevel top, ConfigLevel language, Model& model) {
  auto map = top.map({"quantization_config"});
  if (!map) map = language.map({"quantization_config"});
  if (!map) return;
  ConfigLevel block(*map);
  const std::string method = block.text({"quant_method"}, "modelopt");
  const QuantisedFormat format = format_of(block, method);
  CheckpointPrecision& precision = model.checkpoint;
  if (!format.weights) {
    precision.scheme = fmt::format("quant_method {} is not known: 16 bits", method);
    return;
  }
  const IgnoreList ignore(ignored(block));
  const auto kept = [&](bool ignored_here) { return ignored_here ? Precision::kBf16 : *format.weights; };
  const bool shared = model.shared_expert_width() > 0;
  const bool dense_first = model.is_mixture_of_experts() && model.first_k_dense_layers > 0;
  const bool mlp =
      shared
          ? ignore.holds(model, {"mlp.shared_experts.down_proj", "mlp.shared_expert.down_proj", "ffn.shared_experts.w2",
                                 "mixer.shared_experts.down_proj", "feed_forward.shared_expert.down_proj"})
          : ignore.holds(model, {"mlp.down_proj", "feed_forward.down_proj"}, dense_first);
  // Where a dense MLP stands beside the experts (Gemma 4), those are no part of `mlp`.
  const bool own_module =
      model.shared_expert_intermediate_size > 0 && model.shared_expert_intermediate_size == model.intermediate_size;
  precision.weights = kept(mlp || (own_module && ignore.holds(model, {"mlp.down_proj"})));
  // This format is for experts alone; what it leaves out of the list are norms and biases.
  if (method == "mxfp4" && model.is_mixture_of_experts()) precision.weights = Precision::kBf16;
  // DeepSeek-V4's attention keeps the 8 bits of the checkpoint where a second format is laid over the experts.
  const auto experts = experts_of(block, top);
  const bool attention =
      !(experts && method == "fp8") && ignore.holds(model, {"self_attn.o_proj", "linear_attn.out_proj", "attn.wo_b",
                                                            "mixer.o_proj", "mixer.out_proj", "self_attn"});
  precision.attention = kept(attention);
  if (experts && method == "fp8") precision.weights = Precision::kFp8;
  if (model.is_mixture_of_experts())
    precision.experts =
        experts
            ? *experts
            : kept(own_module ? ignore.holds(model, {"experts.0.down_proj", "moe.experts"})
                              : ignore.holds(model, {"mlp.experts.0.down_proj", "mlp.experts",
                                                     "block_sparse_moe.experts.0.w2", "ffn.experts.0.w2",
                                                     "mixer.experts.0.down_proj", "feed_forward.experts.0.down_proj"}));
  precision.activations = format.activations;
  precision.kv_cache = cache_of(block);
  precision.quantised_bits = format.bits;
  precision.scheme = method;
}

}  // namespace windtunnel::modeling
