// SPDX-License-Identifier: Apache-2.0
// JSON is read through the YAML door: it is nearly a subset, and the limits and locations come for free.
#include "modeling/spec/hugging_face_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "modeling/spec/checkpoint_precision.h"
#include "modeling/spec/complete_model.h"
#include "modeling/spec/config_level.h"
#include "modeling/spec/layer_names.h"
#include "modeling/spec/nearest_name.h"

namespace windtunnel::modeling {
namespace {

/// Ignore lists of quantised checkpoints name every layer and run to megabytes.
constexpr YamlLimits kConfigLimits{.max_bytes = 64 << 20, .max_depth = 32, .max_nodes = 4'000'000};

bool one_of(const std::string& type, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* name) { return type == name; });
}

/// What the code of a family decides and its files leave out: whether the MLP has two matrices, and whether the
/// embeddings are tied when the file does not say (transformers 4.57, the configuration classes).
bool plain_mlp(const std::string& family, const std::string& activation) {
  return activation == "relu2" || one_of(family, {"gpt2", "gpt_neox", "gptj", "gpt_bigcode", "starcoder2", "phi", "opt",
                                                  "bloom", "falcon", "mpt", "nemotron", "nemotron_h"});
}
bool tied_by_default(const std::string& family) {
  return family.rfind("gemma", 0) == 0 ||
         one_of(family, {"gpt2", "gpt_bigcode", "starcoder2", "cohere", "cohere2", "opt", "bloom", "falcon", "mpt",
                         "smollm3", "lfm2", "lfm2_moe"});
}

/// What these families mix or stack is not a layer kind that can be represented.
void reject_family(const YamlValue& model_type, const std::string& family) {
  static const std::array<std::pair<const char*, const char*>, 13> kMissing = {
      {{"mamba", "Mamba-1 layers"},
       {"falcon_mamba", "Mamba-1 layers"},
       {"recurrent_gemma", "recurrent (RG-LRU) layers"},
       {"rwkv", "RWKV layers"},
       {"xlstm", "xLSTM layers"},
       {"falcon_h1", "layers with attention and Mamba side by side"},
       {"zamba", "layers shared between depths"},
       {"zamba2", "layers shared between depths"},
       {"hymba", "layers with attention and Mamba side by side"},
       {"t5", "cross attention"},
       {"bart", "cross attention"},
       {"whisper", "cross attention"},
       {"mllama", "cross attention"}}};
  for (const auto& [name, missing] : kMissing) {
    if (family == name)
      model_type.fail(fmt::format("model_type {} cannot be represented: {}", in_quotes(model_type.text()), missing));
  }
}

std::string without_text_suffix(const std::string& type) {
  const std::string suffix = "_text";
  const bool has = type.size() > suffix.size() && type.compare(type.size() - suffix.size(), suffix.size(), suffix) == 0;
  return has ? type.substr(0, type.size() - suffix.size()) : type;
}

/// Gemma 3 files leave out what equals the class's defaults.
Count default_of(const std::string& family, Count gemma3) {
  return family.rfind("gemma3", 0) == 0 ? gemma3 : 0;
}

Count required(ConfigLevel& config, KeyNames names, Count otherwise) {
  return otherwise > 0 ? config.count(names, otherwise) : config.count(names);
}

Count key_value_heads(ConfigLevel& config, const std::string& family, const Model& model) {
  const bool one = config.boolean({"multi_query"}, false) && !config.boolean({"new_decoder_architecture"}, false) &&
                   (family == "falcon" || family == "gpt_bigcode");
  if (one) return 1;
  return config.count({"num_key_value_heads", "num_kv_heads", "multi_query_group_num", "n_kv_heads"},
                      family.rfind("gemma3", 0) == 0 ? 4 : model.num_attention_heads);
}

