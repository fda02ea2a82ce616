// SPDX-License-Identifier: Apache-2.0
// Measured serving runs beside what windtunnel predicts, as part of docs/validation.md.
#pragma once

#include "modeling/spec/csv_table.h"

namespace windtunnel::bench {

/// Prints the tables of docs/measured/serving.csv; false when a row has no answer.
bool validate_serving(const modeling::CsvTable& table);

}  // namespace windtunnel::bench
