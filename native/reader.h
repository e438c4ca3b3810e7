// Lazy weights: threads that read ahead of the operations what these need, into places that are written again and again.
// Which bytes go where, and when, was planned by src/backends/cpu/lazy.ts.
#pragma once
#include "os.h"
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tl {

/** Bytes of a file that an operation needs in a place; offset, bytes and place are multiples of DIRECT_BLOCK. */
struct Read {
  int op;
  uint64_t file, offset, bytes;
  /** Bytes that must be there: the rest may lie behind the file's end. */
  uint64_t needed;
  uint8_t *to;
  /** Whether the bytes stay in their place: they are read once. */
  bool kept;
  /** The operation that has to be done before: of the step before, where it is below 0, and counted from that one's end. */
  int after;
};

/** Reads in the order of the operations, step after step: the beginning of the next one while this one ends. */
class Reader {
public:
  /** `reads` are in the order of their operations, of which a step has `ops`. */
  Reader(std::vector<Read> reads, int ops);
  ~Reader();

  /** Before a step. Where the one before did not end, or could not be read, reading begins anew. */
  void begin();
  /** Whether the operation needs bytes at all; if so, wait before it and done behind it. */
  bool needs(int op) const { return first[op] < first[op + 1]; }
  /** False if the bytes cannot be read, or if `stop` was set; see wake. */
  bool wait(int op, const std::atomic<bool> &stop);
  /** No thread reads the operation's bytes any more. */
  void done(int op);
  /** After a step's last operation. */
  void end();
  /** Lets wait look at its `stop`; may be called from any thread. */
  void wake();
  /** A row for an operation that needs single ones. False if it cannot be read. */
  bool row(uint64_t file, uint64_t offset, uint64_t bytes, uint8_t *to);

  /** Whether something could not be read in this step. */
  bool failed() const { return has_failed.load(std::memory_order_relaxed); }
  /** What, and of which file; to be asked after the step. */
  const std::string &problem() const { return complaint; }
  uint64_t problem_file() const { return failed_file; }

private:
  /** A part of a read. */
  struct Chunk {
    size_t read;
    uint64_t at, bytes;
  };

  const std::vector<Read> reads;
  const int ops;
  /** [ops + 1]: where each operation's reads begin. */
  std::vector<size_t> first;
  /** Bytes that are still to come, of each read. */
  std::vector<uint64_t> missing;
  std::mutex mutex;
  std::condition_variable arrived, wanted;
  std::vector<std::thread> threads;
  /** Operations done since the beginning; of the steps that are walked and read, where they begin. */
  int64_t walked = 0, walking = 0, reading = 0;
  /** The next chunk. */
  size_t next = 0;
  uint64_t next_at = 0;
  int in_flight = 0;
  bool stepping = false, paused = false, stopping = false;
  std::atomic<bool> has_failed{false};
  std::string complaint;
  uint64_t failed_file = 0;

  void work();
  bool take(Chunk &chunk);
  void finish(const Chunk &chunk, int64_t answer);
  void fail(uint64_t file, uint64_t offset, uint64_t expected, int64_t answer);
};

} // namespace tl
