// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/schema_words.h"

namespace windtunnel::modeling::schema {

Json autoscaling_schema() {
  const Keys keys = {{"min_replicas", count(1, "always running; at most there are serving.replicas; default 1")},
                     {"requests_per_replica", number(0, "requests present per replica that it aims at")},
                     {"interval", time("between two looks at the load, default 15 s")},
                     {"start_time", duration("until a new replica serves")},
                     {"stop_delay", time("a replica not needed for so long is given up, default 5 min")}};
  return object(keys, {"requests_per_replica", "start_time"}, "replicas that follow the load; needs 'transient'");
}

Json transient_schema() {
  const Json point = object({{"at", time("within the period")}, {"factor", number(0, "of traffic.arrival_rate")}},
                            {"at", "factor"}, "");
  const Json curve = object({{"period", time("repeats after")}, {"points", list(point, "straight lines between")}},
                            {"period", "points"}, "the arrival rate over time");
  const Json burst = object(
      {{"at", time("default 0 s")}, {"duration", time("")}, {"factor", number(0, "times the arrival rate meanwhile")}},
      {"duration", "factor"}, "more requests for a while");
  const Json failure = object({{"at", time("default 0 s")},
                               {"duration", time("until they serve again")},
                               {"replicas", count(1, "lost at once, default 1")}},
                              {"duration"}, "what they held starts anew on the others");
  const Keys keys = {{"horizon", time("how long it is followed; default: the period of the load curve")},
                     {"load_curve", curve},
                     {"burst", burst},
                     {"replica_failure", failure}};
  return object(keys, {}, "serving: queues and latencies over time, from arrival_rate at rest");
}

}  // namespace windtunnel::modeling::schema
