// SPDX-License-Identifier: Apache-2.0
// The transitions that a compiled model has in one state. Nothing is allocated per state once the buffers have grown.
#pragma once
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "solvers/prism/compiled_model.h"
#include "solvers/prism/evaluator.h"
#include "solvers/prism/orbit.h"

namespace windtunnel::solvers::prism {

/// A packed state of a model whose variables need at most 64 W bits.
template <std::size_t W>
struct PackedState : std::array<std::uint64_t, W> {
  /// Arrays compare through memcmp, a call that costs more than the comparison.
  friend bool operator==(const PackedState& a, const PackedState& b) {
    std::uint64_t difference = 0;
    for (std::size_t w = 0; w < W; ++w) difference |= a[w] ^ b[w];
    return difference == 0;
  }
};

/// Spreads all bits over all bits. Source: the finaliser of S. Vigna, SplitMix64 (public domain), after D. Stafford.
inline std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

template <std::size_t W>
struct PackedStateHash {
  std::size_t operator()(const PackedState<W>& state) const {
    std::uint64_t hash = 0;
    for (const std::uint64_t word : state) hash = mixed(hash ^ word);
    return hash;
  }
};

/// One transition, not yet merged with others to the same state.
template <std::size_t W, typename Number = double>
struct Successor {
  PackedState<W> to;
  Number rate_per_s = 0.0;
};

/// Successors begin .. end - 1 come from one action.
struct ActionRange {
  std::size_t action = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Rates are numbers, or numbers with their derivatives.
template <std::size_t W, typename Number = double>
class SuccessorGenerator {
 public:
  SuccessorGenerator(const CompiledModel& model, const OrbitSorter& orbits)
      : model_(model), orbits_(orbits), evaluator_(model.program), enabled_(model.guards.words()) {}

  /// Finds the transitions of the state, self-loops included, rates > 0, to the sorted states of their orbits. Throws
  /// ExpressionError for an update or a rate that cannot be.
  void expand(const PackedState<W>& state) {
    successors_.clear();
    ranges_.clear();
    model_.guards.enabled(state.data(), enabled_.data());
    std::size_t command = next_enabled(0);
    while (command < model_.commands.size()) {
      const Block& block = model_.blocks[model_.commands[command].block];
      expand(block, command, state);
      command = next_enabled(block.end);
    }
    if (orbits_.empty()) return;
    for (Successor<W, Number>& successor : successors_) orbits_.sort(successor.to.data());
  }

  const std::vector<Successor<W, Number>>& successors() const { return successors_; }
  const std::vector<ActionRange>& ranges() const { return ranges_; }

 private:
  /// The first command from `command` on that the index enables; beyond the last one when there is none.
  std::size_t next_enabled(std::size_t command) const {
    std::size_t word = command / 64;
    if (word >= enabled_.size()) return model_.commands.size();
    std::uint64_t rest = enabled_[word] & (~std::uint64_t{0} << (command % 64));
    while (rest == 0) {
      if (++word == enabled_.size()) return model_.commands.size();
      rest = enabled_[word];
    }
    return 64 * word + static_cast<std::size_t>(std::countr_zero(rest));
  }

  /// The product over the participants of a block: every combination of one enabled command of each.
  void expand(const Block& block, std::size_t first_enabled, const PackedState<W>& state) {
    if (first_enabled >= block.participants.front().end || !all_enabled(block)) return;
    const std::size_t begin = successors_.size();
    partial_.assign(1, {state, 1.0});
    for (const Participant& participant : block.participants) {
      if (&participant != &block.participants.front()) take_back(begin);
      combine(participant, state);
      if (successors_.size() == begin) return;
    }
    ranges_.push_back({block.action, begin, successors_.size()});
  }

  bool all_enabled(const Block& block) const {
    for (std::size_t k = 1; k < block.participants.size(); ++k) {
      if (next_enabled(block.participants[k].begin) >= block.participants[k].end) return false;
    }
    return true;
  }

  /// What the modules so far have combined is what the next one is combined with.
  void take_back(std::size_t begin) {
    partial_.assign(successors_.begin() + static_cast<std::ptrdiff_t>(begin), successors_.end());
    successors_.resize(begin);
  }

