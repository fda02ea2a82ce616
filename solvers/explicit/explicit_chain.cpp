// SPDX-License-Identifier: Apache-2.0
#include "solvers/explicit/explicit_chain.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "solvers/explicit/explicit_header.h"
#include "solvers/explicit/transition_collector.h"
#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {
namespace {

double read_rate(NumberReader& reader) {
  reader.at_line_end();
  const SourceLocation where = reader.where();
  const double rate = reader.real("a rate");
  if (rate < 0.0) reader.fail_at(where, fmt::format("rate {}, expected >= 0", rate));
  return rate;
}

/// Not a chain although every number is in range: a sum overflows.
template <typename Build>
auto checked(const NumberReader& reader, const Build& build) {
  try {
    return build();
  } catch (const ChainError& error) {
    reader.fail_at({}, error.what());
  }
}

/// Entries of the row form, behind the first rate: `:to rate:to ...`.
std::int64_t read_row(NumberReader& reader, Index from, Index states, double rate, TransitionCollector& transitions) {
  std::int64_t entries = 0;
  for (;;) {
    reader.expect(':', "':' and a state");
    transitions.add(from, read_state(reader, states), rate);
    ++entries;
    if (reader.at_line_end()) return entries;
    rate = read_rate(reader);
  }
}

std::int64_t read_line(NumberReader& reader, Index states, TransitionCollector& transitions) {
  const Index from = read_state(reader, states);
  reader.at_line_end();
  const SourceLocation where = reader.where();
  const double first = read_rate(reader);
  if (reader.at(':')) return read_row(reader, from, states, first, transitions);
  if (first != std::floor(first) || first >= static_cast<double>(states)) {
    reader.fail_at(where, fmt::format("found '{}', expected a state from 0 to {}", first, states - 1));
  }
  transitions.add(from, static_cast<Index>(first), read_rate(reader));
  if (!reader.at_line_end()) reader.word();  // the action
  reader.expect_line_end();
  return 1;
}

}  // namespace

ExplicitTransitions read_tra(std::istream& input, const std::string& file) {
  NumberReader reader(input, file);
  const ExplicitHeader header = read_header(reader);
  return checked(reader, [&] {
    TransitionCollector transitions(header.states);
    std::int64_t found = 0;
    while (reader.skip_to_word()) found += read_line(reader, header.states, transitions);
    require_count(reader, header, found);
    return std::move(transitions).collected();
  });
}

namespace {

void read_banner(NumberReader& reader, const std::string& banner) {
  constexpr std::string_view kStart = "%MatrixMarket matrix coordinate ";
  const std::string_view text = banner;
  const bool known = text.substr(0, kStart.size()) == kStart && (text.substr(kStart.size(), 12) == "real general" ||
                                                                 text.substr(kStart.size(), 15) == "integer general");
  if (!known) reader.fail_at({1, 1}, "expected '%%MatrixMarket matrix coordinate real general'");
}

ExplicitHeader read_matrix_header(NumberReader& reader) {
  std::vector<std::string> comments;
  reader.comment = '%';
  reader.comments = &comments;
  const bool has_header = reader.skip_to_word();
  read_banner(reader, comments.empty() ? "" : comments.front());
  reader.comments = nullptr;
  if (!has_header) reader.fail("found the end of the file, expected rows, columns and entries");
  ExplicitHeader header{.where = reader.where()};
  header.states = reader.integer("the number of rows", 1, kMostStates);
  const Index columns = reader.integer("the number of columns", 1, kMostStates);
  if (columns != header.states)
    reader.fail_at(header.where, fmt::format("the matrix is {} x {}, expected a square one", header.states, columns));
  header.entries = reader.integer("the number of entries", 0, kMostEntries);
  reader.expect_line_end();
  return header;
}

/// The diagonal of a generator matrix must be what the rest of its row says.
void require_diagonal(const NumberReader& reader, const Generator& generator, const Vector& diagonal) {
  if (diagonal.size() == 0) return;
  // Numbers printed with 10 digits still pass.
  constexpr double kTolerance = 1e-9;
  for (Index i = 0; i < generator.states(); ++i) {
    const double exit = generator.exit_rate(i);
    if (diagonal(i) == 0.0 || std::abs(diagonal(i) + exit) <= kTolerance * exit) continue;
    reader.fail_at({},
                   fmt::format("row {}: the diagonal is {}, the other entries sum to {}", i + 1, diagonal(i), exit));
  }
}

}  // namespace

