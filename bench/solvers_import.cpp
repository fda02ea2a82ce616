// SPDX-License-Identifier: Apache-2.0
// Transitions per CPU second: chains generated from text in PRISM's language, and read from .tra and .mtx files.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "cpu_clock.h"
#include "solvers/explicit/explicit_chain.h"
#include "solvers/explicit/explicit_output.h"
#include "solvers/prism/model_file.h"

using namespace windtunnel;
using solvers::LabelledChain;

namespace {

/// A chain is right when it has so many states and transitions.
struct Expected {
  solvers::Index states = 0;
  solvers::Index transitions = 0;
};

bool report(const std::string& name, const LabelledChain& chain, const Expected& expected, double seconds) {
  fmt::print("{:<34} {:>9} states {:>9} transitions {:>6.2f} s {:>6.2f} M transitions/s\n", name, chain.states(),
             chain.transitions(), seconds, 1e-6 * static_cast<double>(chain.transitions()) / seconds);
  return bench::expect(chain.states() == expected.states && chain.transitions() == expected.transitions,
                       "numbers of states and transitions");
}

bool generate(const std::string& name, const std::string& text, const Expected& expected) {
  const bench::CpuClock clock;
  const auto model = solvers::prism::build_model(text, name);
  return report("generate " + name, model.chain, expected, clock.seconds());
}

/// Two queues of c places in a row: few commands, each nearly always enabled.
bool generate_queues(solvers::Index c) {
  const std::string text = fmt::format(
      "ctmc const int c={};\n"
      "module first a:[0..c]; [] a<c -> 1.25:(a'=a+1); [move] a>0 -> 0.5*a:(a'=a-1); endmodule\n"
      "module second b:[0..c]; [move] b<c -> 3:(b'=b+1); [] b>0 -> 2:(b'=b-1); endmodule\n",
      c);
  return generate(fmt::format("two queues, c = {}", c), text, {(c + 1) * (c + 1), c * (c + 1) + c * c + c * (c + 1)});
}

/// Machines that wait for one of two crews: many commands, rates of a formula over all modules.
bool generate_machines(int count) {
  std::string waiting = "(s1=2?1:0)";
  for (int k = 2; k <= count; ++k) waiting += fmt::format("+(s{}=2?1:0)", k);
  std::string text = "ctmc formula waiting = " + waiting +
                     ";\nmodule m1 s1:[0..2]; [] s1=0 -> 0.02:(s1'=1); [] s1=1 -> 0.1:(s1'=2);\n"
                     "[] s1=2 -> min(2,waiting)/waiting:(s1'=0); endmodule\n";
  for (int k = 2; k <= count; ++k) text += fmt::format("module m{0} = m1 [ s1=s{0}, s{0}=s1 ] endmodule\n", k);
  const auto states = static_cast<solvers::Index>(std::pow(3.0, count));
  return generate(fmt::format("{} machines", count), text, {states, states * count});
}

/// Stations polled in turn: every command synchronises the server with a station.
bool generate_polling(int stations) {
  std::string text = fmt::format("ctmc module server s:[1..{}]; a:[0..1];\n", stations);
  for (int k = 1; k <= stations; ++k) {
    const int next = k % stations + 1;
    text += fmt::format(
        "[walk{0}] s={0}&a=0 -> 200:(s'={1}); [poll{0}] s={0}&a=0 -> 200:(a'=1); [serve{0}] s={0}&a=1 -> "
        "1:(s'={1})&(a'=0);\n",
        k, next);
  }
  text +=
      "endmodule\nmodule station1 x1:[0..1]; [walk1] x1=0 -> 1:(x1'=0); [] x1=0 -> 0.02:(x1'=1);\n"
      "[poll1] x1=1 -> 1:(x1'=1); [serve1] x1=1 -> 1:(x1'=0); endmodule\n";
  for (int k = 2; k <= stations; ++k) {
    text += fmt::format(
        "module station{0} = station1 [ x1=x{0}, walk1=walk{0}, poll1=poll{0}, serve1=serve{0} ] endmodule\n", k);
  }
  // In each state the server moves in one way; half of the stations may get a customer. A server that works has one.
  const auto subsets = static_cast<solvers::Index>(std::pow(2.0, stations));
  const solvers::Index states = stations * (subsets + subsets / 2);
  const solvers::Index arrivals = stations * (subsets / 2 * stations + subsets / 4 * (stations - 1));
  return generate(fmt::format("polling, {} stations", stations), text, {states, states + arrivals});
}

std::string digits(double rate, bool all) {
  return all ? fmt::format("{:.17g}", rate) : fmt::format("{:.3g}", rate);
}

struct FileKind {
  bool matrix_market = false;
  /// 17, or 3.
  bool all_digits = false;
  /// As column-ordered programs write matrices: rows do not ascend.
  bool by_columns = false;

