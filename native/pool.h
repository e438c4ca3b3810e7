// The thread pool of the process: threads that run one function together, with barriers inside.
#pragma once
#include "os.h"
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

namespace tl {

/** What a thread knows of the run that it takes part in. */
struct Team {
  int index, size;
  /** Waits until every thread of the run has come here. */
  void barrier() const;
};

using Task = void (*)(const Team &team, void *context);

/**
 * Spreads the threads of all further runs over nodes, stretches of the team on each as large as the node, and keeps each on its
 * node: what a thread touches first, and its stretch of the weights, then lie in its own memory. No nodes: as pool_run says.
 */
void pool_bind(const std::vector<NumaNode> &nodes);

/** The nodes of the last call. */
const std::vector<NumaNode> &pool_nodes();

/**
 * Runs `task` on `threads` threads, the caller's among them, and returns when all are done. Callers queue. If the process may use as many
 * processors, each thread stays on one of its own meanwhile: the caller may have been woken where a worker is busy waiting.
 */
void pool_run(int threads, Task task, void *context);

/** Hands out indices [0, count) in chunks to whoever asks. */
struct Counter {
  std::atomic<int> next{0};
  /** The next chunk's start, or `count` or more if nothing is left. */
  int take(int chunk) { return next.fetch_add(chunk, std::memory_order_relaxed); }
};

/** Chunks [from, to). */
struct Chunks {
  int from, to;
};

/**
 * Chunks [0, count) in one stretch a thread, since memory is read fastest where it is read on end; who is done takes from the end of
 * another's stretch.
 */
class Shares {
  /** Few enough that nobody waits long for them at the end. */
  static constexpr int MOST_TAKEN = 4;

public:
  explicit Shares(int threads) : ranges(threads) {}

  /** Sets the caller's own stretch; all have to before the first one takes. */
  void begin(int count, const Team &team) {
    const auto [from, to] = stretch(team.index, count, team);
    ranges[team.index].left.store(uint64_t(from) << 32 | uint64_t(to), std::memory_order_relaxed);
  }
  /** The stretch that a chunk belongs to, whoever takes it. */
  static Chunks stretch_of(int chunk, int count, const Team &team) {
    return stretch(int((int64_t(chunk + 1) * team.size - 1) / count), count, team);
  }
  /**
   * The next chunks of the caller's stretch, or else the last ones of another's; none if nothing is left. Several, since an atomic
   * instruction waits for all that is being read, and the next chunk could have been on its way; the fewer, the less is left.
   */
  Chunks take(const Team &team) {
    for (int i = 0; i < team.size; i++) {
      std::atomic<uint64_t> &left = ranges[(team.index + i) % team.size].left;
      uint64_t now = left.load(std::memory_order_relaxed);
      for (;;) {
        const int from = int(now >> 32), to = int(now & 0xffffffff), some = std::min((to - from + 3) / 4, MOST_TAKEN);
        if (some <= 0) break;
        const uint64_t next = i == 0 ? now + (uint64_t(some) << 32) : now - uint64_t(some);
        if (!left.compare_exchange_weak(now, next, std::memory_order_relaxed)) continue;
        return i == 0 ? Chunks{from, from + some} : Chunks{to - some, to};
      }
    }
    return {0, 0};
  }

private:
  static Chunks stretch(int thread, int count, const Team &team) {
    const auto start = [&](int index) { return int(int64_t(count) * index / team.size); };
    return {start(thread), start(thread + 1)};
  }
  struct alignas(64) Range {
    std::atomic<uint64_t> left{0};
  };
  std::vector<Range> ranges;
};

/** Hands out to one thread, chunk by chunk, what it takes of the shares. */
class Taker {
public:
  Taker(Shares &shares, const Team &team) : shares(shares), team(team) {}

  /** The next chunk, or -1 if nothing is left. */
  int next() {
    if (taken.from == taken.to) taken = shares.take(team);
    return taken.from < taken.to ? taken.from++ : -1;
  }

private:
  Shares &shares;
  const Team &team;
  Chunks taken{0, 0};
};

} // namespace tl