void read_attention(ConfigLevel& config, const std::string& family, Model& model) {
  model.num_hidden_layers = config.count({"num_hidden_layers", "n_layer", "n_layers", "num_layers"});
  model.hidden_size = config.count({"hidden_size", "n_embd", "n_embed", "d_model"});
  model.num_attention_heads = required(config, {"num_attention_heads", "n_head", "n_heads"}, default_of(family, 8));
  model.num_key_value_heads = key_value_heads(config, family, model);
  model.head_dim = config.count({"head_dim", "attention_head_dim", "kv_channels"}, default_of(family, 256));
  model.attn_output_gate = config.boolean({"attn_output_gate"}, family == "qwen3_next");
  model.q_lora_rank = config.count({"q_lora_rank"}, 0);
  model.kv_lora_rank = config.count({"kv_lora_rank"}, 0);
  model.o_groups = config.count({"o_groups"}, 0);
  model.o_lora_rank = config.count({"o_lora_rank"}, 0);
  model.qk_rope_head_dim = model.o_lora_rank > 0 ? config.count({"qk_rope_head_dim"}, 0) : 0;
  model.index_topk = config.count({"index_topk"}, 0);
  model.index_n_heads = config.count({"index_n_heads"}, 0);
  model.index_head_dim = config.count({"index_head_dim"}, 0);
  if (model.o_lora_rank == 0 && !model.has_latent_attention()) {
    model.q_lora_rank = 0;
    model.v_head_dim = config.count({"v_head_dim"}, 0);
    if (model.v_head_dim == model.head_dim) model.v_head_dim = 0;
    return;
  }
  if (!model.has_latent_attention()) return;
  // The files of this family give the rotary width as the width of a head.
  model.head_dim = 0;
  model.qk_nope_head_dim = config.count({"qk_nope_head_dim"});
  model.qk_rope_head_dim = config.count({"qk_rope_head_dim"});
  model.v_head_dim = config.count({"v_head_dim"});
}

void read_other_widths(ConfigLevel& config, Model& model) {
  model.global_head_dim = config.count({"global_head_dim"}, 0);
  model.num_global_key_value_heads = config.count({"num_global_key_value_heads"}, 0);
  model.attention_k_eq_v = config.boolean({"attention_k_eq_v"}, false);
  model.swa_num_key_value_heads = config.count({"swa_num_key_value_heads"}, 0);
  model.swa_head_dim = config.count({"swa_head_dim"}, 0);
  model.swa_v_head_dim = config.count({"swa_v_head_dim"}, 0);
  model.num_kv_shared_layers = config.count({"num_kv_shared_layers"}, 0);
  const std::vector<Count> heads = config.counts({"num_key_value_heads"});
  if (static_cast<Count>(heads.size()) == model.num_hidden_layers) model.layer_key_value_heads = heads;
}

void read_states(ConfigLevel& config, const std::string& family, Model& model) {
  model.linear_num_key_heads = config.count({"linear_num_key_heads"}, 0);
  model.linear_num_value_heads = config.count({"linear_num_value_heads"}, 0);
  model.linear_key_head_dim = config.count({"linear_key_head_dim"}, 0);
  model.linear_value_head_dim = config.count({"linear_value_head_dim"}, 0);
  model.linear_conv_kernel_dim = config.count({"linear_conv_kernel_dim"}, 0);
  if (config.find({"attn_type_list"}) && model.linear_num_value_heads == 0) {
    // Lightning attention has the heads of the full one (MiniMax-01, arXiv:2501.08313).
    model.linear_num_key_heads = model.linear_num_value_heads = model.num_attention_heads;
    model.linear_key_head_dim = model.linear_value_head_dim =
        model.head_dim > 0 ? model.head_dim : model.hidden_size / model.num_attention_heads;
  }
  model.mamba_num_heads = config.count({"mamba_num_heads", "mamba_n_heads"}, 0);
  model.mamba_head_dim = config.count({"mamba_head_dim", "mamba_d_head"}, 0);
  model.ssm_state_size = config.count({"ssm_state_size", "mamba_d_state"}, 0);
  model.n_groups = config.count({"n_groups", "mamba_n_groups"}, model.mamba_num_heads > 0 ? 1 : 0);
  model.conv_kernel = config.count({"conv_kernel", "mamba_d_conv", "conv_L_cache"}, 0);
  if (model.mamba_num_heads == 0 && family != "lfm2" && family != "lfm2_moe" && model.conv_kernel == 0)
    model.n_groups = 0;
}

/// Some files give the number of shared experts, some the width of one, some their joint width.
void read_shared_experts(ConfigLevel& config, Model& model) {
  const Count number =
      config.count({"n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert"}, 0);
  const Count width = config.count({"moe_shared_expert_intermediate_size"}, 0);
  const Count joint = config.count({"shared_expert_intermediate_size", "shared_intermediate_size"}, 0);
  if (width > 0) {
    model.shared_expert_intermediate_size = std::max<Count>(number, 1) * width;
  } else if (joint > 0) {
    model.shared_expert_intermediate_size = joint;
  } else {
    model.num_shared_experts = number;
  }
  if (model.shared_expert_intermediate_size > 0 &&
      model.shared_expert_intermediate_size % model.moe_intermediate_size == 0) {
    model.num_shared_experts = model.shared_expert_intermediate_size / model.moe_intermediate_size;
    model.shared_expert_intermediate_size = 0;
  }
}

