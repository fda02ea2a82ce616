// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/engine/batching_engine.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace windtunnel::modeling {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double whole_length(const LiveRequest& request) {
  return static_cast<double>(request.prompt_tokens + request.output_tokens);
}

}  // namespace

ServingEngine::ServingEngine(const BatchRules& rules, const IterationTime& time, solvers::RandomSource& random)
    : rules_(rules), time_(&time), random_(&random) {
  if (rules.speculative && rules.drafts_cost_time) drafts_ = static_cast<double>(rules.speculative->tokens);
}

double ServingEngine::reserved_tokens(const LiveRequest& request) const {
  return rules_.kv_policy == KvPolicy::kReserve ? whole_length(request) : 0.0;
}

bool ServingEngine::submit(const LiveRequest& request, double now_s) {
  if (whole_length(request) > rules_.kv_capacity_tokens) return false;
  // Behind others that wait, or where no slot is free, it changes nothing yet.
  const bool may_start = waiting_.is_next(request.priority) && !slots_are_full();
  waiting_.push_back(request);
  if (!is_busy())
    start_iteration(now_s);
  else if (may_start)
    stop_run_at_boundary(now_s);
  return true;
}

/// Decode iterations until `tokens` more are out.
long long ServingEngine::iterations_for(Count tokens) {
  if (!rules_.speculative) return tokens;
  long long iterations = 0;
  while (tokens > 0) {
    ++iterations;
    --tokens;
    for (Count i = 0; i < rules_.speculative->tokens && tokens > 0; ++i) {
      if (random_->uniform() >= rules_.speculative->acceptance_ratio) break;
      --tokens;
    }
  }
  return iterations;
}

void ServingEngine::start_decoding(LiveRequest request) {
  const Count left = request.output_tokens - request.produced;
  int index = 0;
  if (free_slots_.empty()) {
    index = static_cast<int>(slots_.size());
    slots_.emplace_back();
    epoch_.push_back(0);
  } else {
    index = free_slots_.back();
    free_slots_.pop_back();
  }
  Slot& slot = slots_[index];
  const long long iterations = iterations_for(left);
  request.cached = static_cast<double>(request.prompt_tokens + request.produced);
  slot = {.request = request,
          .done_at = decode_clock_ + iterations,
          .gain = static_cast<double>(left) / static_cast<double>(iterations),
          .started_at = decode_clock_,
          .active = true};
  ++epoch_[index];
  ++decoding_count_;
  decode_cached_ += request.cached;
  decode_gain_ += slot.gain;
  finish_.push({slot.done_at, index, epoch_[index]});
  if (rules_.kv_capacity_tokens < kInfinity) by_age_[request.priority].emplace_back(index, epoch_[index]);
}

bool ServingEngine::slots_are_full() const {
  return static_cast<Count>(in_prefill_.size()) + decoding_count_ >= rules_.max_batch;
}

/// Moves the prompt whose turn it is into the batch when a slot and the KV cache have room for its next `tokens`.
bool ServingEngine::admit_next(double tokens, double& kv_room) {
  if (waiting_.empty() || slots_are_full()) return false;
  const LiveRequest& next = waiting_.front();
  if (reserved_ + reserved_tokens(next) > rules_.kv_capacity_tokens) return false;
  const double chunk = std::min(static_cast<double>(next.to_prefill), tokens);
  if (next.cached + chunk > kv_room) return false;
  reserved_ += reserved_tokens(next);
  prefill_cached_ += next.cached;
  kv_room -= next.cached;
  in_prefill_.push_back(next);
  waiting_.pop_front();
  return true;
}

/// Adds `tokens` of a prompt in the batch to the iteration.
void ServingEngine::take_chunk(std::size_t index, double tokens) {
  LiveRequest& request = in_prefill_[index];
  load_.prompt_tokens += tokens;
  load_.prompt_attended_tokens += tokens * (request.cached + 0.5 * (tokens + 1.0));
  load_.prompts += 1.0;
  request.cached += tokens;
  request.to_prefill -= static_cast<Count>(tokens);
  prefill_cached_ += tokens;
}

void ServingEngine::plan_chunked() {
  double room = std::max(0.0, static_cast<double>(rules_.max_batched_tokens - decoding_count_));
  double kv_room = rules_.kv_capacity_tokens - decode_cached_ - prefill_cached_;
  for (std::size_t i = 0; room > 0.0; ++i) {
    if (i == in_prefill_.size() && !admit_next(room, kv_room)) break;
    // Pages are allocated for a whole chunk or not at all.
    const double chunk = std::min({static_cast<double>(in_prefill_[i].to_prefill), room, rules_.max_prompt_chunk});
    if (chunk > kv_room) break;
    take_chunk(i, chunk);
    room -= chunk;
    kv_room -= chunk;
    if (in_prefill_[i].to_prefill == 0) ++ending_;
  }
  decodes_ = decoding_count_ > 0;
}

