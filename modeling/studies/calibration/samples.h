// SPDX-License-Identifier: Apache-2.0
// One fit per kind of sample; see calibration.h for what each fits.
#pragma once

#include "modeling/studies/calibration/calibration.h"

namespace windtunnel::modeling {

std::vector<FittedCurve> fit_products(const CsvTable& samples, const std::vector<std::size_t>& rows,
                                      const HardwareProfile& profile);
std::vector<FittedCurve> fit_attention(const CsvTable& samples, const std::vector<std::size_t>& rows,
                                       const HardwareProfile& profile);
std::vector<FittedCurve> fit_experts(const CsvTable& samples, const std::vector<std::size_t>& rows,
                                     const HardwareProfile& profile);
std::vector<FittedCurve> fit_collectives(const CsvTable& samples, const std::vector<std::size_t>& rows,
                                         const HardwareProfile& profile);

/// The number format a source calls `name` (bfloat16, half, fp8, fp8_block, nvfp4 ...); empty: none we model.
std::optional<Precision> format_of_source(const std::string& name);

}  // namespace windtunnel::modeling
