// SPDX-License-Identifier: Apache-2.0
// Lines of a spec from the columns of a measured run.
#pragma once

#include <string>
#include <vector>

#include "modeling/spec/csv_table.h"

namespace windtunnel::bench {

inline const std::vector<std::string> kModelKeys = {"num_hidden_layers",
                                                    "hidden_size",
                                                    "num_attention_heads",
                                                    "num_key_value_heads",
                                                    "head_dim",
                                                    "intermediate_size",
                                                    "vocab_size",
                                                    "gated_mlp",
                                                    "num_experts",
                                                    "num_experts_per_tok",
                                                    "moe_intermediate_size",
                                                    "num_shared_experts",
                                                    "first_k_dense_layers",
                                                    "q_lora_rank",
                                                    "kv_lora_rank",
                                                    "qk_nope_head_dim",
                                                    "qk_rope_head_dim",
                                                    "v_head_dim"};

/// `name: cell` for each named column whose cell is not empty.
inline std::string keys(const modeling::CsvTable& table, std::size_t row, const std::vector<std::string>& names,
                        const std::string& indent) {
  std::string text;
  for (const std::string& name : names) {
    const std::string& cell = table.text(row, name);
    if (!cell.empty()) text += indent + name + ": " + cell + "\n";
  }
  return text;
}

}  // namespace windtunnel::bench
