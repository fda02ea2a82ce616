// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/row_team.h"

#include <algorithm>
#include <chrono>

namespace windtunnel::solvers {
namespace {

// Per thread, 0.2 ms of work: chosen well above what it takes to wake a thread, not fitted.
constexpr Index kLeastRates = 200'000;
// Of one round. Shorter trials fit between two turns of another program and do not notice it.
constexpr int kUsualCalls = 256;
constexpr int kOtherCalls = 32;

std::vector<Index> even_borders(const SparseRates& rates, Index parts) {
  std::vector<Index> borders = {0};
  for (Index part = 1; part < parts; ++part) {
    const auto share = static_cast<std::int64_t>(rates.size() / parts * part);
    const auto row = std::lower_bound(rates.begin.begin(), rates.begin.end(), share) - rates.begin.begin();
    borders.push_back(std::clamp<Index>(row, borders.back(), rates.rows()));
  }
  borders.push_back(rates.rows());
  return borders;
}

}  // namespace

RowTeam::RowTeam(const SparseRates& rates, int threads)
    : borders_(even_borders(rates, std::clamp<Index>(rates.size() / kLeastRates, 1, threads))) {
  for (std::size_t part = 1; part + 1 < borders_.size(); ++part) others_.emplace_back([this, part] { serve(part); });
}

RowTeam::~RowTeam() {
  ends_ = true;
  ++call_;
  call_.notify_all();
  for (std::thread& other : others_) other.join();
}

void RowTeam::run(const std::function<void(Index, Index)>& work) {
  if (others_.empty()) return work(borders_.front(), borders_.back());
  const bool usual = calls_ >= kOtherCalls;
  const auto start = std::chrono::steady_clock::now();
  usual == usually_alone_ ? work(borders_.front(), borders_.back()) : run_together(work);
  (usual ? usual_s_ : other_s_) += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (++calls_ < kUsualCalls + kOtherCalls) return;
  if (other_s_ / kOtherCalls < usual_s_ / kUsualCalls) usually_alone_ = !usually_alone_;
  calls_ = 0;
  usual_s_ = other_s_ = 0.0;
}

void RowTeam::run_together(const std::function<void(Index, Index)>& work) {
  work_ = &work;
  working_ = static_cast<std::uint32_t>(others_.size());
  ++call_;
  call_.notify_all();
  work(borders_[0], borders_[1]);
  for (std::uint32_t left = working_; left > 0; left = working_) working_.wait(left);
}

void RowTeam::serve(std::size_t part) {
  for (std::uint32_t done = 0;; ++done) {
    call_.wait(done);
    if (ends_) return;
    (*work_)(borders_[part], borders_[part + 1]);
    --working_;
    working_.notify_one();
  }
}

}  // namespace windtunnel::solvers
