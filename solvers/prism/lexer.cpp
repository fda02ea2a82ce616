// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/lexer.h"

#include <array>
#include <cctype>

namespace windtunnel::solvers::prism {
namespace {

// Longer ones first, so that `<=>` is not read as `<=`.
constexpr std::array<std::string_view, 8> kLongSymbols = {"<=>", "->", "..", "=>", "<=", ">=", "!=", "'"};
constexpr std::string_view kShortSymbols = "+-*/()[]{}:;,&|!?<>=^";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool starts_identifier(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool continues_identifier(char c) {
  return starts_identifier(c) || is_digit(c);
}

std::string shown(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7F ? fmt::format("'{}'", c) : fmt::format("byte 0x{:02x}", byte);
}

class Lexer {
 public:
  Lexer(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  std::vector<Token> all() {
    std::vector<Token> tokens;
    for (skip_blanks(); at_ < text_.size(); skip_blanks()) tokens.push_back(next());
    tokens.push_back({TokenKind::kEnd, "", where(), at_, at_});
    return tokens;
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  SourceLocation where() const { return {line_, static_cast<int>(at_ - line_begin_) + 1}; }

  void skip_blanks() {
    while (at_ < text_.size()) {
      if (peek() == '/' && peek(1) == '/') {
        while (at_ < text_.size() && peek() != '\n') ++at_;
      } else if (peek() == '\n') {
        line_begin_ = ++at_;
        ++line_;
      } else if (peek() == ' ' || peek() == '\t' || peek() == '\r' || peek() == '\f') {
        ++at_;
      } else {
        return;
      }
    }
  }

  Token next() {
    if (starts_identifier(peek())) return identifier();
    if (is_digit(peek()) || (peek() == '.' && is_digit(peek(1)))) return number();
    if (peek() == '"') return string();
    return symbol();
  }

  Token taken(TokenKind kind, std::size_t length) {
    Token token{kind, std::string(text_.substr(at_, length)), where(), at_, at_ + length};
    at_ += length;
    return token;
  }

  Token identifier() {
    std::size_t length = 1;
    while (continues_identifier(peek(length))) ++length;
    return taken(TokenKind::kIdentifier, length);
  }

  Token number() {
    std::size_t length = digits_from(0);
    TokenKind kind = TokenKind::kInteger;
    if (peek(length) == '.' && is_digit(peek(length + 1))) {  // not the `..` of a range
      length = digits_from(length + 1);
      kind = TokenKind::kReal;
    }
    if (const std::size_t end = exponent_end(length); end > length) {
      length = end;
      kind = TokenKind::kReal;
    }
    return taken(kind, length);
  }

  std::size_t digits_from(std::size_t length) const {
    while (is_digit(peek(length))) ++length;
    return length;
  }

  std::size_t exponent_end(std::size_t length) const {
    if (peek(length) != 'e' && peek(length) != 'E') return length;
    const std::size_t sign = peek(length + 1) == '+' || peek(length + 1) == '-' ? 1 : 0;
    return is_digit(peek(length + 1 + sign)) ? digits_from(length + 1 + sign) : length;
  }

  Token string() {
    std::size_t length = 1;
    while (peek(length) != '"') {
      if (at_ + length >= text_.size() || peek(length) == '\n') {
        throw InputError(file_, where(), "string without a closing quote");
      }
      ++length;
    }
    Token token{TokenKind::kString, std::string(text_.substr(at_ + 1, length - 1)), where(), at_, at_ + length + 1};
    at_ += length + 1;
    return token;
  }

  Token symbol() {
    for (const std::string_view symbol : kLongSymbols) {
      if (text_.substr(at_, symbol.size()) == symbol) return taken(TokenKind::kSymbol, symbol.size());
    }
    if (kShortSymbols.find(peek()) != std::string_view::npos && peek() != '\0') return taken(TokenKind::kSymbol, 1);
    throw InputError(file_, where(), "unexpected " + shown(peek()));
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;
  std::size_t line_begin_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text, const std::string& file) {
  return Lexer(text, file).all();
}

std::string to_string(const Token& token) {
  if (token.kind == TokenKind::kEnd) return "the end of the text";
  if (token.kind == TokenKind::kString) return '"' + token.text + '"';
  return "'" + token.text + "'";
}

}  // namespace windtunnel::solvers::prism
