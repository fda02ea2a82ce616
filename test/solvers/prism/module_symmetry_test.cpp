// SPDX-License-Identifier: Apache-2.0
// Chains that count equal modules: against closed forms, against the whole chain, and what is no symmetry.
#include <fmt/format.h>

#include <cmath>

#include "solvers/csl/model_checking.h"
#include "solvers/csl/property_binding.h"
#include "solvers/csl/property_symmetry.h"
#include "solvers/lumping/lumping.h"
#include "solvers/prism/model_file.h"
#include "test/catch.h"

namespace windtunnel::solvers::prism {
namespace {

/// Machines that run (0), limp (1) or stand still (2), each repaired on its own.
std::string machines(int count, const std::string& more = "") {
  std::string text =
      "ctmc const double a=0.25; const double b=0.5; const double c=2;\n"
      "module m1 s1:[0..2]; [] s1=0 -> a:(s1'=1); [] s1=1 -> b:(s1'=2); [] s1=2 -> c:(s1'=0); endmodule\n";
  for (int k = 2; k <= count; ++k) text += fmt::format("module m{0} = m1 [ s1=s{0} ] endmodule\n", k);
  std::string down = "(s1=2?1:0)";
  for (int k = 2; k <= count; ++k) down = fmt::format("(s{}=2?1:0)+({})", k, down);
  return text + "formula down = " + down + ";\n" + more;
}

BuiltModel counted(const std::string& text, const std::vector<std::string>& groups) {
  return build_model(text, "m.prism", {}, {}, {.groups = groups, .detect_for = {}});
}

BuiltModel detected(const std::string& text, const std::string& kept = "true") {
  const PropertyFile file = parse_properties(kept, "kept.props");
  return build_model(text, "m.prism", {}, {}, {.groups = {}, .detect_for = [&](Scope scope) {
                                                 return state_expressions(file, file.properties.front(), scope);
                                               }});
}

double answer(BuiltModel& model, const std::string& text) {
  const PropertyFile file = parse_properties(text, "p.props");
  require_symmetric(file, file.properties.front(), model.scope, model.symmetry);
  const BoundProperty bound = bind_property(file, file.properties.front(), model.chain, model.scope, {});
  const Question& question = std::get<Question>(bound);
  return check(model.chain, question.query, question.filter).value;
}

std::string refusal(const std::string& text, const std::vector<std::string>& groups) {
  try {
    counted(text, groups);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string refused_property(BuiltModel& model, const std::string& text) {
  try {
    answer(model, text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("Twenty independent machines are counts, and binomial", "[solvers][prism][symmetry]") {
  // Shares of time in the three states: 1/a : 1/b : 1/c. 3^20 states become the (22 choose 2) ways to count.
  BuiltModel model = detected(machines(20));
  CHECK(model.symmetric_modules.size() == 1);
  CHECK(model.chain.states() == 231);
  const double down = 0.5 / (4.0 + 2.0 + 0.5);
  CHECK(answer(model, "S=? [ down=0 ]") == Approx(std::pow(1.0 - down, 20)).epsilon(1e-11));
  CHECK(answer(model, "S=? [ down=20 ]") == Approx(std::pow(down, 20)).epsilon(1e-11));
  CHECK(answer(model, "S=? [ down=3 ]") ==
        Approx(1140.0 * std::pow(down, 3) * std::pow(1.0 - down, 17)).epsilon(1e-11));
}

TEST_CASE("The chain of counts answers as the whole chain does", "[solvers][prism][symmetry]") {
  // Two repair crews; one part starts limping; a swap leads from an orbit into itself.
  const std::string text =
      "ctmc formula down = (s1=2?1:0)+(s2=2?1:0)+(s3=2?1:0)+(s4=2?1:0);\n"
      "module m1 s1:[0..2] init 1; [] s1=0 -> 0.25:(s1'=1); [] s1=1 -> 0.5:(s1'=2);\n"
      " [] s1=2 -> 2*min(2,down)/down:(s1'=0); [flip] s1<2 -> 0.5:(s1'=1-s1); endmodule\n"
      "module m2 = m1 [ s1=s2, s2=s1 ] endmodule module m3 = m1 [ s1=s3, s3=s1 ] endmodule\n"
      "module m4 = m1 [ s1=s4, s4=s1 ] endmodule\n"
      "rewards \"flips\" [flip] true : 3; endrewards rewards \"down\" down>1 : down; endrewards";
  BuiltModel whole = build_model(text, "m.prism");
  BuiltModel counts = counted(text, {"m1,m2,m3,m4"});
  CHECK(whole.chain.states() == 81);
  CHECK(counts.chain.states() == 15);
  for (const char* property :
       {"S=? [ down=0 ]", "P=? [ F<=2 down>2 ]", "R{\"flips\"}=? [ C<=3 ]", "R{\"flips\"}=? [ S ]",
        "R{\"down\"}=? [ F down=4 ]", "T{\"variance\"}=? [ F down=4 ]", "P=? [ X down=1 ]", "P=? [ X true ]",
        "filter(max, P=? [ down<3 U<=4 down=0 ], down=2)"}) {
    INFO(property);
    CHECK(answer(counts, property) == Approx(answer(whole, property)).epsilon(1e-9));
  }
}

TEST_CASE("Rates into one orbit are added exactly and rounded once", "[solvers][prism][symmetry]") {
  // Ten times 0.1, added one by one, is 1 - 2^-53.
  std::string text = "ctmc module m1 s1:[0..1]; [] s1=0 -> 0.1:(s1'=1); [] s1=1 -> 1:(s1'=0); endmodule\n";
  for (int k = 2; k <= 10; ++k) text += fmt::format("module m{0} = m1 [ s1=s{0} ] endmodule\n", k);
  const BuiltModel model = detected(text);
  REQUIRE(model.chain.states() == 11);
  CHECK((*model.chain.generator.outgoing().row(0).begin()).rate_per_s == 1.0);
}

TEST_CASE("It is the coarsest lumping where nothing else is alike", "[solvers][prism][symmetry]") {
  const BuiltModel whole = build_model(machines(4, "label \"down\" = down>=2; "), "m.prism");
  const BuiltModel counts = counted(machines(4), {"m1,m2,m3,m4"});
  Vector down(whole.chain.states());
  for (Index i = 0; i < down.size(); ++i) {
    down(i) = 0.0;
    for (const StateVariable& variable : whole.chain.values.variables)
      down(i) += whole.chain.values.value(i, variable) == 2 ? 1.0 : 0.0;
  }
  CHECK(lump(whole.chain.generator, std::vector<Vector>{down}).blocks() == counts.chain.states());
}

TEST_CASE("Actions of their own are exchanged with the modules", "[solvers][prism][symmetry]") {
  const std::string text =
      "ctmc module m1 s1:[0..1]; [] s1=0 -> 1:(s1'=1); [done1] s1=1 -> 1:(s1'=0); endmodule\n"
      "module m2 = m1 [ s1=s2, done1=done2 ] endmodule module m3 = m1 [ s1=s3, done1=done3 ] endmodule\n"
      "module server n:[0..3]; [done1] n<3 -> 1:(n'=n+1); [done2] n<3 -> 1:(n'=n+1);\n"
      " [done3] n<3 -> RATE:(n'=n+1); [] n>0 -> 2:(n'=n-1); endmodule";
  const auto with = [&](const std::string& rate) {
    std::string copy = text;
    return copy.replace(copy.find("RATE"), 4, rate);
  };
  BuiltModel whole = build_model(with("1"), "m.prism");
  BuiltModel counts = detected(with("1"));
  CHECK(counts.symmetric_modules == std::vector<std::string>{"m1,m2,m3"});
  CHECK(whole.chain.states() == 32);
  CHECK(counts.chain.states() == 16);
  CHECK(answer(counts, "S=? [ n=3 ]") == Approx(answer(whole, "S=? [ n=3 ]")).epsilon(1e-10));
  CHECK(detected(with("2")).symmetric_modules == std::vector<std::string>{"m1,m2"});
}

TEST_CASE("A member may be several modules", "[solvers][prism][symmetry]") {
  const std::string text =
      "ctmc module m1 s1:[0..1]; [in1] s1=0 -> 1:(s1'=1); [] s1=1 -> 2:(s1'=0); endmodule\n"
      "module m2 = m1 [ s1=s2, in1=in2 ] endmodule\n"
      "module b1 q1:[0..2]; [] q1<2 -> 1:(q1'=q1+1); [in1] q1>0 -> 3:(q1'=q1-1); endmodule\n"
      "module b2 = b1 [ q1=q2, in1=in2 ] endmodule";
  BuiltModel whole = build_model(text, "m.prism");
  BuiltModel counts = counted(text, {"m1+b1,m2+b2"});
  CHECK(whole.chain.states() == 36);
  CHECK(counts.chain.states() == 21);  // 6 local states: 6 * 7 / 2
  CHECK(answer(counts, "S=? [ q1+q2=3 ]") == Approx(answer(whole, "S=? [ q1+q2=3 ]")).epsilon(1e-10));
  CHECK(refusal(text, {"m1,m2"}) ==
        "m.prism:3:47: command of module 'b2' has no counterpart when 'm1' and 'm2' are "
        "exchanged");
}

TEST_CASE("Modules that hang together are found together", "[solvers][prism][symmetry]") {
  // Machines with buffers of their own, tied by an action, beside a robot that all feed.
  std::string text =
      "ctmc module robot r:[0..5]; [out1] r<5 -> 1:(r'=r+1); [out2] r<5 -> 1:(r'=r+1); [out3] r<5 -> 1:(r'=r+1);\n"
      " [] r>0 -> 4:(r'=r-1); endmodule\n"
      "module m1 s1:[0..1]; [in1] s1=0 -> 1:(s1'=1); [out1] s1=1 -> 2:(s1'=0); endmodule\n"
      "module b1 q1:[0..2]; [] q1<2 -> 1:(q1'=q1+1); [in1] q1>0 -> 3:(q1'=q1-1); endmodule\n";
  for (const char* k : {"2", "3"}) {
    // In another order, which must not matter.
    text += fmt::format("module b{0} = b1 [ q1=q{0}, in1=in{0} ] endmodule\n", k);
    text += fmt::format("module m{0} = m1 [ s1=s{0}, in1=in{0}, out1=out{0} ] endmodule\n", k);
  }
  BuiltModel whole = build_model(text, "m.prism");
  BuiltModel counts = detected(text);
  CHECK(counts.symmetric_modules == std::vector<std::string>{"m1+b1,m2+b2,m3+b3"});
  CHECK(whole.chain.states() == 6 * 216);
  CHECK(counts.chain.states() == 6 * 56);  // 3 of 6 local states: 8 over 3
  CHECK(answer(counts, "S=? [ r=5 ]") == Approx(answer(whole, "S=? [ r=5 ]")).epsilon(1e-10));
  CHECK(detected(text, "S=? [ s1=0 ]").symmetric_modules == std::vector<std::string>{"m2+b2,m3+b3"});
}

TEST_CASE("Modules that read one another are found together", "[solvers][prism][symmetry]") {
  const std::string text =
      "ctmc module u1 s1:[0..1]; [] s1=0 -> 1:(s1'=1); [] s1=1 -> 2:(s1'=0); endmodule\n"
      "module u2 = u1 [ s1=s2 ] endmodule\n"
      "module f1 p1:[0..3]; [] s1=1&p1<3 -> 1:(p1'=p1+1); [] p1>0 -> s1+1:(p1'=p1-1); endmodule\n"
      "module f2 = f1 [ p1=p2, s1=s2 ] endmodule";
  BuiltModel whole = build_model(text, "m.prism");
  BuiltModel counts = detected(text);
  CHECK(counts.symmetric_modules.size() == 1);
  CHECK(whole.chain.states() == 64);
  CHECK(counts.chain.states() == 36);  // 2 of 8
  CHECK(answer(counts, "S=? [ p1+p2=6 ]") == Approx(answer(whole, "S=? [ p1+p2=6 ]")).epsilon(1e-10));
  // Crosswise they are not alike: f1 is slower.
  const std::string slower =
      text.substr(0, text.find("module f2")) +
      "module f2 p2:[0..3]; [] s2=1&p2<3 -> 0.5:(p2'=p2+1); [] p2>0 -> s2+1:(p2'=p2-1); endmodule";
  CHECK(detected(slower).symmetric_modules.empty());
}

TEST_CASE("What is no symmetry is refused where it stands", "[solvers][prism][symmetry]") {
  CHECK(refusal(machines(3), {"m1,m9"}) == "--symmetry: found 'm9', expected a module, one of m1, m2, m3");
  CHECK(refusal(machines(3), {"m1"}) == "--symmetry: found 'm1', expected two modules or more, such as m1,m2");
  CHECK(refusal(machines(3), {"m1,m2", "m2,m3"}) == "--symmetry: module 'm2' is named twice");
  CHECK(refusal(machines(3), {"m1+m2,m3"}) ==
        "--symmetry: different numbers of modules when 'm1+m2' and 'm3' are exchanged");
  CHECK(refusal(machines(3, "label \"first\" = s1=2;"), {"m1,m2,m3"}) ==
        "m.prism:6:19: label \"first\" has no counterpart when 'm1' and 'm2' are exchanged");
  CHECK(refusal(machines(3, "rewards s2=0 : 1; endrewards"), {"m2,m3"}) ==
        "m.prism:6:9: reward has no counterpart when 'm2' and 'm3' are exchanged");
  CHECK(refusal(machines(3, "init s1=0 & s2=1 & s3=2 endinit"), {"m1,m3"}) ==
        "m.prism:6:18: init has no counterpart when 'm1' and 'm3' are exchanged");
  CHECK(refusal(machines(2, "module other x:[0..1]; endmodule"), {"m1,other"}) ==
        "m.prism:5:8: variables 's1' and 'x' have different ranges: no symmetry when 'm1' and 'other' are exchanged");
  CHECK(refusal(machines(2, "module watch w:bool; [] s1=2 & !w -> 1:(w'=true); endmodule"), {"m1,m2"}) ==
        "m.prism:5:22: command of module 'watch' has no counterpart when 'm1' and 'm2' are exchanged");
}

TEST_CASE("A formula that is renamed counts itself twice, and is told apart", "[solvers][prism][symmetry]") {
  // PRISM writes formulas out before it renames: in m2 `down` is (s2=1) + (s2=1), unless s2 becomes s1 as well.
  const std::string base =
      "ctmc formula down = (s1=1?1:0)+(s2=1?1:0); module m1 s1:[0..1]; [] s1=0 -> 1+down:(s1'=1); endmodule ";
  CHECK(counted(base + "module m2 = m1 [ s1=s2, s2=s1 ] endmodule", {"m1,m2"}).chain.states() == 3);
  CHECK(refusal(base + "module m2 = m1 [ s1=s2 ] endmodule", {"m1,m2"}) ==
        "m.prism:1:65: command of module 'm2' has no counterpart when 'm1' and 'm2' are exchanged");
}

TEST_CASE("Properties that tell counted modules apart are refused", "[solvers][prism][symmetry]") {
  BuiltModel model = counted(machines(3, "label \"all\" = down=3;"), {"m1,m2,m3"});
  CHECK(refused_property(model, "S=? [ s1=2 ]") == "p.props:1:9: the expression tells modules of --symmetry apart");
  CHECK(refused_property(model, "P=? [ s1=0 & s2=0 U \"all\" ]") ==
        "p.props:1:12: the expression tells modules of --symmetry apart");
  CHECK(refused_property(model, "S=? [ \"mine\" ]; label \"mine\" = s2=1;") ==
        "p.props:1:34: the expression tells modules of --symmetry apart");
  CHECK(refused_property(model, "filter(min, S=? [ \"all\" ], s3=0)") ==
        "p.props:1:30: the expression tells modules of --symmetry apart");
  CHECK(refused_property(model, "filter(sum, S=? [ \"all\" ])") ==
        "p.props:1:1: the filter counts states, expected min, max, first, forall or exists with --symmetry");
  CHECK(refused_property(model, "S=? [ max(s3,s1,s2)=2 & \"all\" ]").empty());
  CHECK(refused_property(model, "S=? [ (s3=2 & s1=2) & s2=2 | \"init\" ]").empty());
}

TEST_CASE("Modules that start unlike have no label init", "[solvers][prism][symmetry]") {
  BuiltModel model = counted(
      "ctmc module a x:[0..1] init 1; [] true -> 1:(x'=1-x); endmodule module b y:[0..1]; [] true -> 1:(y'=1-y); "
      "endmodule",
      {"a,b"});
  CHECK(model.chain.states() == 3);
  CHECK(refused_property(model, "P=? [ F<=1 \"init\" ]") ==
        "p.props:1:12: label \"init\" tells modules of --symmetry apart: they do not start alike");
}

TEST_CASE("Detection leaves out the modules that a property names", "[solvers][prism][symmetry]") {
  CHECK(detected(machines(4), "S=? [ s1=0 ]").symmetric_modules == std::vector<std::string>{"m2,m3,m4"});
  CHECK(detected(machines(4), "S=? [ s1=0 & s2=0 ]").symmetric_modules == std::vector<std::string>{"m1,m2", "m3,m4"});
  CHECK(detected("ctmc module a x:[0..1]; endmodule module b y:[0..2]; endmodule").symmetric_modules.empty());
}

TEST_CASE("Formulas that double sixty times are renamed and compared without being written out",
          "[solvers][prism][symmetry]") {
  std::string text = "ctmc formula f0 = x+y>2;\n";
  for (int k = 1; k <= 60; ++k) text += fmt::format("formula f{} = f{}|f{};\n", k, k - 1, k - 1);
  text += "module a x:[0..1]; [] f60 -> 1:(x'=1-x); endmodule module b = a [ x=y, y=x ] endmodule";
  Scope scope({});
  const BoundModel model = bind_model(parse_model(text, "m.prism"), scope);
  CHECK(declared_symmetry(model, {"a,b"}).groups.size() == 1);
}

}  // namespace
}  // namespace windtunnel::solvers::prism