void ServingEngine::plan_prefill_first() {
  double room = static_cast<double>(rules_.max_batched_tokens);
  double kv_room = rules_.kv_capacity_tokens - decode_cached_;
  while (!waiting_.empty() && room > 0.0) {
    const double prompt = static_cast<double>(waiting_.front().to_prefill);
    if ((prompt > room && ending_ > 0) || !admit_next(prompt, kv_room)) break;
    take_chunk(ending_++, prompt);
    room -= prompt;
    kv_room -= prompt;
  }
  decodes_ = ending_ == 0 && decoding_count_ > 0;
}

/// Decodes end and leave their entries behind; those at the end are dropped here.
bool ServingEngine::drop_ended(std::vector<std::pair<int, long long>>& slots) {
  while (!slots.empty() && (epoch_[slots.back().first] != slots.back().second || !slots_[slots.back().first].active))
    slots.pop_back();
  return slots.empty();
}

/// The youngest of the largest priority loses its cache and waits, first of its priority, to be computed anew with what
/// it has produced. Prompts in progress are younger than sequences that decode.
void ServingEngine::preempt() {
  ++preemptions_;
  while (!by_age_.empty() && drop_ended(by_age_.rbegin()->second)) by_age_.erase(std::prev(by_age_.end()));
  const auto before = [](const LiveRequest& one, const LiveRequest& other) { return one.priority < other.priority; };
  // From the youngest on: the first of equals is found.
  const auto prompt = std::max_element(in_prefill_.rbegin(), in_prefill_.rend(), before);
  if (prompt != in_prefill_.rend() && (by_age_.empty() || prompt->priority >= by_age_.rbegin()->first))
    preempt_prompt(std::prev(prompt.base()));
  else if (!by_age_.empty())
    preempt_decode(by_age_.rbegin()->second);
}

void ServingEngine::preempt_prompt(std::deque<LiveRequest>::iterator at) {
  LiveRequest request = *at;
  in_prefill_.erase(at);
  prefill_cached_ -= request.cached;
  request.to_prefill += static_cast<Count>(request.cached);
  request.cached = 0.0;
  waiting_.push_front(request);
}

void ServingEngine::preempt_decode(std::vector<std::pair<int, long long>>& slots) {
  const int index = slots.back().first;
  slots.pop_back();
  Slot& slot = slots_[index];
  slot.active = false;
  LiveRequest request = slot.request;
  const double gained = slot.gain * static_cast<double>(decode_clock_ - slot.started_at);
  decode_cached_ -= request.cached + gained;
  decode_gain_ -= slot.gain;
  --decoding_count_;
  request.produced = std::min<Count>(request.output_tokens - 1, request.produced + std::llround(gained));
  request.to_prefill = request.prompt_tokens + request.produced;
  request.cached = 0.0;
  free_slots_.push_back(index);
  waiting_.push_front(request);
}

void ServingEngine::make_room_for_decode() {
  if (rules_.kv_policy == KvPolicy::kReserve) return;
  while (decode_cached_ + prefill_cached_ > rules_.kv_capacity_tokens && decoding_count_ + in_prefill_.size() > 1)
    preempt();
}

/// Prompts computed elsewhere only need a slot and their cache.
void ServingEngine::start_prefilled() {
  while (!waiting_.empty() && waiting_.front().to_prefill == 0 && decoding_count_ < rules_.max_batch) {
    const LiveRequest& next = waiting_.front();
    const double cached = whole_length(next) - static_cast<double>(next.output_tokens - next.produced);
    if (decode_cached_ + cached > rules_.kv_capacity_tokens ||
        reserved_ + reserved_tokens(next) > rules_.kv_capacity_tokens)
      break;
    reserved_ += reserved_tokens(next);
    start_decoding(next);
    waiting_.pop_front();
  }
}

void ServingEngine::plan_prompts(bool may_start) {
  if (rules_.scheduler == BatchScheduler::kPrefillFirst) {
    if (may_start) plan_prefill_first();
    return;
  }
  if (!may_start && decoding_count_ > 0) return;
  plan_chunked();
  // Prompts in progress that fill the cache among themselves: one makes room.
  while (decoding_count_ == 0 && load_.prompts == 0.0 && in_prefill_.size() > 1) {
    preempt();
    plan_chunked();
  }
}

void ServingEngine::add_decodes() {
  if (!decodes_) return;
  load_.decoding_sequences = static_cast<double>(decoding_count_);
  load_.decoding_context_tokens = decode_cached_;
  if (drafts_ <= 0.0) return;
  load_.prompt_tokens += drafts_ * load_.decoding_sequences;
  load_.prompt_attended_tokens += drafts_ * decode_cached_;
}