/// Llama 4: `intermediate_size` is an expert's, the dense layers have their own; one shared expert.
void read_llama4(ConfigLevel& config, Model& model) {
  model.moe_intermediate_size = model.intermediate_size;
  model.intermediate_size = config.count({"intermediate_size_mlp"}, model.intermediate_size);
  model.num_shared_experts = 1;
  model.shared_expert_intermediate_size = 0;
}

void read_experts(ConfigLevel& config, Model& model) {
  model.num_experts = config.count(
      {"n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts", "num_routed_experts"}, 0);
  if (model.num_experts == 1) model.num_experts = 0;
  if (!model.is_mixture_of_experts()) return;
  model.num_experts_per_tok = config.count({"num_experts_per_tok", "experts_per_token", "top_k_experts", "moe_top_k",
                                            "num_experts_per_token", "moe_k", "moe_topk", "num_experts_per_topk"},
                                           0);
  if (model.num_experts_per_tok == 0) config.count({"num_experts_per_tok"});
  model.moe_intermediate_size =
      config.count({"moe_intermediate_size", "expert_ffn_hidden_size", "moe_ffn_hidden_size", "moe_hidden_dim"},
                   model.intermediate_size);
  model.moe_latent_size = config.count({"moe_latent_size"}, 0);
  if (config.find({"intermediate_size_mlp"}))
    read_llama4(config, model);
  else
    read_shared_experts(config, model);
  // Gemma 4: every layer has a dense MLP beside its experts, which every token visits: one more shared expert.
  if (config.boolean({"enable_moe_block"}, false)) {
    model.num_shared_experts = 0;
    model.shared_expert_intermediate_size = model.intermediate_size;
  }
  read_expert_layers(config, model);
}

// GPT-2 and Falcon leave the width out when it is four times the hidden size.
Count intermediate_size(ConfigLevel& config, const std::string& family, Model& model) {
  const std::vector<Count> widths = config.counts({"intermediate_size"});
  if (static_cast<Count>(widths.size()) == model.num_hidden_layers &&
      std::adjacent_find(widths.begin(), widths.end(), std::not_equal_to<>()) != widths.end())
    model.layer_intermediate_sizes = widths;
  const bool four = one_of(family, {"gpt2", "falcon", "gpt_bigcode", "bloom", "gptj", "mpt"});
  return config.count({"intermediate_size", "n_inner", "ffn_hidden_size", "ffn_dim", "ffn_hidden_dim"},
                      four ? 4 * model.hidden_size : 0);
}

/// Tables looked up beside the embedding, Gemma 3n and 4: per layer a row of its own, and the projections of a layer.
double lookup_parameters(ConfigLevel& config, const Model& model) {
  const auto width = static_cast<double>(config.count({"hidden_size_per_layer_input"}, 0));
  if (width == 0.0) return 0.0;
  const auto vocabulary = static_cast<double>(config.count({"vocab_size_per_layer_input"}, model.vocab_size));
  const auto layers = static_cast<double>(model.num_hidden_layers);
  return layers * width * (vocabulary + 3.0 * static_cast<double>(model.hidden_size));
}

Model read_language_model(ConfigLevel config, const std::string& family, bool tied) {
  Model model;
  read_attention(config, family, model);
  read_other_widths(config, model);
  read_states(config, family, model);
  model.intermediate_size = intermediate_size(config, family, model);
  model.vocab_size = required(config, {"vocab_size", "padded_vocab_size"}, default_of(family, 262208));
  read_layer_types(config, family, model);
  read_experts(config, model);
  if (!model.is_mixture_of_experts() && model.intermediate_size == 0) config.count({"intermediate_size"});
  // `num_mtp_modules` (MiniMax-M2) names modules that the published checkpoints do not hold.
  model.num_nextn_predict_layers =
      config.count({"num_nextn_predict_layers", "mtp_num_hidden_layers", "mtp_num_layers"}, 0);
  model.gated_mlp = !plain_mlp(family, config.text({"mlp_hidden_act", "hidden_act"}));
  model.tie_word_embeddings = config.boolean({"tie_word_embeddings"}, tied);
  model.lookup_parameters = lookup_parameters(config, model);
  model.max_position_embeddings =
      config.count({"max_position_embeddings", "n_positions", "seq_length", "max_seq_len"}, 0);
  return completed_model(model, [&](std::string_view key) { return config.location_of(key); });
}

