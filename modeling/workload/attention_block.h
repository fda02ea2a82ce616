// SPDX-License-Identifier: Apache-2.0
// The attention half of a layer: norm, projections, attention, output projection, residual.
#pragma once

#include "modeling/workload/template_writer.h"

namespace windtunnel::modeling {

void write_attention_forward(TemplateWriter& writer);
void write_attention_backward(TemplateWriter& writer);
/// The attention kernel alone: what selective recomputation runs again.
void write_attention_core(TemplateWriter& writer);
/// Everything but the attention kernel.
void write_attention_projections(TemplateWriter& writer);
/// The norm alone.
void write_attention_norm(TemplateWriter& writer);

}  // namespace windtunnel::modeling
