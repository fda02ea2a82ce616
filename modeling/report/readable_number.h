// SPDX-License-Identifier: Apache-2.0
// A number as a person reads it, its unit taken from the end of its name.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace windtunnel::modeling {

/// "step_time_mean_s", 0.0123 -> "12.3 ms"; "memory_per_device_bytes", 6.4e10 -> "64 GB"; "mfu_ratio", 0.4012 ->
/// "0.4012".
/// `_s` is a time, `_per_s` a rate, `_bytes`, `_bytes_per_s`, `_flop`, `_flop_per_s`, `_w`; a trailing `_per_device` or
/// `_per_replica` does not change the unit; any other name is a pure number with 4 significant digits.
/// Unknown is "unknown", infinity "infinite".
std::string readable_number(std::string_view name, const std::optional<double>& value);

/// A name as words: `tensor_comm` is "tensor comm".
std::string words(std::string name);

}  // namespace windtunnel::modeling
