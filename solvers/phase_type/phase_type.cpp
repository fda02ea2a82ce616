// SPDX-License-Identifier: Apache-2.0
#include "solvers/phase_type/phase_type.h"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "solvers/phase_type/phase_type_moments.h"

namespace windtunnel::solvers {
namespace {

using Triplets = std::vector<Eigen::Triplet<double>>;
using RateIterator = PhaseType::Rates::InnerIterator;

template <typename... Arguments>
[[noreturn]] void reject(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  throw std::invalid_argument("phase type: " + fmt::format(text, std::forward<Arguments>(arguments)...));
}

bool is_rate(double value) {
  return value >= 0.0 && std::isfinite(value);
}

void require_rate(double value, const char* what) {
  if (!(value > 0.0) || !std::isfinite(value)) reject("{} {} is not a finite number > 0", what, value);
}

void check_initial(const Eigen::VectorXd& initial) {
  for (Eigen::Index i = 0; i < initial.size(); ++i)
    if (!is_rate(initial(i))) reject("initial probability {} of phase {} is not >= 0", initial(i), i);
  // 1e-9: room for probabilities read from text; the excess is divided out.
  if (initial.sum() > 1.0 + 1e-9) reject("initial probabilities sum to {}, expected at most 1", initial.sum());
}

void check_rates(const PhaseType::Rates& rates, const Eigen::VectorXd& exits) {
  for (int i = 0; i < rates.outerSize(); ++i) {
    if (!is_rate(exits(i))) reject("exit rate {} of phase {} is not a finite number >= 0", exits(i), i);
    for (RateIterator entry(rates, i); entry; ++entry) {
      if (!is_rate(entry.value()))
        reject("rate {} from phase {} to {} is not a finite number >= 0", entry.value(), i, entry.col());
      if (entry.col() == i && entry.value() != 0.0) reject("phase {} has a rate to itself", i);
    }
  }
}

// Phases are walked backwards from those that exit, until no more are found. Where phases only lead forward, it is
// enough that each is left.
void check_every_phase_ends(const PhaseType::Rates& rates, const Eigen::VectorXd& exits, const Eigen::VectorXd& leaves,
                            bool feeds_forward) {
  if (feeds_forward && (leaves.array() > 0.0).all()) return;
  const PhaseType::Rates reversed = rates.transpose();
  std::vector<bool> ends(exits.size());
  std::vector<int> open;
  for (int i = 0; i < exits.size(); ++i)
    if (exits(i) > 0.0) ends[i] = true, open.push_back(i);
  while (!open.empty()) {
    const int target = open.back();
    open.pop_back();
    for (RateIterator entry(reversed, target); entry; ++entry)
      if (entry.value() > 0.0 && !ends[entry.col()])
        ends[entry.col()] = true, open.push_back(static_cast<int>(entry.col()));
  }
  for (size_t i = 0; i < ends.size(); ++i)
    if (!ends[i]) reject("phase {} never ends", i);
}

bool only_leads_forward(const PhaseType::Rates& rates) {
  for (int i = 0; i < rates.outerSize(); ++i)
    for (RateIterator entry(rates, i); entry; ++entry)
      if (entry.value() > 0.0 && entry.col() < i) return false;
  return true;
}

PhaseType::Rates to_rates(Eigen::Index size, const Triplets& triplets) {
  PhaseType::Rates rates(size, size);
  rates.setFromTriplets(triplets.begin(), triplets.end());
  return rates;
}

void append_block(Triplets& triplets, const PhaseType::Rates& rates, Eigen::Index offset) {
  for (int i = 0; i < rates.outerSize(); ++i)
    for (RateIterator entry(rates, i); entry; ++entry)
      triplets.emplace_back(offset + i, offset + entry.col(), entry.value());
}

double common_shift(std::span<const PhaseType> parts, const char* operation) {
  for (const PhaseType& part : parts)
    if (part.shift_s() != parts.front().shift_s())
      reject("{} of shifts {} and {} is not phase-type, expected equal shifts", operation, parts.front().shift_s(),
             part.shift_s());
  return parts.front().shift_s();
}

}  // namespace

PhaseType::PhaseType(double shift_s, Eigen::VectorXd initial, Rates rate_per_s, Eigen::VectorXd exit_per_s)
    : shift_s_(shift_s),
      initial_(std::move(initial)),
      rate_per_s_(std::move(rate_per_s)),
      exit_per_s_(std::move(exit_per_s)) {
  if (!is_rate(shift_s_)) reject("shift {} is not a finite number >= 0", shift_s_);
  if (rate_per_s_.rows() != initial_.size() || rate_per_s_.cols() != initial_.size() ||
      exit_per_s_.size() != initial_.size())
    reject("{} initial probabilities, {} x {} rates and {} exit rates do not match", initial_.size(),
           rate_per_s_.rows(), rate_per_s_.cols(), exit_per_s_.size());
  check_initial(initial_);
  check_rates(rate_per_s_, exit_per_s_);
  rate_per_s_.makeCompressed();
  leave_per_s_ = exit_per_s_ + rate_per_s_ * Eigen::VectorXd::Ones(phases());
  feeds_forward_ = only_leads_forward(rate_per_s_);
  check_every_phase_ends(rate_per_s_, exit_per_s_, leave_per_s_, feeds_forward_);
  const double total = initial_.sum();
  // Sums within rounding of 1 mean 1: they must not leave an atom of 1e-16 behind.
  const bool is_whole = std::abs(total - 1.0) <= 1e-12 || total > 1.0;
  if (is_whole) initial_ /= total;
  atom_ = is_whole ? 0.0 : 1.0 - total;
  moments_ = phase_type_moments(*this);
}

PhaseType constant(double value_s) {
  return PhaseType(value_s, {}, {}, {});
}

PhaseType exponential(double rate_per_s) {
  return erlang(1, rate_per_s);
}

PhaseType erlang(int phases, double rate_per_s) {
  if (phases < 1) reject("Erlang with {} phases, expected at least 1", phases);
  require_rate(rate_per_s, "Erlang rate");
  Triplets triplets;
  for (int i = 0; i + 1 < phases; ++i) triplets.emplace_back(i, i + 1, rate_per_s);
  Eigen::VectorXd exits = Eigen::VectorXd::Zero(phases);
  exits(phases - 1) = rate_per_s;
  return PhaseType(0.0, Eigen::VectorXd::Unit(phases, 0), to_rates(phases, triplets), exits);
}

PhaseType hyperexponential(std::span<const double> probabilities, std::span<const double> rates_per_s) {
  if (probabilities.size() != rates_per_s.size() || probabilities.empty())
    reject("{} probabilities and {} rates of a hyperexponential do not match", probabilities.size(),
           rates_per_s.size());
  for (const double rate : rates_per_s) require_rate(rate, "hyperexponential rate");
  const auto count = static_cast<Eigen::Index>(rates_per_s.size());
  const Eigen::VectorXd initial = Eigen::Map<const Eigen::VectorXd>(probabilities.data(), count);
  if (!(std::abs(initial.sum() - 1.0) <= 1e-9))
    reject("hyperexponential probabilities sum to {}, expected 1", initial.sum());
  return PhaseType(0.0, initial / initial.sum(), PhaseType::Rates(count, count),
                   Eigen::Map<const Eigen::VectorXd>(rates_per_s.data(), count));
}

PhaseType from_sub_generator(const Eigen::VectorXd& initial, const Eigen::MatrixXd& sub_generator, double shift_s) {
  if (sub_generator.rows() != sub_generator.cols())
    reject("sub-generator of {} x {} is not square", sub_generator.rows(), sub_generator.cols());
  Triplets triplets;
  Eigen::VectorXd exits(sub_generator.rows());
  for (Eigen::Index i = 0; i < sub_generator.rows(); ++i) {
    const double diagonal = sub_generator(i, i), row_sum = sub_generator.row(i).sum();
    if (!(diagonal < 0.0)) reject("diagonal {} of phase {} is not < 0", diagonal, i);
    if (!(row_sum <= -1e-12 * diagonal)) reject("row of phase {} sums to {}, expected at most 0", i, row_sum);
    exits(i) = row_sum >= 1e-12 * diagonal ? 0.0 : -row_sum;
    for (Eigen::Index j = 0; j < sub_generator.cols(); ++j)
      if (j != i && sub_generator(i, j) != 0.0) triplets.emplace_back(i, j, sub_generator(i, j));
  }
  return PhaseType(shift_s, initial, to_rates(sub_generator.rows(), triplets), exits);
}

PhaseType convolution(const PhaseType& x, const PhaseType& y) {
  const PhaseType parts[] = {x, y};
  return convolution(parts);
}

// Whatever ends part i starts the next part; a part with an atom may be passed over, hence the running product of
// atoms. Rows are written in order.
PhaseType convolution(std::span<const PhaseType> parts) {
  Eigen::Index size = 0, entries = 0;
  double shift_s = 0.0;
  for (const PhaseType& part : parts) {
    size += part.phases();
    entries += part.rate_per_s().nonZeros() + part.phases();
    shift_s += part.shift_s();
  }
  PhaseType::Rates rates(size, size);
  rates.reserve(entries);
  Eigen::VectorXd initial(size), exits(size);
  double reaches_start = 1.0;  // probability that the sum's first phase lies in this part or later
  Eigen::Index offset = 0;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const PhaseType& part = parts[k];
    for (int i = 0; i < part.phases(); ++i) {
      rates.startVec(offset + i);
      for (RateIterator entry(part.rate_per_s(), i); entry; ++entry)
        rates.insertBack(offset + i, offset + entry.col()) = entry.value();
      double leaves = part.exit_per_s()(i);
      Eigen::Index next = offset + part.phases();
      for (std::size_t later = k + 1; later < parts.size() && leaves > 0.0; ++later) {
        for (int j = 0; j < parts[later].phases(); ++j)
          if (parts[later].initial()(j) > 0.0)
            rates.insertBack(offset + i, next + j) = leaves * parts[later].initial()(j);
        leaves *= parts[later].atom();
        next += parts[later].phases();
      }
      exits(offset + i) = leaves;
    }
    initial.segment(offset, part.phases()) = reaches_start * part.initial();
    reaches_start *= part.atom();
    offset += part.phases();
  }
  rates.finalize();
  return PhaseType(shift_s, initial, rates, exits);
}

