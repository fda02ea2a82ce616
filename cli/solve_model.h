// SPDX-License-Identifier: Apache-2.0
// The chain that `windtunnel solve` is asked about, whatever kind of file it stands in.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "solvers/csl/property_parser.h"
#include "solvers/prism/model_file.h"

namespace windtunnel::cli {

/// A file that cannot be read: exit code 2.
class FileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The whole file. Throws FileError `FILE: cannot be read: REASON`.
std::string file_text(const std::string& path);

/// Whether the file is a list of transitions.
bool is_explicit(const std::string& path);

/// By the name of the model: .tra and .mtx are lists of transitions, anything else is the PRISM language. Throws
/// FileError, and solvers::InputError with the place of a mistake.
/// `properties` are what is going to be asked: `--symmetry auto` counts no modules that they tell apart.
solvers::prism::BuiltModel load_model(const SolveCommand& command,
                                      const std::vector<solvers::PropertyFile>& properties = {});

/// What the names in properties mean, for a chain that is known already. Throws as load_model does.
solvers::prism::Scope load_scope(const SolveCommand& command, const solvers::LabelledChain& chain);

}  // namespace windtunnel::cli