  /// Appends the products of the combinations so far with the enabled commands of one more module.
  void combine(const Participant& participant, const PackedState<W>& state) {
    for (std::size_t command = next_enabled(participant.begin); command < participant.end;
         command = next_enabled(command + 1)) {
      const CompiledCommand& c = model_.commands[command];
      if (c.has_remainder && evaluator_.integer(c.remainder, state.data()) == 0) continue;
      for (std::size_t alternative = c.begin; alternative < c.end; ++alternative) {
        apply(model_.alternatives[alternative], state);
      }
    }
  }

  void apply(const CompiledAlternative& alternative, const PackedState<W>& state) {
    const Number rate = evaluator_.real(alternative.rate, state.data());
    if (!(value_of(rate) >= 0.0) || !std::isfinite(value_of(rate))) {
      throw ExpressionError{alternative.where, fmt::format("rate {} is not finite and >= 0", value_of(rate))};
    }
    if (value_of(rate) == 0.0) return require_absent(rate, alternative.where);
    const std::size_t begin = successors_.size();
    for (const Successor<W, Number>& so_far : partial_) successors_.push_back({so_far.to, so_far.rate_per_s * rate});
    for (std::size_t k = alternative.begin; k < alternative.end; ++k) assign(model_.assignments[k], state, begin);
    require_finite(alternative, begin);
  }

  static void require_absent(double, SourceLocation) {}
  static void require_absent(const DualNumber& rate, SourceLocation where) {
    if (rate.moves()) throw ExpressionError{where, "no derivative: the rate is 0 here, but not beside"};
  }

  void assign(const CompiledAssignment& assignment, const PackedState<W>& state, std::size_t begin) {
    const std::int64_t value = evaluator_.integer(assignment.value, state.data());
    if (value < assignment.lowest || value > assignment.highest) {
      throw ExpressionError{assignment.where, fmt::format("update {}'={} leaves the range {}..{}",
                                                          model_.variables[assignment.variable].name, value,
                                                          assignment.lowest, assignment.highest)};
    }
    const std::uint64_t bits = static_cast<std::uint64_t>(value - assignment.lowest) << assignment.shift;
    for (std::size_t k = begin; k < successors_.size(); ++k) {
      std::uint64_t& word = successors_[k].to[assignment.word];
      word = (word & ~assignment.mask) | bits;
    }
  }

  /// Finite positive factors can have a product that is neither.
  void require_finite(const CompiledAlternative& alternative, std::size_t begin) const {
    for (std::size_t k = begin; k < successors_.size(); ++k) {
      const double rate = value_of(successors_[k].rate_per_s);
      if (std::isfinite(rate) && rate > 0.0) continue;
      throw ExpressionError{alternative.where, fmt::format("the product of the rates is {}", rate)};
    }
  }

  const CompiledModel& model_;
  OrbitSorter orbits_;
  BasicEvaluator<Number> evaluator_;
  std::vector<std::uint64_t> enabled_;
  std::vector<Successor<W, Number>> successors_;
  std::vector<Successor<W, Number>> partial_;
  std::vector<ActionRange> ranges_;
};

/// Calls call(std::integral_constant<std::size_t, W>) for a W that holds so many words.
template <typename Call>
auto with_packed_words(const CompiledModel& model, const Call& call) {
  const Index words = model.words_per_state;
  if (words == 1) return call(std::integral_constant<std::size_t, 1>{});
  if (words == 2) return call(std::integral_constant<std::size_t, 2>{});
  if (words <= 4) return call(std::integral_constant<std::size_t, 4>{});
  if (words <= 8) return call(std::integral_constant<std::size_t, 8>{});
  if (words <= 16) return call(std::integral_constant<std::size_t, 16>{});
  if (words <= 64) return call(std::integral_constant<std::size_t, 64>{});
  throw InputError(model.file, {},
                   fmt::format("the variables need {} words of 64 bits, at most 64 are supported", words));
}

}  // namespace windtunnel::solvers::prism
