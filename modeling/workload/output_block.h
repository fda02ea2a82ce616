// SPDX-License-Identifier: Apache-2.0
// Behind the last layer: norm, output matrix and loss, and the input of a module that predicts a further token.
#pragma once

#include "modeling/workload/template_writer.h"

namespace windtunnel::modeling {

/// Final norm, logits, cross entropy in 32 bits; nothing of it is ever run again.
void write_output_forward(TemplateWriter& w);
void write_output_backward(TemplateWriter& w);

/// The hidden state and the embedding of the next token, each normed, projected together to one (DeepSeek-V3,
/// arXiv:2412.19437, section 2.2).
void write_module_input_forward(TemplateWriter& w);
void write_module_input_backward(TemplateWriter& w);

}  // namespace windtunnel::modeling
