// The level, and what the machine could do at it at best: the roofs that benchmarks compare with.
#include "activations.h"
#include "pool.h"
#include "torchless.h"
#include <algorithm>
#include <vector>

namespace tl {
namespace {

/** Far beyond any cache. */
constexpr size_t READ_BYTES = size_t(512) << 20;
constexpr int ROUNDS = 1 << 11;
constexpr int SUMS = 12, WORDS = 8;

/** The first passes can be slow, where page tables of a virtual machine are not complete yet. */
constexpr int LEAST_PASSES = 3;

struct Measurement {
  uint8_t *memory;
  /** One a thread, so that no compiler takes the work for useless. */
  std::vector<float> answers;
};

/** Floats of each thread's part. */
size_t part_length(const Team &team) { return READ_BYTES / size_t(team.size) / 64 * 16; }

/** Each thread writes its own part: pages that were never written are all the same one, and the others lie near to who wrote first. */
void fill_all(const Team &team, void *context) {
  const size_t part = part_length(team);
  std::fill_n((float *)((Measurement *)context)->memory + part * size_t(team.index), part, 1.0f);
}

/** Each thread reads its own part once, front to back. */
void read_all(const Team &team, void *context) {
  auto &m = *(Measurement *)context;
  const size_t part = part_length(team);
  const float *p = (const float *)m.memory + part * size_t(team.index);
  F sums[4] = {f_set(0), f_set(0), f_set(0), f_set(0)};
  for (size_t i = 0; i + 4 * FW <= part; i += 4 * FW)
    for (int j = 0; j < 4; j++) sums[j] = f_add(sums[j], f_load(p + i + j * FW));
  m.answers[size_t(team.index)] = f_sum(f_add(f_add(sums[0], sums[1]), f_add(sums[2], sums[3])));
}

/** Products of nibbles with bytes, of runs that have their sums in registers, as matmuls of quantized weights do them. */
void multiply_bytes(const Team &team, void *context) {
  auto &m = *(Measurement *)context;
  alignas(64) uint8_t w[FW * 4];
  uint8_t x[4 * SUMS * WORDS];
  for (auto &byte : w) byte = uint8_t(team.index + 1);
  for (auto &byte : x) byte = uint8_t(team.index);
  P totals[SUMS];
  for (auto &total : totals) total = p_zero();
  for (int i = 0; i < ROUNDS; i++) {
    // Else compilers multiply once for all rounds.
    const W word = w_load(opaque(w + 0));
    const uint8_t *in = opaque(x + 0);
    N sums[SUMS];
    for (auto &sum : sums) sum = n_zero();
    TL_UNROLL
    for (int k = 0; k < WORDS; k++)
      TL_UNROLL
      for (int j = 0; j < SUMS; j++) sums[j] = n_add(sums[j], word, w_spread(in + 4 * (k * SUMS + j)));
    for (int j = 0; j < SUMS; j++) totals[j] = p_add(totals[j], n_sum(sums[j]));
  }
  float answer = 0;
  for (auto &total : totals) answer += f_sum(p_float(total));
  m.answers[size_t(team.index)] = answer;
}

/** The best of what passes of `work` units reach within the time, in units a second. */
double best_rate(int threads, double seconds, Task task, Measurement &m, double work) {
  double best = 0;
  const uint64_t start = tl_now();
  for (int pass = 0; pass < LEAST_PASSES || double(tl_now() - start) * 1e-9 < seconds; pass++) {
    const uint64_t before = tl_now();
    pool_run(threads, task, &m);
    best = std::max(best, work / (double(tl_now() - before) * 1e-9));
  }
  return best;
}

} // namespace
} // namespace tl

#define TL_TEXT(x) #x
#define TL_NAME(x) TL_TEXT(x)

const char *tl_level() { return TL_NAME(TORCHLESS_LEVEL); }

int32_t tl_few_tokens() { return tl::PANEL_FROM - 1; }

double tl_measure_read(int32_t threads, double seconds) {
  const uint64_t address = tl_reserve(tl::READ_BYTES);
  if (address == 0) return 0;
  tl::Measurement m{(uint8_t *)uintptr_t(address), std::vector<float>(size_t(threads))};
  tl::pool_run(threads, tl::fill_all, &m);
  const double rate = tl::best_rate(threads, seconds, tl::read_all, m, double(tl::READ_BYTES));
  tl_release(address, tl::READ_BYTES);
  return rate;
}

double tl_measure_int8(int32_t threads, double seconds) {
  tl::Measurement m{nullptr, std::vector<float>(size_t(threads))};
  const double work = double(tl::ROUNDS) * tl::WORDS * tl::SUMS * tl::FW * 4 * threads;
  return tl::best_rate(threads, seconds, tl::multiply_bytes, m, work);
}
