// SPDX-License-Identifier: Apache-2.0
// Words of the PRISM language, the same in models and in properties.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "solvers/numerics/input_error.h"

namespace windtunnel::solvers::prism {

enum class TokenKind { kIdentifier, kInteger, kReal, kString, kSymbol, kEnd };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  /// Without the quotes of a string.
  std::string text;
  SourceLocation where;
  /// Its bytes in the text: begin .. end - 1.
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// All tokens of the text, the last one of kind kEnd. Comments run from // to the end of the line. Throws InputError
/// for a character or a string that is none.
std::vector<Token> tokenize(std::string_view text, const std::string& file);

/// As an error message shows it: `'->'`, `"down"`, `the end of the text`.
std::string to_string(const Token& token);

}  // namespace windtunnel::solvers::prism
