// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "modeling/spec/schema_paths.h"

namespace windtunnel::cli {
namespace {

std::string names_of(const std::vector<VerbWords>& verbs) {
  std::vector<std::string> names;
  for (const VerbWords& verb : verbs) names.push_back(verb.name);
  return fmt::format("{}", fmt::join(names, " "));
}

/// `training.micro_batch=`, ready for its value.
std::string assignments() {
  std::vector<std::string> paths = modeling::known_paths();
  for (std::string& path : paths) path += "=";
  return fmt::format("{}", fmt::join(paths, " "));
}

bool has(const VerbWords& verb, const char* option) {
  return std::find(verb.options.begin(), verb.options.end(), option) != verb.options.end();
}

/// What the summary says, safe inside single quotes.
std::string quoted(std::string text) {
  for (std::size_t at = text.find('\''); at != std::string::npos; at = text.find('\'', at + 4))
    text.replace(at, 1, "'\\''");
  return "'" + text + "'";
}

}  // namespace

std::string bash_completion(const std::vector<VerbWords>& verbs) {
  std::string cases;
  for (const VerbWords& verb : verbs)
    cases += fmt::format("    {}) options='{}' ;;\n", verb.name, fmt::join(verb.options, " "));
  return fmt::format(R"(# windtunnel completion for bash: source <(windtunnel completion bash)
_windtunnel() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} options=
  COMPREPLY=()
  if [[ $COMP_CWORD == 1 ]]; then
    COMPREPLY=($(compgen -W '{verbs} --help --version' -- "$word"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
{cases}  esac
  case $before in
    --set | --vary)
      compopt -o nospace 2>/dev/null
      COMPREPLY=($(compgen -W '{keys}' -- "$word"))
      return ;;
    --format)
      COMPREPLY=($(compgen -W 'table json csv text markdown html dot' -- "$word"))
      return ;;
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  elif [[ ${{COMP_WORDS[1]}} == completion ]]; then
    COMPREPLY=($(compgen -W 'bash zsh fish' -- "$word"))
  else
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -F _windtunnel windtunnel
)",
                     fmt::arg("verbs", names_of(verbs)), fmt::arg("cases", cases), fmt::arg("keys", assignments()));
}

std::string zsh_completion(const std::vector<VerbWords>& verbs) {
  return "# windtunnel completion for zsh: source <(windtunnel completion zsh)\n"
         "autoload -U +X compinit && compinit\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         bash_completion(verbs);
}

std::string fish_completion(const std::vector<VerbWords>& verbs) {
  std::string script =
      "# windtunnel completion for fish: windtunnel completion fish > ~/.config/fish/completions/windtunnel.fish\n";
  for (const VerbWords& verb : verbs)
    script += fmt::format("complete -c windtunnel -n __fish_use_subcommand -f -a {} -d {}\n", verb.name,
                          quoted(verb.summary));
  for (const VerbWords& verb : verbs) {
    const std::string when = fmt::format("complete -c windtunnel -n '__fish_seen_subcommand_from {}'", verb.name);
    for (const std::string& option : verb.options) {
      const bool takes_key = option == "--set" || option == "--vary";
      script += fmt::format("{} -l {}{}\n", when, option.substr(2),
                            takes_key ? " -x -a " + quoted(assignments()) : std::string());
    }
    if (has(verb, "--format")) script += when + " -l format -x -a 'table json csv text markdown html dot'\n";
  }
  return script + "complete -c windtunnel -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n";
}

}  // namespace windtunnel::cli
