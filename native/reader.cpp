// See reader.h. Chunks are large and take milliseconds, so one lock for everything costs nothing.
#include "reader.h"
#include <algorithm>

namespace tl {
namespace {

/** So many reads at once keep any disk busy; more only wait in its queue. */
constexpr int THREADS = 4;
constexpr uint64_t CHUNK = 1 << 20;
/** How much more a choice counts than the same one a step before. */
constexpr double AGING = 1.01;

} // namespace

Reader::Reader(std::vector<Read> list, std::vector<ExpertMatrices> matrices, SlotMemory memory, int ops)
    : reads(std::move(list)), experts(std::move(matrices)), memory(memory), ops(ops), slots(size_t(memory.count), -1) {
  first.assign(size_t(ops) + 1, 0);
  for (auto &read : reads) {
    first[read.op + 1]++;
    missing.push_back(read.bytes);
  }
  for (int op = 0; op < ops; op++) first[op + 1] += first[op];
  routes.assign(size_t(ops), false);
  for (int m = 0; m < int(experts.size()); m++) {
    routes[experts[m].route] = true;
    experts[m].first_slab = slabs.size();
    for (int e = 0; e < int(experts[m].places.size()); e++)
      for (int row = 0; row < experts[m].rows; row += experts[m].slab_rows) slabs.push_back({m, e, row});
  }
  for (int i = 0; i < THREADS && !(reads.empty() && slabs.empty()); i++) threads.emplace_back([this] { work(); });
}

Reader::~Reader() {
  {
    std::lock_guard lock(mutex);
    stopping = true;
  }
  wanted.notify_all();
  for (auto &thread : threads) thread.join();
}

void Reader::begin() {
  std::unique_lock lock(mutex);
  if (stepping || failed()) {
    // What is under way would be taken for what is read next.
    paused = true;
    arrived.wait(lock, [&] { return in_flight == 0; });
    paused = false;
    for (size_t i = 0; i < reads.size(); i++)
      if (!reads[i].kept || missing[i] > 0) missing[i] = reads[i].bytes;
    next = 0;
    next_at = 0;
    walked = walking = reading = 0;
    queue.clear();
    queue_at = 0;
    for (auto &slab : slabs) {
      slab.wanted = slab.users = 0;
      if (slab.missing == 0 || slab.slot < 0) continue;
      slots[slab.slot] = -1;
      slab.slot = -1;
    }
    has_failed = false;
    complaint.clear();
  }
  stepping = true;
  wanted.notify_all();
}

bool Reader::wait(int op, const std::atomic<bool> &stop) {
  std::unique_lock lock(mutex);
  const auto all = [&] {
    for (size_t i = first[op]; i < first[op + 1]; i++)
      if (missing[i] > 0) return false;
    return true;
  };
  arrived.wait(lock, [&] { return stop || failed() || all(); });
  return !stop && !failed();
}

void Reader::done(int op) {
  {
    std::lock_guard lock(mutex);
    walked = walking + op + 1;
    for (size_t i = first[op]; i < first[op + 1]; i++)
      if (!reads[i].kept) missing[i] = reads[i].bytes;
  }
  wanted.notify_all();
}

void Reader::end() {
  {
    std::lock_guard lock(mutex);
    walked = walking += ops;
    stepping = false;
    weight *= AGING;
    if (weight > 1e100) {
      for (auto &slab : slabs) slab.score /= weight;
      weight = 1;
    }
  }
  wanted.notify_all();
}

Reader::Slab &Reader::slab_at(int matrices, int expert, int row) {
  const ExpertMatrices &m = experts[matrices];
  return slabs[m.first_slab + size_t(expert) * m.slabs() + row / m.slab_rows];
}

void Reader::choose(int op, int tokens) {
  if (!routes[op]) return;
  {
    std::lock_guard lock(mutex);
    for (size_t begin = 0, end = 0; begin < experts.size(); begin = end) {
      const ExpertMatrices &m = experts[begin];
      while (end < experts.size() && experts[end].op == m.op) end++;
      if (m.route != op) continue;
      std::vector<bool> chosen(m.places.size());
      for (int t = 0; t < tokens; t++)
        for (int k = 0; k < m.used; k++) chosen[size_t(m.routed[size_t(t) * 2 * m.used + k])] = true;
      // In the order in which matmul_experts goes through them: with few slots, another one would never end.
      for (int e = 0; e < int(chosen.size()); e++)
        for (size_t i = begin; chosen[e] && i < end; i++) want(int(i), e);
    }
  }
  wanted.notify_all();
}

void Reader::want(int matrices, int expert) {
  const ExpertMatrices &m = experts[matrices];
  for (int row = 0; row < m.rows; row += m.slab_rows) {
    Slab &slab = slab_at(matrices, expert, row);
    slab.wanted = std::min(m.slab_rows, m.rows - row);
    slab.turn = ++turns;
    slab.score += weight;
    queue.push_back(int(&slab - slabs.data()));
  }
}

SlabRows Reader::slab(int matrices, int expert, int row, const std::atomic<bool> &stop) {
  std::unique_lock lock(mutex);
  Slab &slab = slab_at(matrices, expert, row);
  arrived.wait(lock, [&] { return stop || failed() || (slab.slot >= 0 && slab.missing == 0); });
  if (stop || failed()) return {nullptr, 0, 0};
  slab.users++;
  const ExpertMatrices &m = experts[matrices];
  return {memory.start + memory.bytes * slab.slot + extent_of(slab).skipped, slab.first_row, std::min(m.rows, slab.first_row + m.slab_rows)};
}

void Reader::release(int matrices, int expert, int row, int count) {
  {
    std::lock_guard lock(mutex);
    Slab &slab = slab_at(matrices, expert, row);
    slab.users--;
    slab.wanted -= count;
  }
  wanted.notify_all();
}

Reader::Extent Reader::extent_of(const Slab &slab) const {
  const ExpertMatrices &m = experts[slab.matrices];
  const ExpertMatrices::Place &place = m.places[slab.expert];
  const uint64_t start = place.offset + m.row_bytes * slab.first_row, skipped = start % DIRECT_BLOCK;
  const uint64_t needed = skipped + m.row_bytes * std::min(m.slab_rows, m.rows - slab.first_row);
  return {place.file, start - skipped, (needed + DIRECT_BLOCK - 1) / DIRECT_BLOCK * DIRECT_BLOCK, needed, skipped};
}

void Reader::wake() {
  // With the lock, lest it comes between a look at the flag and the wait.
  std::lock_guard lock(mutex);
  arrived.notify_all();
}

bool Reader::row(uint64_t file, uint64_t offset, uint64_t bytes, uint8_t *to) {
  const int64_t answer = read_cached(file, offset, bytes, to);
  if (answer == int64_t(bytes)) return true;
  std::lock_guard lock(mutex);
  fail(file, offset, bytes, answer);
  return false;
}

void Reader::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    Chunk chunk;
    wanted.wait(lock, [&] { return stopping || take(chunk); });
    if (stopping) return;
    in_flight++;
    lock.unlock();
    const int64_t answer = read_direct(chunk.file, chunk.offset, chunk.bytes, chunk.to);
    lock.lock();
    in_flight--;
    finish(chunk, answer);
  }
}