  std::string name() const {
    return fmt::format("{}, {} digits{}", matrix_market ? ".mtx" : ".tra", all_digits ? 17 : 3,
                       by_columns ? ", by columns" : "");
  }
};

/// A walk on a square of n x n states; its rates there and back are equal.
std::string walk_text(solvers::Index n, const FileKind& kind) {
  const solvers::Index transitions = 4 * n * (n - 1);
  std::string text = kind.matrix_market ? fmt::format("%%MatrixMarket matrix coordinate real general\n{0} {0} {1}\n",
                                                      n * n, transitions)
                                        : fmt::format("{} {}\n", n * n, transitions);
  const solvers::Index first = kind.matrix_market ? 1 : 0;
  for (solvers::Index i = 0; i < n * n; ++i) {
    const auto line = [&](solvers::Index other) {
      const solvers::Index from = kind.by_columns ? other : i;
      const solvers::Index to = kind.by_columns ? i : other;
      text += fmt::format("{} {} {}\n", from + first, to + first,
                          digits(1.0 + static_cast<double>((from + to) % 97) / 7.0, kind.all_digits));
    };
    if (i >= n) line(i - n);
    if (i % n > 0) line(i - 1);
    if (i % n < n - 1) line(i + 1);
    if (i < n * (n - 1)) line(i + n);
  }
  return text;
}

LabelledChain read(const std::string& path, bool matrix_market) {
  std::ifstream input(path, std::ios::binary);
  return labelled(matrix_market ? solvers::read_matrix_market(input, path) : solvers::read_tra(input, path), {});
}

bool import(solvers::Index n, const FileKind& kind) {
  const std::string path = (std::filesystem::temp_directory_path() / "windtunnel_import").string();
  const std::string text = walk_text(n, kind);
  std::ofstream(path, std::ios::binary) << text;
  const bench::CpuClock clock;
  const LabelledChain chain = read(path, kind.matrix_market);
  const double seconds = clock.seconds();
  std::filesystem::remove(path);
  bool fine = report(fmt::format("read {}, {:.0f} MB", kind.name(), 1e-6 * static_cast<double>(text.size())), chain,
                     {n * n, 4 * n * (n - 1)}, seconds);
  // 17 digits say every bit of a double.
  const double rate = (*chain.generator.outgoing().row(n + 1).begin()).rate_per_s;
  const double written = 1.0 + static_cast<double>((n + 2) % 97) / 7.0;
  return bench::expect(kind.all_digits ? rate == written : std::abs(rate - written) < 0.005 * written,
                       "rates as written") &&
         fine;
}

}  // namespace

int main() {
  bool fine = generate_queues(1000);
  fine &= generate_machines(12);
  fine &= generate_polling(16);
  for (const bool matrix_market : {false, true}) {
    for (const bool all_digits : {false, true})
      fine &= import(1200, {.matrix_market = matrix_market, .all_digits = all_digits});
  }
  fine &= import(1200, {.matrix_market = true, .all_digits = true, .by_columns = true});
  return fine ? 0 : 1;
}
