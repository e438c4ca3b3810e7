// See pool.h. Waiting threads spin for a tenth of a millisecond, since the next operation is rarely further away; then for about a
// millisecond they offer the processor to whoever needs it; then they sleep. To be woken takes as long as several operations do,
// so that others fall asleep meanwhile, and so on: the time between two steps of JavaScript should pass awake.
#include "pool.h"
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace tl {
namespace {

constexpr int SPINS = 4000, YIELDS = 2000;

inline void relax() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

/** Waits until `value` is no longer `old`. */
void wait_change(const std::atomic<uint32_t> &value, uint32_t old) {
  for (int i = 0; i < SPINS; i++) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  for (int i = 0; i < YIELDS; i++) {
    if (value.load(std::memory_order_acquire) != old) return;
    std::this_thread::yield();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

struct Pool {
  std::mutex running;
  std::vector<std::thread> workers;
  alignas(64) std::atomic<uint32_t> generation{0};
  alignas(64) std::atomic<uint32_t> arrived{0};
  alignas(64) std::atomic<uint32_t> phase{0};
  Task task = nullptr;
  void *context = nullptr;
  bool stopping = false;
  std::vector<NumaNode> nodes;

  int size() const { return int(workers.size()) + 1; }

  void barrier() {
    const uint32_t now = phase.load(std::memory_order_relaxed);
    if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == uint32_t(size())) {
      arrived.store(0, std::memory_order_relaxed);
      phase.store(now + 1, std::memory_order_release);
      phase.notify_all();
    } else {
      wait_change(phase, now);
    }
  }

  /** The processors of the node that a thread belongs to; none if it may run anywhere. */
  std::vector<int> place(int index, int threads) const {
    size_t all = 0, before = 0;
    for (const NumaNode &node : nodes) all += node.processors.size();
    // The processor that the middle of the thread's part falls on, if they were in a row.
    const size_t middle = (2 * size_t(index) + 1) * all / (2 * size_t(threads));
    for (const NumaNode &node : nodes) {
      before += node.processors.size();
      if (middle < before) return node.processors;
    }
    return {};
  }

  /** Whether threads have places: on their nodes, or each on a processor of its own where there are as many of both. */
  bool binds(int threads) const { return !nodes.empty() || threads == tl_allowed_cpus(); }

  void bind(int index, int threads) const {
    if (!nodes.empty()) bind_thread(place(index, threads));
    else if (binds(threads)) tl_pin_thread(index);
  }

  void work(int index, int threads) {
    bind(index, threads);
    uint32_t seen = 0;
    for (;;) {
      wait_change(generation, seen);
      seen = generation.load(std::memory_order_acquire);
      if (stopping) return;
      task({index, size()}, context);
      barrier();
    }
  }

  void start(Task next, void *with) {
    task = next;
    context = with;
    generation.fetch_add(1, std::memory_order_release);
    generation.notify_all();
  }

  void resize(int wanted) {
    if (wanted == size()) return;
    stop();
    const int count = wanted - 1;
    // Every worker counts the team, so the vector must be whole before the first one runs a task.
    workers.reserve(count);
    for (int i = 0; i < count; i++) workers.emplace_back([this, i, wanted] { work(i + 1, wanted); });
  }

  void stop() {
    if (workers.empty()) return;
    stopping = true;
    generation.fetch_add(1, std::memory_order_release);
    generation.notify_all();
    for (auto &worker : workers) worker.join();
    workers.clear();
    stopping = false;
    generation.store(0, std::memory_order_relaxed);
  }

  ~Pool() { stop(); }
};

Pool &pool() {
  static Pool instance;
  return instance;
}

/** Binds the caller, which is nobody's worker, while it takes part in a run. */
struct Guest {
  const bool bound;
  explicit Guest(const Pool &p) : bound(p.binds(p.size())) {
    if (bound) p.bind(0, p.size());
  }
  ~Guest() {
    if (bound) bind_thread({});
  }
};

} // namespace

void Team::barrier() const {
  if (size > 1) pool().barrier();
}

void pool_bind(const std::vector<NumaNode> &nodes) {
  Pool &p = pool();
  std::lock_guard lock(p.running);
  p.stop();
  p.nodes = nodes;
}

const std::vector<NumaNode> &pool_nodes() { return pool().nodes; }

void pool_run(int threads, Task task, void *context) {
  Pool &p = pool();
  std::lock_guard lock(p.running);
  p.resize(threads);
  const Guest guest(p);
  if (p.size() == 1) return task({0, 1}, context);
  p.start(task, context);
  task({0, p.size()}, context);
  p.barrier();
}

} // namespace tl