/// An encoder of another medium: its layers, 4 h^2 + 2 h i each (3 h i when gated), the patches, and the projection to
/// the language model's width.
double tower_parameters(ConfigLevel tower, const Model& model) {
  const auto number = [&](KeyNames names) { return static_cast<double>(tower.count(names, 0)); };
  const double layers = number(
      {"depth", "num_hidden_layers", "vt_num_hidden_layers", "num_layers", "encoder_layers", "conf_num_hidden_layers"});
  const double hidden = number({"hidden_size", "vt_hidden_size", "width", "d_model", "embed_dim"});
  double width = number({"intermediate_size", "vt_intermediate_size", "encoder_ffn_dim"});
  if (width == 0.0) width = 4.0 * hidden;
  const double matrices = tower.text({"hidden_act", "hidden_activation"}) == "silu" ? 3.0 : 2.0;
  const double gated = tower.text({"model_type"}).find("gemma4") != std::string::npos ? 3.0 : matrices;
  const double patch = std::max(1.0, number({"patch_size"}));
  const double channels = std::max(3.0, number({"in_channels", "num_channels"}));
  const double frames = std::max(1.0, number({"temporal_patch_size"}));
  const double merge = std::max(1.0, number({"spatial_merge_size"}));
  const double merged = hidden * merge * merge;
  const double mergers = 1.0 + static_cast<double>(tower.counts({"deepstack_visual_indexes"}).size());
  const double output = static_cast<double>(model.hidden_size);
  const double projector = merge > 1.0 ? mergers * merged * (merged + output) : hidden * output;
  const double positions = number({"num_position_embeddings", "position_embedding_size"}) * hidden;
  return layers * (4.0 * hidden * hidden + gated * hidden * width) + channels * frames * patch * patch * hidden +
         positions + projector;
}

void read_towers(ConfigLevel top, Model& model) {
  for (const auto& [key, name] : {std::pair{"vision_config", "vision"}, std::pair{"audio_config", "audio"}}) {
    const auto tower = top.map({key});
    if (!tower) continue;
    const double parameters = tower_parameters(ConfigLevel(*tower), model);
    if (parameters <= 0.0) continue;
    model.tower_parameters += parameters;
    model.tower += (model.tower.empty() ? "" : " and ") + std::string(name);
  }
}

/// Multimodal files nest the language model, omni ones deeper.
YamlReader language_model_map(YamlReader top) {
  for (const char* key : {"num_hidden_layers", "n_layer", "n_layers", "num_layers"})
    if (top.has(key)) return top;
  for (const char* key : {"text_config", "thinker_config", "llm_config", "language_config", "language_model"}) {
    const auto nested = top.find(key);
    if (nested && nested->is_map()) return language_model_map(nested->map());
  }
  return top;
}

YamlValue model_type(const YamlDocument& document, YamlReader language_model) {
  const auto nested = language_model.find("model_type");
  return nested && !nested->is_null() ? *nested : document.root().map().require("model_type");
}

}  // namespace

Model read_hugging_face_config(const YamlDocument& document) {
  const YamlReader top = document.root().map();
  const YamlReader map = language_model_map(top);
  const YamlValue type = model_type(document, map);
  const std::string family = without_text_suffix(type.text());
  reject_family(type, family);
  ConfigLevel outer(top);
  if (ConfigLevel(map).boolean({"is_encoder_decoder"}, false))
    type.fail(fmt::format("model_type {} cannot be represented: cross attention", in_quotes(type.text())));
  const bool tied = outer.boolean({"tie_word_embeddings"}, tied_by_default(family));
  Model model = read_language_model(ConfigLevel(map), family, tied);
  read_towers(outer, model);
  read_checkpoint_precision(outer, ConfigLevel(map), model);
  model.name = document.file();
  return model;
}

Model load_hugging_face_config(const std::string& file) {
  return read_hugging_face_config(YamlDocument::load(file, {}, kConfigLimits));
}

}  // namespace windtunnel::modeling
