// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/simulation/simulation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <queue>
#include <stdexcept>

#include "modeling/chains/serving/engine/batching_engine.h"
#include "modeling/chains/serving/simulation/samples.h"

namespace windtunnel::modeling {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Where one batch of samples ends, and the meter there.
struct Mark {
  std::size_t samples = 0;
  Meter meter;
};

class Run {
 public:
  Run(const ServingSystem& system, std::uint64_t seed);

  /// Finishes `count` requests, or everything that was to come.
  void finish(Count count);
  /// Takes and forgets nothing: samples so far and the meter.
  const std::vector<Sample>& samples() const { return samples_; }
  Meter meter() const;
  double last_finish_s() const { return last_finish_s_; }
  Count refused() const { return refused_; }
  Count submitted() const { return submitted_; }
  long long preemptions() const;
  long long iterations() const;

 private:
  struct Transfer {
    double done_s = 0.0;
    LiveRequest request;
    bool operator>(const Transfer& other) const { return done_s > other.done_s; }
  };

  bool is_closed() const { return system_.arrivals.kind == ArrivalLaw::Kind::kClosed || is_unlimited(); }
  bool is_unlimited() const { return system_.arrivals.kind == ArrivalLaw::Kind::kUnlimited; }
  Count most_requests() const;
  Count open_population() const;
  void schedule_next_arrival();
  LiveRequest draw(double now_s);
  void enter(double now_s);
  void to_pool(const LiveRequest& request, double now_s);
  void after_prefill(std::size_t replica, const LiveRequest& request, double now_s);
  void done(const LiveRequest& request, double now_s);
  std::size_t choose(std::vector<ServingEngine>& engines, std::size_t& turn);
  ServingEngine* earliest(double& at_s, std::size_t& replica, bool& in_prefill);
  bool step();