bool Reader::take(Chunk &chunk) {
  if (paused || failed()) return false;
  return take_slab(chunk) || take_read(chunk);
}

/** The chunk at `at` of an extent that goes to `to`; `at` moves on. */
template <class Extent, class Chunk> static void take_chunk(const Extent &extent, uint8_t *to, uint64_t &at, Chunk &chunk) {
  chunk.file = extent.file;
  chunk.offset = extent.offset + at;
  chunk.bytes = std::min(CHUNK, extent.bytes - at);
  chunk.needed = std::min(chunk.bytes, extent.needed - std::min(extent.needed, at));
  chunk.to = to + at;
  at += chunk.bytes;
}

/** The next chunk that every step needs, if its place is free. */
bool Reader::take_read(Chunk &chunk) {
  // Once round at most: it may be that nothing is left to read but what is kept.
  for (size_t passed = 0; passed < reads.size(); passed++) {
    const Read &read = reads[next];
    const bool there = read.kept && missing[next] == 0;
    if (!there) {
      if (walked <= reading + read.after) return false;
      take_chunk(read, read.to, next_at, chunk);
      chunk.missing = &missing[next];
    }
    if (there || next_at == read.bytes) {
      next_at = 0;
      if (++next == reads.size()) {
        next = 0;
        reading += ops;
      }
    }
    if (!there) return true;
  }
  return false;
}

/** The next chunk of a chosen expert, if there is a slot for it. */
bool Reader::take_slab(Chunk &chunk) {
  while (!queue.empty()) {
    Slab &slab = slabs[queue.front()];
    const Extent extent = extent_of(slab);
    if (queue_at == 0 && slab.slot < 0) {
      const int slot = free_slot(slab.turn);
      if (slot < 0) return false;
      if (slots[slot] >= 0) slabs[slots[slot]].slot = -1;
      slots[slot] = queue.front();
      slab.slot = slot;
      slab.missing = extent.bytes;
    } else if (queue_at == 0) {
      queue.pop_front();
      continue;
    }
    take_chunk(extent, memory.start + memory.bytes * slab.slot, queue_at, chunk);
    chunk.missing = &slab.missing;
    if (queue_at == extent.bytes) {
      queue.pop_front();
      queue_at = 0;
    }
    return true;
  }
  return false;
}

/**
 * A slot for the slab whose turn it is: an empty one, or that of the slab chosen least; if this step needs all of them, of
 * the one that it needs last. -1 if all that come later are in use.
 */
int Reader::free_slot(uint64_t turn) const {
  int best = -1;
  const auto better = [](const Slab &a, const Slab &b) {
    if ((a.wanted == 0) != (b.wanted == 0)) return a.wanted == 0;
    return a.wanted == 0 ? a.score < b.score : a.turn > b.turn;
  };
  for (int i = 0; i < int(slots.size()); i++) {
    if (slots[i] < 0) return i;
    const Slab &slab = slabs[slots[i]];
    if (slab.missing > 0 || slab.users > 0 || (slab.wanted > 0 && slab.turn < turn)) continue;
    if (best < 0 || better(slab, slabs[slots[best]])) best = i;
  }
  return best;
}

void Reader::finish(const Chunk &chunk, int64_t answer) {
  if (answer < int64_t(chunk.needed)) fail(chunk.file, chunk.offset, chunk.needed, answer);
  else *chunk.missing -= chunk.bytes;
  arrived.notify_all();
}

void Reader::fail(uint64_t file, uint64_t offset, uint64_t expected, int64_t answer) {
  if (failed()) return;
  has_failed = true;
  failed_file = file;
  const std::string what = "expected " + std::to_string(expected) + " bytes at offset " + std::to_string(offset);
  complaint = answer < 0 ? what + ": " + read_problem(answer) : what + ", found " + std::to_string(answer) + ": the file has shrunk";
}

} // namespace tl
