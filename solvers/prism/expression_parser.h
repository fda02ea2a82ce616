// SPDX-License-Identifier: Apache-2.0
// Reads expressions from tokens: the base of the parsers of models and of properties.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "solvers/prism/expression.h"
#include "solvers/prism/lexer.h"

namespace windtunnel::solvers::prism {

/// True for words that cannot be names: `module`, `true`, `F`, ...
bool is_keyword(std::string_view word);

class ExpressionParser {
 public:
  /// `file` is named in messages and must outlive the parser.
  ExpressionParser(std::vector<Token> tokens, const std::string& file);
  virtual ~ExpressionParser() = default;
  ExpressionParser(const ExpressionParser&) = delete;
  ExpressionParser& operator=(const ExpressionParser&) = delete;

 protected:
  /// The functions below throw InputError at the token that does not fit.
  ExpressionPointer expression();
  /// Sums and products only, in which a name is never followed by its arguments: `F<=T (a)` has the bound T.
  ExpressionPointer time_bound();

  /// Where the language of properties has more than that of models: labels, P=? [ ... ].
  virtual bool at_extension() const { return false; }
  virtual ExpressionPointer extension() { fail("an expression"); }

  const Token& token(std::size_t ahead = 0) const;
  SourceLocation where() const { return token().where; }
  bool at_end() const { return token().kind == TokenKind::kEnd; }
  bool at_symbol(std::string_view text, std::size_t ahead = 0) const;
  bool at_word(std::string_view text, std::size_t ahead = 0) const;
  bool take_symbol(std::string_view text);
  bool take_word(std::string_view text);
  void expect_symbol(std::string_view text);
  void expect_word(std::string_view text);
  /// A name that is no keyword; `what` says whose in the message.
  std::string name(std::string_view what);
  std::string string(std::string_view what);
  Token take();
  /// Position in the text behind the token taken last.
  std::size_t end_of_last_token() const { return at_ == 0 ? 0 : tokens_[at_ - 1].end; }

  const std::string& file() const { return file_; }
  /// `found X, expected ...`.
  [[noreturn]] void fail(std::string_view expected) const;
  [[noreturn]] void fail_at(SourceLocation at, const std::string& message) const;

 private:
  ExpressionPointer conditional();
  ExpressionPointer left_associative(int level);
  ExpressionPointer negation(int level);
  ExpressionPointer unary();
  ExpressionPointer primary();
  ExpressionPointer number();
  ExpressionPointer named();
  ExpressionPointer call(Operator op, SourceLocation at, int fewest, int most);
  ExpressionPointer checked(Expression expression);

  std::vector<Token> tokens_;
  const std::string& file_;
  std::size_t at_ = 0;
  int nesting_ = 0;
  bool calls_allowed_ = true;
};

}  // namespace windtunnel::solvers::prism
