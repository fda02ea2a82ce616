// SPDX-License-Identifier: Apache-2.0
// One engine, iteration by iteration: the contract's batching semantics as a program. The event simulation runs
// several of them against one stream of requests.
#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <queue>
#include <vector>

#include "modeling/chains/serving/engine/decode_run.h"
#include "modeling/chains/serving/requests/system.h"
#include "modeling/chains/serving/requests/waiting_line.h"

namespace windtunnel::modeling {

/// One request on its way.
struct LiveRequest {
  double arrival_s = 0.0;
  int request_class = 0;
  /// Smaller is served first.
  int priority = 0;
  Count prompt_tokens = 1;
  /// Produced by this engine.
  Count output_tokens = 1;
  /// Produced by another engine afterwards.
  Count output_elsewhere = 0;
  /// Prompt tokens still to compute; 0 for a prompt whose KV cache arrived from elsewhere.
  Count to_prefill = 1;
  /// Cached tokens it holds: computed prompt and output.
  double cached = 0.0;
  Count produced = 0;
  double first_token_s = -1.0;
};

class ServingEngine {
 public:
  ServingEngine(const BatchRules& rules, const IterationTime& time, solvers::RandomSource& random);

  /// The request joins the queue; an idle engine starts it at `now_s`, a busy one looks at the next boundary. False:
  /// refused, because it could never fit the KV cache.
  bool submit(const LiveRequest& request, double now_s);
  /// End of the running iteration, or of the running decode iterations between which nothing can happen; infinity when
  /// idle.
  double boundary_s() const { return boundary_s_; }
  /// Ends the running iteration (or run of decode iterations): tokens are produced, finished requests are handed to
  /// `finished`, which may submit others; then the next iteration starts.
  void advance(const std::function<void(const LiveRequest&, double now_s)>& finished);

  /// Everything that waits, is prefilled or decodes, in no order.
  std::vector<LiveRequest> held_requests() const;

  Count present() const { return static_cast<Count>(waiting_.size() + in_prefill_.size() + decoding_count_); }
  std::size_t waiting() const { return waiting_.size(); }
  double decoding() const { return static_cast<double>(decoding_count_); }
  bool is_busy() const { return boundary_s_ < std::numeric_limits<double>::infinity(); }

  /// Time integrals since the start, up to the start of the running iteration.
  double busy_s() const { return busy_s_; }
  double decoding_integral() const { return decoding_integral_; }
  double cached_integral() const { return cached_integral_; }
  long long iterations() const { return iterations_; }
  long long preemptions() const { return preemptions_; }

 private:
  struct Slot {
    LiveRequest request;
    /// Decode clock at which it is done, and tokens it gains per iteration.
    long long done_at = 0;
    double gain = 1.0;
    long long started_at = 0;
    bool active = false;
  };
  struct Finish {
    long long at = 0;
    int slot = 0;
    long long epoch = 0;
    bool operator>(const Finish& other) const { return at > other.at; }
  };

  void start_prefilled();
  void plan_prompts(bool may_start);
  void add_decodes();
  void start_iteration(double now_s);
  long long decodes_until_change(bool prompts_may_start);
  void stop_run_at_boundary(double now_s);
  bool slots_are_full() const;
  void plan_prefill_first();
  void plan_chunked();
  bool admit_next(double tokens, double& kv_room);
  void take_chunk(std::size_t index, double tokens);
  void make_room_for_decode();
  void preempt();
  bool drop_ended(std::vector<std::pair<int, long long>>& slots);
  void preempt_prompt(std::deque<LiveRequest>::iterator at);
  void preempt_decode(std::vector<std::pair<int, long long>>& slots);
  void start_decoding(LiveRequest request);
  void end_prompts(double now_s, const std::function<void(const LiveRequest&, double)>& finished);
  void end_decodes(double now_s, const std::function<void(const LiveRequest&, double)>& finished);
  long long iterations_for(Count tokens);
  double reserved_tokens(const LiveRequest& request) const;

  BatchRules rules_;
  const IterationTime* time_;
  solvers::RandomSource* random_;
  double drafts_ = 0.0;

  WaitingLine<LiveRequest> waiting_;
  std::deque<LiveRequest> in_prefill_;  // oldest first
  std::vector<Slot> slots_;
  std::vector<int> free_slots_;
  std::vector<long long> epoch_;
  std::priority_queue<Finish, std::vector<Finish>, std::greater<>> finish_;
  // For preemption: by priority, slots and their epochs in order of admission.
  std::map<int, std::vector<std::pair<int, long long>>> by_age_;
  Count decoding_count_ = 0;
  double decode_cached_ = 0.0;   // sum over decoding sequences
  double decode_gain_ = 0.0;     // its growth per decode iteration
  double prefill_cached_ = 0.0;  // sum over prompts in progress
  double reserved_ = 0.0;        // kv_policy reserve
  long long decode_clock_ = 0;

  bool decodes_ = false;  // does the running iteration decode
  DecodeRun run_;         // the iterations up to boundary_s_, steps_ of them
  long long steps_ = 1;
  std::size_t ending_ = 0;
  IterationLoad load_;
  double start_s_ = 0.0;
  double boundary_s_ = std::numeric_limits<double>::infinity();
  double busy_s_ = 0.0, decoding_integral_ = 0.0, cached_integral_ = 0.0;
  long long iterations_ = 0, preemptions_ = 0;
};

}  // namespace windtunnel::modeling