  const ServingSystem& system_;
  solvers::RandomSource random_;
  std::optional<solvers::ArrivalSampler> bursts_;
  std::vector<ServingEngine> decode_;
  std::vector<ServingEngine> prefill_;
  std::vector<double> link_free_s_;
  std::priority_queue<Transfer, std::vector<Transfer>, std::greater<>> transfers_;
  std::size_t turn_ = 0, prefill_turn_ = 0;
  double next_arrival_s_ = kInfinity;
  Count submitted_ = 0, refused_ = 0;
  std::vector<Sample> samples_;
  double now_s_ = 0.0, last_finish_s_ = 0.0;
};

Run::Run(const ServingSystem& system, std::uint64_t seed) : system_(system), random_(seed) {
  const auto fill = [&](const EnginePool& pool, std::vector<ServingEngine>& engines) {
    engines.reserve(static_cast<std::size_t>(pool.replicas));
    for (Count i = 0; i < pool.replicas; ++i) engines.emplace_back(pool.rules, pool.time, random_);
  };
  fill(system.pool, decode_);
  if (system.prefill) {
    fill(*system.prefill, prefill_);
    link_free_s_.assign(prefill_.size(), 0.0);
  }
  if (system.arrivals.bursts) bursts_.emplace(solvers::arrivals_of(*system.arrivals.bursts), random_);
  if (is_closed()) {
    const Count population = std::min(open_population(), most_requests());
    for (Count i = 0; i < population; ++i) enter(0.0);
  } else {
    schedule_next_arrival();
  }
}

/// With unlimited prompts all of a run at once, or else a queue that no iteration can empty: every slot twice.
Count Run::open_population() const {
  if (!is_unlimited()) return system_.arrivals.concurrency;
  if (system_.requests) return *system_.requests;
  const EnginePool& first = system_.prefill ? *system_.prefill : system_.pool;
  return 2 * (system_.pool.rules.max_batch * system_.pool.replicas + first.rules.max_batch * first.replicas);
}

Count Run::most_requests() const {
  if (system_.arrivals.kind == ArrivalLaw::Kind::kTrace) return static_cast<Count>(system_.arrivals.trace->size());
  return system_.requests.value_or(std::numeric_limits<Count>::max());
}

void Run::schedule_next_arrival() {
  if (submitted_ + refused_ >= most_requests()) {
    next_arrival_s_ = kInfinity;
    return;
  }
  if (system_.arrivals.kind == ArrivalLaw::Kind::kTrace) {
    next_arrival_s_ = (*system_.arrivals.trace)[static_cast<std::size_t>(submitted_ + refused_)].arrival_s;
    return;
  }
  const double scv = system_.arrivals.scv;
  double gap = 1.0;
  if (bursts_)
    gap = (*bursts_)(random_);
  else if (scv == 1.0)
    gap = random_.exponential();
  else if (scv > 0.0)
    gap = scv * random_.gamma(1.0 / scv);
  next_arrival_s_ = now_s_ + gap / system_.arrivals.rate_per_s;
}

LiveRequest Run::draw(double now_s) {
  LiveRequest request{.arrival_s = now_s};
  if (system_.arrivals.kind == ArrivalLaw::Kind::kTrace) {
    const TracedRequest& traced = (*system_.arrivals.trace)[static_cast<std::size_t>(submitted_ + refused_)];
    request.prompt_tokens = traced.prompt_tokens;
    request.output_tokens = traced.output_tokens;
  } else {
    double u = system_.classes.size() > 1 ? random_.uniform() : 0.0;
    std::size_t index = 0;
    while (index + 1 < system_.classes.size() && u > system_.classes[index].share) u -= system_.classes[index++].share;
    request.request_class = static_cast<int>(index);
    request.priority = system_.classes[index].priority;
    request.prompt_tokens = system_.classes[index].prompt.sample(random_);
    request.output_tokens = system_.classes[index].output.sample(random_);
  }
  const BatchRules& rules = system_.prefill ? system_.prefill->rules : system_.pool.rules;
  const Count hit =
      std::min<Count>(request.prompt_tokens - 1,
                      std::llround(rules.prefix_cache_hit_ratio * static_cast<double>(request.prompt_tokens)));
  request.to_prefill = request.prompt_tokens - hit;
  request.cached = static_cast<double>(hit);
  return request;
}

std::size_t Run::choose(std::vector<ServingEngine>& engines, std::size_t& turn) {
  if (engines.size() == 1) return 0;
  switch (system_.balancer) {
    case LoadBalancer::kRandom:
      return std::min(engines.size() - 1,
                      static_cast<std::size_t>(random_.uniform() * static_cast<double>(engines.size())));
    case LoadBalancer::kRoundRobin:
      return turn++ % engines.size();
    case LoadBalancer::kShortestQueue:
      break;
  }
  // Ties go round, so that an empty system does not favour the first.
  std::size_t best = turn++ % engines.size();
  for (std::size_t i = 0; i < engines.size(); ++i)
    if (engines[i].present() < engines[best].present()) best = i;
  return best;
}

/// A new request comes to the system.
void Run::enter(double now_s) {
  LiveRequest request = draw(now_s);
  bool accepted = false;
  if (prefill_.empty()) {
    accepted = decode_[choose(decode_, turn_)].submit(request, now_s);
  } else {
    const bool fits =
        static_cast<double>(request.prompt_tokens + request.output_tokens) <= system_.pool.rules.kv_capacity_tokens;
    request.output_elsewhere = request.output_tokens - 1;
    request.output_tokens = 1;
    accepted = fits && prefill_[choose(prefill_, prefill_turn_)].submit(request, now_s);
  }
  ++(accepted ? submitted_ : refused_);
}

void Run::after_prefill(std::size_t replica, const LiveRequest& request, double now_s) {
  if (request.output_elsewhere == 0) return done(request, now_s);
  const double start_s = std::max(now_s, link_free_s_[replica]);
  link_free_s_[replica] = start_s + system_.transfer_per_token_s * static_cast<double>(request.prompt_tokens);
  Transfer transfer{.done_s = link_free_s_[replica], .request = request};
  transfer.request.output_tokens += transfer.request.output_elsewhere;
  transfer.request.output_elsewhere = 0;
  transfers_.push(transfer);
}

void Run::done(const LiveRequest& request, double now_s) {
  const IterationTime& first = system_.prefill ? system_.prefill->time : system_.pool.time;
  Sample sample{.request_class = request.request_class};
  const double overhead_s = first.request_overhead_s + system_.pool.time.token_overhead_s;
  sample.ttft_s = request.first_token_s - request.arrival_s + overhead_s;
  sample.e2e_s = now_s - request.arrival_s + overhead_s;
  if (request.output_tokens > 1)
    sample.tpot_s = (now_s - request.first_token_s) / static_cast<double>(request.output_tokens - 1);
  sample.output_tokens = static_cast<double>(request.output_tokens);
  sample.tokens = static_cast<double>(request.prompt_tokens + request.output_tokens);
  samples_.push_back(sample);
  last_finish_s_ = now_s;
  if (is_closed() && submitted_ + refused_ < most_requests()) enter(now_s);
}

ServingEngine* Run::earliest(double& at_s, std::size_t& replica, bool& in_prefill) {
  ServingEngine* next = nullptr;
  const auto look = [&](std::vector<ServingEngine>& engines, bool prefill) {
    for (std::size_t i = 0; i < engines.size(); ++i) {
      if (engines[i].boundary_s() >= at_s) continue;
      at_s = engines[i].boundary_s();
      next = &engines[i];
      replica = i;
      in_prefill = prefill;
    }
  };
  look(decode_, false);
  look(prefill_, true);
  return next;
}

/// The next event: an arrival, the end of a transfer, the end of an iteration. False: nothing is left to come.
bool Run::step() {
  double at_s = kInfinity;
  std::size_t replica = 0;
  bool in_prefill = false;
  ServingEngine* engine = earliest(at_s, replica, in_prefill);
  const double transfer_s = transfers_.empty() ? kInfinity : transfers_.top().done_s;
  // At a boundary, what arrived up to it is in the queue.
  if (next_arrival_s_ <= at_s && next_arrival_s_ <= transfer_s) {
    if (next_arrival_s_ == kInfinity) return false;
    now_s_ = next_arrival_s_;
    enter(now_s_);
    schedule_next_arrival();
    return true;
  }
  if (transfer_s <= at_s) {
    const LiveRequest request = transfers_.top().request;
    transfers_.pop();
    now_s_ = transfer_s;
    decode_[choose(decode_, turn_)].submit(request, now_s_);
    return true;
  }
  now_s_ = at_s;
  if (in_prefill) {
    engine->advance([&](const LiveRequest& request, double now_s) { after_prefill(replica, request, now_s); });
  } else {
    engine->advance([&](const LiveRequest& request, double now_s) { done(request, now_s); });
  }
  return true;
}

void Run::finish(Count count) {
  const std::size_t goal = samples_.size() + static_cast<std::size_t>(count);
  while (samples_.size() < goal && step()) {
  }
}

Meter Run::meter() const {
  Meter meter{.now_s = now_s_};
  for (const ServingEngine& engine : decode_) {
    meter.busy_s += engine.busy_s();
    meter.decoding_s += engine.decoding_integral();
    meter.cached_s += engine.cached_integral();
  }
  return meter;
}

long long Run::preemptions() const {
  long long sum = 0;
  for (const ServingEngine& engine : decode_) sum += engine.preemptions();
  return sum;
}

long long Run::iterations() const {
  long long sum = 0;
  for (const ServingEngine& engine : decode_) sum += engine.iterations();
  for (const ServingEngine& engine : prefill_) sum += engine.iterations();
  return sum;
}

Count warm_up(const ServingSystem& system, const SimulationOptions& options) {
  if (options.warm_up >= 0) return options.warm_up;
  // Waves of a synchronised start die out over some generations of the batch.
  const Count batch = system.arrivals.kind == ArrivalLaw::Kind::kClosed
                          ? system.arrivals.concurrency
                          : std::min<Count>(system.pool.rules.max_batch * system.pool.replicas, options.requests);
  return options.requests / 5 + 10 * std::min<Count>(batch, 2000);
}

SimulationResult simulate_long_run(const ServingSystem& system, const RequestLimits& limits,
                                   const SimulationOptions& options) {
  Run run(system, options.seed);
  run.finish(warm_up(system, options));
  std::vector<Mark> marks = {{run.samples().size(), run.meter()}};
  for (int i = 0; i < options.batches; ++i) {
    run.finish(options.requests / options.batches);
    marks.push_back({run.samples().size(), run.meter()});
  }
  const auto stretch = [&](const Mark& from, const Mark& to) {
    return Stretch{&run.samples(), from.samples, to.samples, from.meter, to.meter};
  };
  std::vector<Stretch> batches;
  for (std::size_t i = 0; i + 1 < marks.size(); ++i) batches.push_back(stretch(marks[i], marks[i + 1]));
  SimulationResult result = estimate(stretch(marks.front(), marks.back()), batches, system, limits, options.confidence);
  const double asked = static_cast<double>(run.submitted() + run.refused());
  result.blocking_probability = asked > 0.0 ? static_cast<double>(run.refused()) / asked : 0.0;
  result.preemptions_per_request = asked > 0.0 ? static_cast<double>(run.preemptions()) / asked : 0.0;
  result.requests = static_cast<Count>(marks.back().samples - marks.front().samples);
  result.iterations = run.iterations();
  result.simulated_s = marks.back().meter.now_s;
  return result;
}

/// Independent repetitions of a run that starts empty and ends; each is one batch.
SimulationResult simulate_transient(const ServingSystem& system, const RequestLimits& limits,
                                    const SimulationOptions& options) {
  const bool is_trace = system.arrivals.kind == ArrivalLaw::Kind::kTrace;
  const Count each = is_trace ? static_cast<Count>(system.arrivals.trace->size()) : *system.requests;
  const Count runs = is_trace ? 1 : std::max<Count>(2, (options.requests + each - 1) / each);
  Samples samples;
  std::vector<Mark> ends;
  Meter sum;
  SimulationResult totals;
  double refused = 0.0;
  for (Count i = 0; i < runs; ++i) {
    Run run(system, options.seed + static_cast<std::uint64_t>(i));
    run.finish(std::numeric_limits<Count>::max() / 2);
    Meter end = run.meter();
    samples.insert(samples.end(), run.samples().begin(), run.samples().end());
    ends.push_back({samples.size(), end});
    sum = {sum.now_s + end.now_s, sum.busy_s + end.busy_s, sum.decoding_s + end.decoding_s,
           sum.cached_s + end.cached_s};
    refused += static_cast<double>(run.refused());
    totals.preemptions_per_request += static_cast<double>(run.preemptions());
    totals.iterations += run.iterations();
  }
  std::vector<Stretch> batches;
  for (std::size_t i = 0; i < ends.size(); ++i)
    batches.push_back({&samples, i == 0 ? 0 : ends[i - 1].samples, ends[i].samples, {}, ends[i].meter});
  SimulationResult result =
      estimate({&samples, 0, samples.size(), {}, sum}, batches, system, limits, options.confidence);
  const double asked = static_cast<double>(samples.size()) + refused;
  result.blocking_probability = refused / asked;
  result.preemptions_per_request = totals.preemptions_per_request / asked;
  result.requests = static_cast<Count>(samples.size());
  result.iterations = totals.iterations;
  result.simulated_s = sum.now_s;
  return result;
}

}  // namespace

SimulationResult simulate_serving(const ServingSystem& system, const RequestLimits& limits,
                                  const SimulationOptions& options) {
  // Runs that end are their own batches, however short.
  const bool ends = system.requests || system.arrivals.kind == ArrivalLaw::Kind::kTrace;
  if (!ends && (options.batches < 2 || options.requests < 2 * options.batches))
    throw std::invalid_argument("a simulation needs at least 2 batches of 2 requests");
  return ends ? simulate_transient(system, limits, options) : simulate_long_run(system, limits, options);
}

}  // namespace windtunnel::modeling
