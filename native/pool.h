// The thread pool of the process: threads that run one function together, with barriers inside.
#pragma once
#include "os.h"
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

/**
 * Chunks [0, count) in one stretch a thread, since memory is read fastest in one place; who is done takes from the end of
 * another's stretch.
 */
class Shares {
public:
  explicit Shares(int threads) : ranges(threads) {}

  /** Sets the caller's own stretch; all have to before the first one takes. */
  void begin(int count, const Team &team) {
    const uint64_t from = uint64_t(count) * team.index / team.size, to = uint64_t(count) * (team.index + 1) / team.size;
    ranges[team.index].left.store(from << 32 | to, std::memory_order_relaxed);
  }
  /** The next chunk, or -1 if nothing is left. */
  int take(const Team &team) {
    for (int i = 0; i < team.size; i++) {
      std::atomic<uint64_t> &left = ranges[(team.index + i) % team.size].left;
      uint64_t now = left.load(std::memory_order_relaxed);
      while (now >> 32 < (now & 0xffffffff)) {
        const uint64_t next = i == 0 ? now + (uint64_t(1) << 32) : now - 1;
        if (left.compare_exchange_weak(now, next, std::memory_order_relaxed)) return int(i == 0 ? now >> 32 : next & 0xffffffff);
      }
    }
    return -1;
  }

private:
  struct alignas(64) Range {
    std::atomic<uint64_t> left{0};
  };
  std::vector<Range> ranges;
};

} // namespace tl
