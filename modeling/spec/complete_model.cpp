// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/complete_model.h"

#include <fmt/format.h>

#include "modeling/spec/layer_pattern.h"

namespace windtunnel::modeling {
namespace {

void complete_heads(Model& model, const LocateKey& locate) {
  if (model.num_key_value_heads == 0) model.num_key_value_heads = model.num_attention_heads;
  if (model.num_attention_heads % model.num_key_value_heads != 0) {
    throw SpecError(locate("num_key_value_heads"),
                    fmt::format("num_attention_heads {} is not a multiple of num_key_value_heads {}",
                                model.num_attention_heads, model.num_key_value_heads));
  }
  if (model.head_dim > 0) return;
  if (model.has_latent_attention()) {
    model.head_dim = model.v_head_dim;
    return;
  }
  if (model.hidden_size % model.num_attention_heads != 0) {
    throw SpecError(locate("num_attention_heads"),
                    fmt::format("hidden_size {} is not a multiple of num_attention_heads {}, give head_dim",
                                model.hidden_size, model.num_attention_heads));
  }
  model.head_dim = model.hidden_size / model.num_attention_heads;
}

void check_latent_attention(const Model& model, const LocateKey& locate) {
  const bool compressed = !model.compress_ratios.empty();
  const bool any = !compressed && model.q_lora_rank + model.qk_nope_head_dim + model.qk_rope_head_dim > 0;
  if (!model.has_latent_attention() && any) {
    throw SpecError(locate("kv_lora_rank"), "latent attention needs kv_lora_rank");
  }
  const bool all = model.qk_nope_head_dim > 0 && model.qk_rope_head_dim > 0 && model.v_head_dim > 0;
  if (model.has_latent_attention() && !all) {
    throw SpecError(locate("kv_lora_rank"), "latent attention needs qk_nope_head_dim, qk_rope_head_dim and v_head_dim");
  }
}

void check_dense(const Model& model, const LocateKey& locate) {
  const std::pair<const char*, Count> expert_keys[] = {{"num_experts_per_tok", model.num_experts_per_tok},
                                                       {"moe_intermediate_size", model.moe_intermediate_size},
                                                       {"num_shared_experts", model.num_shared_experts},
                                                       {"first_k_dense_layers", model.first_k_dense_layers}};
  for (const auto& [key, value] : expert_keys) {
    if (value > 0) throw SpecError(locate(key), fmt::format("{} is {}, but num_experts is 0", key, value));
  }
}

void complete_experts(Model& model, const LocateKey& locate) {
  if (model.moe_intermediate_size == 0) model.moe_intermediate_size = model.intermediate_size;
  if (model.moe_intermediate_size == 0) {
    throw SpecError(locate("moe_intermediate_size"), "missing key 'moe_intermediate_size'");
  }
  if (model.num_experts_per_tok < 1 || model.num_experts_per_tok > model.num_experts) {
    throw SpecError(locate("num_experts_per_tok"), fmt::format("num_experts_per_tok {} is not from 1 to num_experts {}",
                                                               model.num_experts_per_tok, model.num_experts));
  }
  if (model.first_k_dense_layers > model.num_hidden_layers) {
    throw SpecError(locate("first_k_dense_layers"), fmt::format("first_k_dense_layers {} exceeds num_hidden_layers {}",
                                                                model.first_k_dense_layers, model.num_hidden_layers));
  }
  if (model.first_k_dense_layers > 0 && model.intermediate_size == 0) {
    throw SpecError(locate("first_k_dense_layers"), "dense layers need intermediate_size");
  }
}

}  // namespace

Model completed_model(Model model, const LocateKey& locate) {
  check_latent_attention(model, locate);
  complete_heads(model, locate);
  if (model.is_mixture_of_experts()) {
    complete_experts(model, locate);
  } else {
    check_dense(model, locate);
  }
  complete_layer_pattern(model, locate);
  return model;
}

}  // namespace windtunnel::modeling
