// The thread pool of the process: threads that run one function together, with barriers inside.
#pragma once
#include <atomic>
#include <cstdint>

namespace tl {

/** What a thread knows of the run that it takes part in. */
struct Team {
  int index, size;
  /** Waits until every thread of the run has come here. */
  void barrier() const;
};

using Task = void (*)(const Team &team, void *context);

/** Runs `task` on `threads` threads, the caller's among them, and returns when all are done. Callers queue. */
void pool_run(int threads, Task task, void *context);

/** Hands out indices [0, count) in chunks to whoever asks. */
struct Counter {
  std::atomic<int> next{0};
  /** The next chunk's start, or `count` or more if nothing is left. */
  int take(int chunk) { return next.fetch_add(chunk, std::memory_order_relaxed); }
};

} // namespace tl
