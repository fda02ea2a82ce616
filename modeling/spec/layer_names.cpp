// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/layer_names.h"

#include <algorithm>
#include <functional>

#include "modeling/spec/nearest_name.h"

namespace windtunnel::modeling {
namespace {

using Types = std::vector<std::string>;

Types types_by(const Model& model, const std::function<std::string(Count)>& type_of) {
  Types types;
  for (Count layer = 0; layer < model.num_hidden_layers; ++layer) types.push_back(type_of(layer));
  return types;
}

/// Letters of Nemotron-H: M Mamba-2, * attention, E experts, - MLP; each a layer of its own.
void read_letters(const YamlValue& letters, Model& model) {
  for (const char letter : letters.text()) {
    switch (letter) {
      case 'M':
        model.layer_types.push_back("mamba");
        model.mlp_layer_types.push_back("none");
        break;
      case '*':
        model.layer_types.push_back("full_attention");
        model.mlp_layer_types.push_back("none");
        break;
      case 'E':
        model.layer_types.push_back("none");
        model.mlp_layer_types.push_back("sparse");
        break;
      case '-':
        model.layer_types.push_back("none");
        model.mlp_layer_types.push_back("dense");
        break;
      default:
        letters.fail(fmt::format("layers of type '{}' cannot be represented, expected M, *, E or -", letter));
    }
  }
}

/// Names that stand alone for a whole layer, as Nemotron-H and Jamba write them in `layers_block_type`.
void read_block_types(const YamlValue& list, Model& model) {
  for (const YamlValue& item : list.list()) {
    const std::string type = item.text();
    const bool alone = type == "moe" || type == "mlp";
    model.layer_types.push_back(alone ? "none" : type);
    model.mlp_layer_types.push_back(type == "moe" ? "sparse" : type == "mlp" ? "dense" : "none");
  }
  const bool whole = std::none_of(model.layer_types.begin(), model.layer_types.end(),
                                  [](const std::string& type) { return type == "none"; });
  if (whole) model.mlp_layer_types.clear();
}

const Types& known_types() {
  static const Types known = {"full_attention",
                              "attention",
                              "global_attention",
                              "sliding_attention",
                              "local_attention",
                              "sliding_window",
                              "chunked_attention",
                              "linear_attention",
                              "gated_delta_net",
                              "kda",
                              "mamba",
                              "mamba2",
                              "conv",
                              "short_conv",
                              "none",
                              "mlp",
                              "moe"};
  return known;
}

void read_type_list(const YamlValue& list, Model& model) {
  for (const YamlValue& item : list.list()) {
    const std::string type = item.text();
    if (std::find(known_types().begin(), known_types().end(), type) == known_types().end())
      item.fail(fmt::format("layers of type {} cannot be represented", in_quotes(type)));
    model.layer_types.push_back(type);
  }
  model.layer_types.resize(
      std::min<std::size_t>(model.layer_types.size(), static_cast<std::size_t>(model.num_hidden_layers)));
}

/// One-based numbers of the layers of each kind, Kimi-Linear.
bool read_numbered_layers(ConfigLevel& config, Model& model) {
  const auto linear = config.map({"linear_attn_config"});
  if (!linear) return false;
  ConfigLevel level(*linear);
  const std::vector<Count> full = level.counts({"full_attn_layers"});
  model.layer_types = types_by(model, [&](Count layer) {
    return std::find(full.begin(), full.end(), layer + 1) != full.end() ? "full_attention" : "linear_attention";
  });
  model.linear_num_key_heads = model.linear_num_value_heads = level.count({"num_heads"});
  model.linear_key_head_dim = model.linear_value_head_dim = level.count({"head_dim"});
  model.linear_conv_kernel_dim = level.count({"short_conv_kernel_size"}, 4);
  return true;
}

/// 1 slides or is full, 0 the other way.
void read_flags(const std::vector<Count>& flags, const char* if_zero, const char* if_one, Model& model) {
  for (const Count flag : flags) model.layer_types.emplace_back(flag == 0 ? if_zero : if_one);
}

/// Every n-th layer has full attention, the others `other`.
void every_nth_full(Count n, const char* other, Model& model) {
  model.layer_types =
      types_by(model, [&](Count layer) { return (layer + 1) % n == 0 ? std::string("full_attention") : other; });
}

bool slides(ConfigLevel& config, const std::string& family) {
  // Qwen2 and its kin name a window and do not use it unless they say so.
  const bool otherwise = family.rfind("qwen", 0) != 0 && family != "mimo";
  return config.boolean({"use_sliding_window"}, otherwise);
}

/// Families whose files leave the alternation of window and full attention to the code.
Count full_layer_step(ConfigLevel& config, const std::string& family) {
  const Count pattern = config.count({"sliding_window_pattern", "_sliding_window_pattern"}, 0);
  if (pattern > 0) return pattern;
  if (family.rfind("gemma3", 0) == 0) return 6;
  if (family == "gemma2") return 2;
  if (family == "cohere2") return 4;
  return 0;
}

void read_windows(ConfigLevel& config, const std::string& family, Model& model) {
  if (!model.compress_ratios.empty()) return;
  const Count step = full_layer_step(config, family);
  if (step > 1) return every_nth_full(step, "sliding_attention", model);
  const Count from = config.count({"max_window_layers"}, 0);
  if (config.find({"use_sliding_window"}) && from > 0)
    model.layer_types = types_by(model, [&](Count layer) {
      return layer >= from ? std::string("sliding_attention") : std::string("full_attention");
    });
}

void read_chunks(ConfigLevel& config, Model& model) {
  model.attention_chunk_size = config.count({"attention_chunk_size"}, 0);
  if (model.attention_chunk_size == 0 || !model.layer_types.empty()) return;
  // Llama 4: a layer without position embedding sees everything, every fourth one where the file does not list them.
  const std::vector<Count> rotated = config.counts({"no_rope_layers"});
  if (!rotated.empty()) return read_flags(rotated, "full_attention", "chunked_attention", model);
  every_nth_full(std::max<Count>(1, config.count({"no_rope_layer_interval"}, 4)), "chunked_attention", model);
}

/// Jamba, Bamba: every n-th layer attends, from an offset, the others are state-space layers.
bool read_periods(ConfigLevel& config, Model& model) {
  const std::vector<Count> listed = config.counts({"attn_layer_indices"});
  const Count period = config.count({"attn_layer_period"}, 0);
  if (listed.empty() && period == 0) return false;
  const Count offset = config.count({"attn_layer_offset"}, 0);
  model.layer_types = types_by(model, [&](Count layer) {
    const bool attends =
        listed.empty() ? layer % period == offset : std::find(listed.begin(), listed.end(), layer) != listed.end();
    return attends ? "full_attention" : "mamba";
  });
  return true;
}

}  // namespace

void read_layer_types(ConfigLevel& config, const std::string& family, Model& model) {
  model.sliding_window = slides(config, family) ? config.count({"sliding_window", "sliding_window_size"}, 0) : 0;
  model.compress_ratios = config.counts({"compress_ratios"});
  // One more for each module that predicts a further token.
  if (static_cast<Count>(model.compress_ratios.size()) > model.num_hidden_layers)
    model.compress_ratios.resize(static_cast<std::size_t>(model.num_hidden_layers));
  if (const auto letters = config.find({"hybrid_override_pattern"})) return read_letters(*letters, model);
  if (const auto blocks = config.find({"layers_block_type"})) return read_block_types(*blocks, model);
  if (const auto list = config.find({"layer_types"})) {
    read_type_list(*list, model);
    if (model.sliding_window == 0 && !config.find({"use_sliding_window"})) {
      // Nothing to say: complete_layer_pattern names the missing key.
    } else if (model.sliding_window == 0) {
      std::replace(model.layer_types.begin(), model.layer_types.end(), std::string("sliding_attention"),
                   std::string("full_attention"));
    }
    return read_chunks(config, model);
  }
  if (read_numbered_layers(config, model) || read_periods(config, model)) return;
  const std::vector<Count> slide = config.counts({"hybrid_layer_pattern"});
  if (!slide.empty()) return read_flags(slide, "full_attention", "sliding_attention", model);
  const std::vector<Count> full = config.counts({"attn_type_list"});
  if (!full.empty()) return read_flags(full, "linear_attention", "full_attention", model);
  const Count interval = config.count({"full_attention_interval"}, 0);
  if (interval > 0) return every_nth_full(interval, "linear_attention", model);
  if (model.sliding_window > 0) read_windows(config, family, model);
  read_chunks(config, model);
}

void read_expert_layers(ConfigLevel& config, Model& model) {
  if (!model.is_mixture_of_experts() || !model.mlp_layer_types.empty()) return;
  const auto set = [&](const std::function<bool(Count)>& has_experts) {
    Types types = types_by(model, [&](Count layer) { return has_experts(layer) ? "sparse" : "dense"; });
    // The dense ones first: as a number.
    const auto first = std::find(types.begin(), types.end(), "sparse");
    if (std::find(first, types.end(), "dense") == types.end())
      model.first_k_dense_layers = first - types.begin();
    else
      model.mlp_layer_types = std::move(types);
  };
  const auto holds = [](const std::vector<Count>& list, Count layer) {
    return std::find(list.begin(), list.end(), layer) != list.end();
  };
  if (const auto list = config.find({"mlp_layer_types"}); list && list->is_list()) {
    Types types;
    for (const YamlValue& item : list->list()) types.push_back(item.text());
    if (static_cast<Count>(types.size()) >= model.num_hidden_layers)
      return set([&](Count layer) { return types[static_cast<std::size_t>(layer)] == "sparse"; });
  }
  const std::vector<Count> listed = config.counts({"moe_layers"});
  if (!listed.empty()) return set([&](Count layer) { return holds(listed, layer); });
  if (const std::string enumerated = config.text({"moe_layers_enum"}); !enumerated.empty()) {
    std::vector<Count> numbers;
    for (std::size_t at = 0; at < enumerated.size();) {
      const std::size_t comma = std::min(enumerated.find(',', at), enumerated.size());
      numbers.push_back(std::atoll(enumerated.substr(at, comma - at).c_str()));
      at = comma + 1;
    }
    return set([&](Count layer) { return holds(numbers, layer); });
  }
  const std::vector<Count> flags = config.counts({"moe_layer_freq"});
  if (static_cast<Count>(flags.size()) >= model.num_hidden_layers)
    return set([&](Count layer) { return flags[static_cast<std::size_t>(layer)] != 0; });
  const Count period = config.count({"expert_layer_period"}, 0);
  if (period > 0) {
    const Count offset = config.count({"expert_layer_offset"}, 0);
    return set([&](Count layer) { return layer % period == offset; });
  }
  const Count interleave = config.count({"interleave_moe_layer_step"}, 0);
  if (interleave > 0) return set([&](Count layer) { return (layer + 1) % interleave == 0; });
  const std::vector<Count> dense = config.counts({"mlp_only_layers"});
  const Count sparse_step = std::max<Count>(1, config.count({"decoder_sparse_step", "moe_layer_interval"}, 1));
  const Count frequency = flags.empty() ? std::max<Count>(1, config.count({"moe_layer_freq"}, 1)) : 1;
  const Count first = config.count({"first_k_dense_replace", "moe_layer_start_index", "num_dense_layers"}, 0);
  set([&](Count layer) {
    return layer >= first && layer % frequency == 0 && (layer + 1) % sparse_step == 0 && !holds(dense, layer);
  });
}

}  // namespace windtunnel::modeling
