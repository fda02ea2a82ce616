// SPDX-License-Identifier: Apache-2.0
// Threads that share the rows of a matrix. Each row is computed by one thread, from what was there before: results are
// the same bit by bit, however many threads there are.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "solvers/chain/sparse_rates.h"

namespace windtunnel::solvers {

class RowTeam {
 public:
  /// At most `threads` >= 1 for the rows of `rates`, the caller's among them; fewer where a thread would have so little
  /// to do that waiting for the others costs more.
  RowTeam(const SparseRates& rates, int threads);
  RowTeam(const RowTeam&) = delete;
  RowTeam& operator=(const RowTeam&) = delete;
  ~RowTeam();

  /// Calls work(begin, end) for ranges that make up all rows, and returns when all are done. `work` writes to its own
  /// rows only, does not throw, and takes about as long each time: other programs may want the processors too, so some
  /// calls are made by the caller alone, and what was faster is what most later calls do.
  void run(const std::function<void(Index begin, Index end)>& work);

  int threads() const { return static_cast<int>(borders_.size()) - 1; }

 private:
  void serve(std::size_t part);
  void run_together(const std::function<void(Index, Index)>& work);

  /// Rows borders_[k] .. borders_[k + 1] - 1 are part k; about as many rates in each.
  std::vector<Index> borders_;
  std::vector<std::thread> others_;
  const std::function<void(Index, Index)>* work_ = nullptr;
  /// Counts calls of run; the others wait for it to change.
  std::atomic<std::uint32_t> call_ = 0;
  std::atomic<std::uint32_t> working_ = 0;
  bool ends_ = false;
  /// In this round of calls, and the seconds that each way of them took so far.
  int calls_ = 0;
  double usual_s_ = 0.0;
  double other_s_ = 0.0;
  bool usually_alone_ = false;
};

}  // namespace windtunnel::solvers
