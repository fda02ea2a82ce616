// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/read_blocks.h"
#include "modeling/spec/schema_words.h"

namespace windtunnel::modeling::schema {

namespace {

Json failure_rates_schema() {
  Keys keys;
  for (const std::string& kind : component_kinds()) {
    keys.emplace_back(kind, quantity(Dimension::kRate, "failures of one"));
  }
  keys.emplace_back("others", choice({"profile", "none"}, "kinds that are not named; default as the profile says"));
  return object(keys, {}, "by component kind; each replaces the profile's of that kind, node all of them");
}

Json domain_schema() {
  const Keys keys = {{"name", text("for people")},
                     {"nodes", count(1, "nodes that fail together")},
                     {"rate", quantity(Dimension::kRate, "failures of one domain")},
                     {"repair_time", duration("")}};
  return object(keys, {"name", "nodes", "rate", "repair_time"}, "");
}

Json memory_checkpoint_schema() {
  return object({{"interval", time("work between copies in the memory of other nodes")},
                 {"blocking", time("the job stands still, default 0 s")},
                 {"copies", count(1, "of each part, default 2")}},
                {"interval"}, "more frequent copies in memory");
}

Json checkpoint_schema() {
  const Json optimal = {{"const", "optimal"}};
  return object(
      {{"interval", either({time("work between checkpoints"), optimal}, "default optimal")},
       {"blocking", time("the job stands still; default size / bandwidth, else 10 s")},
       {"size", quantity(Dimension::kBytes, "state of the whole job, default by the model (training)")},
       {"bandwidth", quantity(Dimension::kBytesPerSecond, "to storage, whole job, default 1 GB/s per node")},
       {"write_time", time("asynchronous: after the blocking part, until it can be restored, default 0 s")},
       {"memory", memory_checkpoint_schema()},
       {"network",
        choice({"storage", "scale_out"},
               "what is written beside the steps travels apart or over the devices' ports, default storage")}},
      {}, "");
}

Json recovery_schema() {
  const Json route =
      object({{"name", text("for people")},
              {"causes", list(text(""), "component kinds and domain names that may take this way, default all")},
              {"share", ratio("weight among the ways a cause may take, default 1")},
              {"detect_time", duration("default: the recovery's")},
              {"localize_time", duration("default: the recovery's")},
              {"restart_time", duration("default: reliability.restart_time")}},
             {"name"}, "");
  return object({{"detect_time", duration("from the failure to its discovery, default 0 s")},
                 {"localize_time", duration("to find what failed, default 0 s")},
                 {"failures", choice({"strike", "wait"}, "during recovery, default strike")},
                 {"classes", list(route, "ways back to work: process restart, node swap, requeue ...")}},
                {}, "between a stop and the first step after it");
}

Json elastic_schema() {
  return object({{"replica_nodes", count(1, "nodes of one data-parallel replica, default by the layout (training)")},
                 {"most_missing", count(1, "replicas that may be missing, default 1")},
                 {"resize_time", time("to take a replica back in, default 1 min")}},
                {}, "the job goes on with fewer replicas when spares run out");
}

Keys rate_variation_keys() {
  return {
      {"failure_scv", number(0, "of the times between stops: 1 exponential (default), above bursty")},
      {"early_life", object({{"factor", number(0, "on the rates of a new node")},
                             {"duration", time("mean time until it is outgrown")}},
                            {"factor", "duration"}, "new hardware")},
      {"bad_nodes", object({{"share", ratio("of the nodes")}, {"factor", number(1, "times the others' rate")}},
                           {"share", "factor"}, "the stated rates stay the mean of the fleet")},
      {"wear_out", object({{"shape", number(0.2, "of the Weibull lifetime: above 1 ageing, below infant mortality")},
                           {"scale", time("of the Weibull lifetime")},
                           {"age", time("at the start, default 0 s")},
                           {"after_repair", choice({"as_old", "as_new"}, "default as_old")}},
                          {"shape", "scale"}, "ageing of nodes, on top of their other failures")}};
}

Keys policy_keys() {
  return {{"elastic", elastic_schema()},
          {"maintenance", object({{"every", time("of running")}, {"duration", time("the job stands still")}},
                                 {"every", "duration"}, "planned stops after a checkpoint")},
          {"prediction_recall", ratio("of failures foreseen in time for a checkpoint, default 0")},
          {"fail_slow", choice({"run_on", "drain", "ignore"}, "slow devices and links, default run_on")},
          {"link_planes", count(1, "independent scale-out planes: losing one of several slows the job, default 1")},
          {"availability_target", ratio("of the time with enough replicas (serving), default 0.9995")},
          {"deadline", time("for deadline_met_probability, default the horizon")},
          {"price_per_device_hour", number(0, "in your currency")},
          {"power_per_device", quantity(Dimension::kPower, "mean, with its share of the node and cooling")}};
}

}  // namespace

Json reliability_schema() {
  const Json unlimited = {{"const", "unlimited"}};
  const Json spares =
      object({{"nodes", count(0, "")}, {"kind", choice({"hot", "warm", "cold"}, "default cold")}}, {"nodes"}, "");
  Keys keys = {{"horizon", time("span of the expected counts and probabilities")},
               {"failure_rates", failure_rates_schema()},
               {"failure_rate_factor", number(0, "multiplies every failure rate, default 1")},
               {"repair_time", duration("of a node")},
               {"repair_crews", either({count(1, ""), unlimited}, "default unlimited")},
               {"spares", spares},
               {"checkpoint", checkpoint_schema()},
               {"restart_time", duration("from detection to the first step")},
               {"recovery", recovery_schema()},
               {"domains", described({{"type", "array"}, {"items", domain_schema()}}, "nodes that fail together")}};
  for (const Keys& more : {rate_variation_keys(), policy_keys()}) keys.insert(keys.end(), more.begin(), more.end());
  return object(keys, {}, "failures, repair, spares, checkpoints");
}

}  // namespace windtunnel::modeling::schema
