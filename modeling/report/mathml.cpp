// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/mathml.h"

#include <cctype>
#include <map>

#include "modeling/report/html_page.h"

namespace windtunnel::modeling {
namespace {

struct Symbol {
  const char* element;
  const char* text;
};

const std::map<std::string, Symbol, std::less<>>& symbols() {
  static const std::map<std::string, Symbol, std::less<>> kSymbols = {
      {"alpha", {"mi", "α"}}, {"beta", {"mi", "β"}},   {"lambda", {"mi", "λ"}}, {"mu", {"mi", "μ"}},
      {"pi", {"mi", "π"}},    {"rho", {"mi", "ρ"}},    {"sigma", {"mi", "σ"}},  {"tau", {"mi", "τ"}},
      {"theta", {"mi", "θ"}}, {"Phi", {"mi", "Φ"}},    {"sum", {"mo", "∑"}},    {"int", {"mo", "∫"}},
      {"prod", {"mo", "∏"}},  {"max", {"mi", "max"}},  {"min", {"mi", "min"}},  {"exp", {"mi", "exp"}},
      {"ln", {"mi", "ln"}},   {"cdot", {"mo", "·"}},   {"times", {"mo", "×"}},  {"le", {"mo", "≤"}},
      {"ge", {"mo", "≥"}},    {"approx", {"mo", "≈"}}, {"infty", {"mi", "∞"}},  {"quad", {"mspace", ""}},
      {"ldots", {"mo", "…"}}, {"to", {"mo", "→"}},     {"in", {"mo", "∈"}},     {"left", {"", ""}},
      {"right", {"", ""}},    {"bar", {"mo", "¯"}},    {"eta", {"mi", "η"}},    {"Lambda", {"mi", "Λ"}}};
  return kSymbols;
}

class Translator {
 public:
  explicit Translator(std::string_view latex) : rest_(latex) {}

  std::string row(bool inside_braces) {
    std::string out;
    for (skip_spaces(); !rest_.empty(); skip_spaces()) {
      if (rest_.front() == '}') {
        if (inside_braces) rest_.remove_prefix(1);
        break;
      }
      out += with_scripts(atom());
    }
    return "<mrow>" + out + "</mrow>";
  }

 private:
  void skip_spaces() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }

  bool take(char c) {
    skip_spaces();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string with_scripts(const std::string& base) {
    std::string below;
    std::string above;
    for (;;) {
      if (take('_')) {
        below = atom();
      } else if (take('^')) {
        above = atom();
      } else {
        break;
      }
    }
    if (!below.empty() && !above.empty()) return "<msubsup>" + base + below + above + "</msubsup>";
    if (!below.empty()) return "<msub>" + base + below + "</msub>";
    return above.empty() ? base : "<msup>" + base + above + "</msup>";
  }

  std::string atom() {
    skip_spaces();
    if (rest_.empty()) return "<mrow></mrow>";
    if (take('{')) return row(true);
    if (take('\\')) return command();
    const auto first = static_cast<unsigned char>(rest_.front());
    if (std::isdigit(first)) return "<mn>" + number() + "</mn>";
    // One whole character, whatever its length in UTF-8.
    std::size_t length = 1;
    while (length < rest_.size() && (static_cast<unsigned char>(rest_[length]) & 0xC0) == 0x80) ++length;
    const std::string text = html_text(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return std::isalpha(first) ? "<mi>" + text + "</mi>" : "<mo>" + text + "</mo>";
  }

  std::string number() {
    std::size_t length = 0;
    while (length < rest_.size() && (std::isdigit(static_cast<unsigned char>(rest_[length])) || rest_[length] == '.'))
      ++length;
    const std::string text(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return text;
  }

  std::string command() {
    std::size_t length = 0;
    while (length < rest_.size() && std::isalpha(static_cast<unsigned char>(rest_[length]))) ++length;
    if (length == 0) {  // \, \; \{ and the like
      const std::string text = rest_.empty() ? "" : html_text(rest_.substr(0, 1));
      if (!rest_.empty()) rest_.remove_prefix(1);
      return text == "{" || text == "}" ? "<mo>" + text + "</mo>" : "<mspace width=\"0.3em\"></mspace>";
    }
    const std::string name(rest_.substr(0, length));
    rest_.remove_prefix(length);
    if (name == "frac") {
      const std::string above = atom();
      return "<mfrac>" + above + atom() + "</mfrac>";
    }
    if (name == "sqrt") return "<msqrt>" + atom() + "</msqrt>";
    if (name == "text" || name == "mathrm") return text_argument();
    const auto symbol = symbols().find(name);
    if (symbol == symbols().end()) return "<mi>" + html_text(name) + "</mi>";
    const Symbol& known = symbol->second;
    if (known.element[0] == '\0') return "<mrow></mrow>";
    if (std::string_view(known.element) == "mspace") return "<mspace width=\"1em\"></mspace>";
    return std::string("<") + known.element + ">" + known.text + "</" + known.element + ">";
  }

  std::string text_argument() {
    if (!take('{')) return "";
    const std::size_t end = std::min(rest_.find('}'), rest_.size());
    const std::string text = html_text(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return "<mtext>" + text + "</mtext>";
  }

  std::string_view rest_;
};

}  // namespace

std::string mathml(std::string_view latex) {
  return "<math display=\"block\">" + Translator(latex).row(false) + "</math>";
}

}  // namespace windtunnel::modeling
