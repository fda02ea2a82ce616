// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/yaml_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {
namespace {

SourceLocation location_of(const std::string& text, const std::string& file, std::size_t at) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(at);
  const auto lines = std::count(text.begin(), end, '\n');
  const std::size_t line_start = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
  const std::size_t column = line_start == std::string::npos ? at : at - line_start - 1;
  return {file, static_cast<int>(lines) + 1, static_cast<int>(column) + 1};
}

unsigned char byte_at(const std::string& text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

bool is_continuation(const std::string& text, std::size_t at) {
  return at < text.size() && (byte_at(text, at) & 0xC0) == 0x80;
}

// Bytes of the UTF-8 sequence at `at`, 0 when there is none (RFC 3629 section 4: no overlong forms, no surrogates).
std::size_t sequence_length(const std::string& text, std::size_t at) {
  const unsigned char lead = byte_at(text, at);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text, at + i)) return 0;
  }
  const unsigned char second = length > 1 ? byte_at(text, at + 1) : 0x80;
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool beyond = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
  return overlong || beyond ? 0 : length;
}

bool is_forbidden_control(unsigned char c) {
  return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
}

std::string too_large(const YamlLimits& limits) {
  return fmt::format("larger than {} bytes", limits.max_bytes);
}

[[noreturn]] void fail(const std::string& file, const std::string& message) {
  throw SpecError({file, 0, 0}, message);
}

}  // namespace

std::string read_bounded_text(const std::string& file, const YamlLimits& limits) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) fail(file, "is a directory, expected a file");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail(file, fmt::format("cannot be opened: {}", std::strerror(errno)));
  std::string text(limits.max_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) fail(file, "cannot be read");
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > limits.max_bytes) fail(file, too_large(limits));
  return text;
}

void check_yaml_text(const std::string& text, const std::string& file, const YamlLimits& limits) {
  if (text.size() > limits.max_bytes) fail(file, too_large(limits));
  for (std::size_t at = 0; at < text.size();) {
    const unsigned char byte = byte_at(text, at);
    const std::size_t length = sequence_length(text, at);
    if (is_forbidden_control(byte)) {
      throw SpecError(location_of(text, file, at), fmt::format("control character 0x{:02x} in the text", byte));
    }
    if (length == 0) throw SpecError(location_of(text, file, at), fmt::format("byte 0x{:02x} is not UTF-8", byte));
    at += length;
  }
}

}  // namespace windtunnel::modeling