PhaseType mixture(std::span<const double> weights, std::span<const PhaseType> parts) {
  if (parts.empty()) reject("mixture of no parts");
  std::vector<CentralMoments> moments(parts.size());
  mixture(weights, moments);  // checks the weights
  const double shift_s = common_shift(parts, "mixture");
  Eigen::Index size = 0;
  for (const PhaseType& part : parts) size += part.phases();
  Triplets triplets;
  Eigen::VectorXd initial(size), exits(size);
  Eigen::Index offset = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    append_block(triplets, parts[i].rate_per_s(), offset);
    initial.segment(offset, parts[i].phases()) = weights[i] * parts[i].initial();
    exits.segment(offset, parts[i].phases()) = parts[i].exit_per_s();
    offset += parts[i].phases();
  }
  return PhaseType(shift_s, initial, to_rates(size, triplets), exits);
}

// Phase (i, j) has number i * n_y + j; the pair ends when either does.
PhaseType minimum(const PhaseType& x, const PhaseType& y) {
  const PhaseType parts[] = {x, y};
  const double shift_s = common_shift(parts, "minimum");
  const int columns = y.phases();
  Triplets triplets;
  Eigen::VectorXd initial(x.phases() * columns), exits(x.phases() * columns);
  for (int i = 0; i < x.phases(); ++i)
    for (int j = 0; j < columns; ++j) {
      const int pair = i * columns + j;
      initial(pair) = x.initial()(i) * y.initial()(j);
      exits(pair) = x.exit_per_s()(i) + y.exit_per_s()(j);
      for (RateIterator entry(x.rate_per_s(), i); entry; ++entry)
        triplets.emplace_back(pair, entry.col() * columns + j, entry.value());
      for (RateIterator entry(y.rate_per_s(), j); entry; ++entry)
        triplets.emplace_back(pair, i * columns + entry.col(), entry.value());
    }
  return PhaseType(shift_s, initial, to_rates(initial.size(), triplets), exits);
}

PhaseType scaled(const PhaseType& x, double factor) {
  require_rate(factor, "scale factor");
  return PhaseType(factor * x.shift_s(), x.initial(), x.rate_per_s() / factor, x.exit_per_s() / factor);
}

PhaseType shifted(const PhaseType& x, double extra_s) {
  PhaseType moved = x;
  moved.shift_s_ += extra_s;
  moved.moments_.mean_s += extra_s;
  if (!is_rate(moved.shift_s_)) reject("shift {} is not a finite number >= 0", moved.shift_s_);
  return moved;
}

}  // namespace windtunnel::solvers