ExplicitTransitions read_matrix_market(std::istream& input, const std::string& file) {
  NumberReader reader(input, file);
  const ExplicitHeader header = read_matrix_header(reader);
  return checked(reader, [&] {
    TransitionCollector transitions(header.states);
    Vector diagonal;
    std::int64_t found = 0;
    for (; reader.skip_to_word(); ++found) {
      const Index from = reader.integer("a row", 1, header.states) - 1;
      const Index to = reader.integer("a column", 1, header.states) - 1;
      reader.at_line_end();
      const SourceLocation where = reader.where();
      const double rate = reader.real("a rate");
      reader.expect_line_end();
      if (rate >= 0.0) {
        transitions.add(from, to, rate);
      } else if (from == to) {
        if (diagonal.size() == 0) diagonal = Vector::Zero(header.states);
        diagonal(from) += rate;
      } else {
        reader.fail_at(where, fmt::format("rate {}, expected >= 0", rate));
      }
    }
    require_count(reader, header, found);
    ExplicitTransitions result = std::move(transitions).collected();
    require_diagonal(reader, result.generator, diagonal);
    return result;
  });
}

namespace {

/// `0="init" 1="deadlock"`: labels by their numbers.
std::vector<Label> read_label_names(NumberReader& reader, Index states) {
  std::vector<Label> labels;
  while (!reader.at_line_end()) {
    const std::int64_t number = reader.integer("the number of a label", 0, 1'000'000);
    if (number != static_cast<std::int64_t>(labels.size())) {
      reader.fail(fmt::format("found label number {}, expected {}", number, labels.size()));
    }
    reader.expect('=', "'='");
    reader.expect('"', "a name in quotes");
    Label label{.name = "", .states = StateSet(static_cast<std::size_t>(states), false)};
    while (!reader.at('"')) label.name += reader.character("a closing quote");
    reader.expect('"', "a closing quote");
    labels.push_back(std::move(label));
  }
  return labels;
}

}  // namespace

std::vector<Label> read_labels(std::istream& input, const std::string& file, Index states) {
  NumberReader reader(input, file);
  if (!reader.skip_to_word()) reader.fail("found the end of the file, expected labels such as 0=\"init\"");
  std::vector<Label> labels = read_label_names(reader, states);
  while (reader.skip_to_word()) {
    const Index state = read_state(reader, states);
    reader.expect(':', "':'");
    while (!reader.at_line_end()) {
      const std::int64_t label = reader.integer("a label", 0, static_cast<std::int64_t>(labels.size()) - 1);
      labels[static_cast<std::size_t>(label)].states[static_cast<std::size_t>(state)] = true;
    }
  }
  return labels;
}

