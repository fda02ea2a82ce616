// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/csv_report.h"

#include "test/catch.h"
#include "test/modeling/report/sample_report.h"

namespace windtunnel::modeling {
namespace {

TEST_CASE("One header row, one row per report, numbers that read back exactly", "[report][csv]") {
  CHECK(csv_report({sample_report()}) ==
        "spec,study,step_time_mean_s,mfu_ratio,job_mttf_s,spare_s,activity.compute,activity.memory,activity.failed,"
        "memory_bytes.weights,memory_bytes.gradients,network.scale_up_slowdown_ratio,status\n"
        "job.yaml,training,0.1,0.40125,NA,inf,0.75,0.25,0,3000000000,1000000000,1.5,ok\n");
}

TEST_CASE("Different studies share one table: the union of their columns", "[report][csv]") {
  Report training;
  training.spec_file = "a.yaml";
  training.study = "training";
  training.measures = {{"x_s", 1.0}, {"y_s", 2.0}};
  Report serving;
  serving.spec_file = "b.yaml";
  serving.study = "serving";
  serving.measures = {{"y_s", 3.0}, {"z_s", 4.0}};
  serving.failure = "unstable: arrival_rate 50 /s, capacity 41 /s";
  CHECK(csv_report({training, serving}) ==
        "spec,study,x_s,y_s,z_s,status\n"
        "a.yaml,training,1,2,NA,ok\n"
        "b.yaml,serving,NA,3,4,\"unstable: arrival_rate 50 /s, capacity 41 /s\"\n");
}

TEST_CASE("Cells are quoted by RFC 4180 section 2", "[report][csv]") {
  CHECK(csv_text("plain") == "plain");
  CHECK(csv_text("") == "");
  CHECK(csv_text("a,b") == "\"a,b\"");
  CHECK(csv_text("say \"so\"") == "\"say \"\"so\"\"\"");
  CHECK(csv_text("two\nlines") == "\"two\nlines\"");
}

TEST_CASE("A cell that a spreadsheet would run is only text", "[report][csv]") {
  CHECK(csv_text("=1+1") == "'=1+1");
  CHECK(csv_text("+1") == "'+1");
  CHECK(csv_text("-1") == "'-1");
  CHECK(csv_text("@SUM(A1)") == "'@SUM(A1)");
  CHECK(csv_text("\t=1") == "'\t=1");
  CHECK(csv_text("=HYPERLINK(\"x\",1)") == "\"'=HYPERLINK(\"\"x\"\",1)\"");
  Report report;
  report.spec_file = "=cmd.yaml";
  report.measures = {{"change_s", -2.5}};
  CHECK(csv_report({report}) == "spec,study,change_s,status\n'=cmd.yaml,,-2.5,ok\n");
}

}  // namespace
}  // namespace windtunnel::modeling
