// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/evaluation.h"

namespace windtunnel::solvers::prism {
namespace {

template <typename Compile>
Code compiled(const std::string& file, const Compile& compile) {
  try {
    return compile();
  } catch (const ExpressionError& error) {
    throw InputError(file, error.where, error.message);
  }
}

/// Calls receive(state, packed words) for every state.
template <typename Receive>
void for_each_state(const LabelledChain& chain, const std::string& file, const Receive& receive) {
  Index state = 0;
  try {
    const std::uint64_t* words = chain.values.words.data();
    for (; state < chain.states(); ++state, words += chain.values.words_per_state) receive(state, words);
  } catch (const ExpressionError& error) {
    throw InputError(file, error.where, error.message + " in state " + state_name(chain, state));
  }
}

}  // namespace

StateSet states_where(const ExpressionPointer& expression, const LabelledChain& chain, const StateColumns& columns,
                      const std::string& file) {
  Program program(chain.values.variables);
  const Code code = compiled(file, [&] { return program.compile(expression); });
  Evaluator evaluator(program, &columns);
  StateSet states(static_cast<std::size_t>(chain.states()));
  for_each_state(chain, file, [&](Index state, const std::uint64_t* words) {
    states[static_cast<std::size_t>(state)] = evaluator.integer(code, words, state) != 0;
  });
  return states;
}

Vector values_of(const ExpressionPointer& expression, const LabelledChain& chain, const StateColumns& columns,
                 const std::string& file) {
  Program program(chain.values.variables);
  const Code code = compiled(file, [&] { return program.compile_as_double(expression); });
  Evaluator evaluator(program, &columns);
  Vector values(chain.states());
  for_each_state(chain, file,
                 [&](Index state, const std::uint64_t* words) { values(state) = evaluator.real(code, words, state); });
  return values;
}

}  // namespace windtunnel::solvers::prism
