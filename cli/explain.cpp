// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/version.h"
#include "modeling/evaluate.h"
#include "modeling/report/derivation.h"
#include "modeling/report/required_measures.h"
#include "modeling/spec/read_spec.h"
#include "modeling/studies/what_if/sensitivity.h"

namespace windtunnel::cli {
namespace {

std::string render(const modeling::Report& report, TextFormat format) {
  switch (format) {
    case TextFormat::kMarkdown:
      return modeling::derivation_markdown(report);
    case TextFormat::kHtml:
      return modeling::derivation_html(report);
    case TextFormat::kDot:
      return modeling::derivation_dot(report);
    case TextFormat::kText:
      break;
  }
  return modeling::derivation_text(report);
}

ExitCode explain_checked(const ExplainCommand& command) {
  const modeling::Spec spec = modeling::load_spec(command.spec, command.overrides);
  modeling::Report report = modeling::evaluate_in_detail(spec, modeling::Detail::kDerivation);
  if (command.format != TextFormat::kDot)
    report.sensitivities = modeling::find_sensitivities(spec, report, modeling::evaluate_in_detail);
  for (const std::string& warning : report.warnings) print_message(command.spec + ": warning: " + warning);
  if (!report.failure.empty()) print_message(command.spec + ": " + report.failure);
  write_output(render(report, command.format), command.output);
  return report.failure.empty() ? ExitCode::kAnswered : ExitCode::kNoAnswer;
}

}  // namespace

ExitCode answer(const ExplainCommand& command) {
  require_separate_files({command.spec}, {command.output});
  try {
    return explain_checked(command);
  } catch (const modeling::SpecError& error) {
    print_message(error.what());
    return ExitCode::kBadInput;
  } catch (const modeling::NoAnswerError& error) {
    print_message(command.spec + ": " + error.what());
    return ExitCode::kNoAnswer;
  }
}

}  // namespace windtunnel::cli