void ServingEngine::start_iteration(double now_s) {
  start_prefilled();
  const long long before = preemptions_;
  make_room_for_decode();
  load_ = {};
  ending_ = 0;
  decodes_ = decoding_count_ > 0;
  const bool prompts_may_start = preemptions_ == before;
  plan_prompts(prompts_may_start);
  add_decodes();
  if (!decodes_ && load_.prompts == 0.0) {
    boundary_s_ = kInfinity;
    return;
  }
  start_s_ = now_s;
  steps_ = decodes_until_change(prompts_may_start);
  run_.start(*time_, load_, decode_gain_, drafts_ * decode_gain_, steps_);
  boundary_s_ = now_s + run_.elapsed_s(steps_);
}

/// Decode iterations until a sequence ends or the cache overflows. Nobody who waits can start before: an iteration
/// without prompts left them no slot or no pages, and the pages become fewer.
long long ServingEngine::decodes_until_change(bool prompts_may_start) {
  if (!decodes_ || load_.prompts > 0.0 || !in_prefill_.empty() || !prompts_may_start) return 1;
  while (!finish_.empty() && (epoch_[finish_.top().slot] != finish_.top().epoch || !slots_[finish_.top().slot].active))
    finish_.pop();
  if (finish_.empty()) return 1;
  long long steps = std::max<long long>(1, finish_.top().at - decode_clock_);
  const double room = rules_.kv_capacity_tokens - decode_cached_;
  if (rules_.kv_policy == KvPolicy::kPreempt && room < decode_gain_ * static_cast<double>(steps))
    steps = std::max<long long>(1, static_cast<long long>(room / decode_gain_) + 1);
  return steps;
}

/// An arrival that may start looks in at the next boundary.
void ServingEngine::stop_run_at_boundary(double now_s) {
  if (steps_ == 1) return;
  steps_ = std::min(steps_, run_.iterations_within(now_s - start_s_));
  boundary_s_ = start_s_ + run_.elapsed_s(steps_);
}

void ServingEngine::end_prompts(double now_s, const std::function<void(const LiveRequest&, double)>& finished) {
  if (ending_ == 0) return;
  std::deque<LiveRequest> in_progress;
  for (LiveRequest& request : std::exchange(in_prefill_, {})) {
    if (request.to_prefill > 0) {
      in_progress.push_back(request);
      continue;
    }
    prefill_cached_ -= request.cached;
    ++request.produced;
    if (request.first_token_s < 0.0) request.first_token_s = now_s;
    if (request.produced >= request.output_tokens) {
      reserved_ -= reserved_tokens(request);
      finished(request, now_s);
    } else {
      start_decoding(request);
    }
  }
  in_prefill_ = std::move(in_progress);
}

void ServingEngine::end_decodes(double now_s, const std::function<void(const LiveRequest&, double)>& finished) {
  decode_clock_ += steps_;
  decode_cached_ += static_cast<double>(steps_) * decode_gain_;
  while (!finish_.empty() && finish_.top().at <= decode_clock_) {
    const Finish next = finish_.top();
    finish_.pop();
    Slot& slot = slots_[next.slot];
    if (epoch_[next.slot] != next.epoch || !slot.active) continue;
    slot.active = false;
    const double gained = slot.gain * static_cast<double>(decode_clock_ - slot.started_at);
    decode_cached_ -= slot.request.cached + gained;
    decode_gain_ -= slot.gain;
    --decoding_count_;
    reserved_ -= reserved_tokens(slot.request);
    free_slots_.push_back(next.slot);
    const LiveRequest request = slot.request;
    finished(request, now_s);
  }
  if (decoding_count_ == 0) decode_cached_ = decode_gain_ = 0.0;  // rounding does not accumulate
}

std::vector<LiveRequest> ServingEngine::held_requests() const {
  std::vector<LiveRequest> held = waiting_.all();
  held.insert(held.end(), in_prefill_.begin(), in_prefill_.end());
  for (const Slot& slot : slots_)
    if (slot.active) held.push_back(slot.request);
  return held;
}

void ServingEngine::advance(const std::function<void(const LiveRequest&, double now_s)>& finished) {
  const double now_s = boundary_s_, lasted_s = boundary_s_ - start_s_;
  busy_s_ += lasted_s;
  decoding_integral_ += lasted_s * static_cast<double>(decoding_count_);
  cached_integral_ += lasted_s * prefill_cached_;
  cached_integral_ += steps_ > 1 ? run_.context_integral(steps_) : lasted_s * decode_cached_;
  iterations_ += steps_;
  // Decodes end first: sequences whose prompt ends now get their second token in the next iteration.
  if (decodes_) end_decodes(now_s, finished);
  end_prompts(now_s, finished);
  start_iteration(now_s);
}

}  // namespace windtunnel::modeling