namespace {

std::vector<StateVariable> read_variable_names(NumberReader& reader) {
  std::vector<StateVariable> variables;
  reader.expect('(', "'(' and the names of the variables");
  do {
    StateVariable variable;
    while (!reader.at(',') && !reader.at(')')) variable.name += reader.character("')'");
    if (variable.name.empty()) reader.fail("expected the name of a variable");
    variables.push_back(std::move(variable));
  } while (reader.take(','));
  reader.expect(')', "')'");
  reader.expect_line_end();
  return variables;
}

/// `3`, `-1`, `true`, `false`.
std::int64_t read_value(NumberReader& reader, StateVariable& variable) {
  if (reader.take_text("true")) {
    variable.is_boolean = true;
    return 1;
  }
  if (reader.take_text("false")) {
    variable.is_boolean = true;
    return 0;
  }
  constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();
  return reader.integer("a value", -kLargest, kLargest);
}

/// Ranges that hold all values, and places for them in the packed state.
Index lay_out(std::vector<StateVariable>& variables, const std::vector<std::int32_t>& values) {
  int word = 0;
  int used = 0;
  for (std::size_t v = 0; v < variables.size(); ++v) {
    std::int64_t lowest = values[v];
    std::int64_t highest = values[v];
    for (std::size_t k = v; k < values.size(); k += variables.size()) {
      lowest = std::min<std::int64_t>(lowest, values[k]);
      highest = std::max<std::int64_t>(highest, values[k]);
    }
    if (variables[v].is_boolean) lowest = 0, highest = 1;
    const int bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(highest - lowest)));
    if (used + bits > 64) ++word, used = 0;
    variables[v] = {variables[v].name, variables[v].is_boolean, lowest, highest, word, used % 64, bits};
    used += bits;
  }
  return word + 1;
}

StateValues packed(std::vector<StateVariable> variables, const std::vector<std::int32_t>& values) {
  StateValues result;
  result.words_per_state = lay_out(variables, values);
  result.words.resize(values.size() / variables.size() * static_cast<std::size_t>(result.words_per_state), 0);
  for (std::size_t k = 0; k < values.size(); ++k) {
    const StateVariable& variable = variables[k % variables.size()];
    if (variable.bits == 0) continue;
    const std::size_t state = k / variables.size();
    result.words[state * static_cast<std::size_t>(result.words_per_state) + static_cast<std::size_t>(variable.word)] |=
        static_cast<std::uint64_t>(values[k] - variable.lowest) << variable.shift;
  }
  result.variables = std::move(variables);
  return result;
}

}  // namespace

StateValues read_states(std::istream& input, const std::string& file, Index states) {
  NumberReader reader(input, file);
  if (!reader.skip_to_word()) reader.fail("found the end of the file, expected the names of the variables");
  std::vector<StateVariable> variables = read_variable_names(reader);
  std::vector<std::int32_t> values;
  Index expected = 0;
  for (; reader.skip_to_word(); ++expected) {
    if (expected >= states) reader.fail(fmt::format("found another state, the chain has {}", states));
    reader.integer("the next state", expected, expected);
    reader.expect(':', "':'");
    reader.expect('(', "'('");
    for (std::size_t v = 0; v < variables.size(); ++v) {
      if (v > 0) reader.expect(',', "','");
      values.push_back(static_cast<std::int32_t>(read_value(reader, variables[v])));
    }
    reader.expect(')', "')'");
    reader.expect_line_end();
  }
  if (expected != states) reader.fail(fmt::format("found {} states, the chain has {}", expected, states));
  return packed(std::move(variables), values);
}

LabelledChain labelled(ExplicitTransitions transitions, std::vector<Label> labels) {
  LabelledChain chain{.generator = std::move(transitions.generator)};
  chain.self_loop_rate_per_s = std::move(transitions.self_loop_rate_per_s);
  chain.labels = std::move(labels);
  if (find_label(chain, "deadlock") == nullptr) {
    StateSet deadlocks = deadlock_states(chain.generator, chain.self_loop_rate_per_s);
    chain.labels.insert(chain.labels.begin(), {"deadlock", std::move(deadlocks)});
  }
  if (find_label(chain, "init") == nullptr) {
    StateSet first(static_cast<std::size_t>(chain.states()), false);
    first.front() = true;
    chain.labels.insert(chain.labels.begin(), {"init", std::move(first)});
  }
  const StateSet& initial = find_label(chain, "init")->states;
  const auto found = std::find(initial.begin(), initial.end(), true);
  if (found == initial.end()) throw ChainError("no state has the label \"init\"");
  chain.initial = found - initial.begin();
  return chain;
}

}  // namespace windtunnel::solvers
