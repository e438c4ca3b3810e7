// Lazy weights: threads that read what the operations need, ahead of them, into places that are written again and again.
// Which bytes go where, and when, was planned by src/backends/cpu/lazy-plan.ts.
#pragma once
#include "os.h"
#include <atomic>
#include <condition_variable>
#include <deque>
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
  /** The operation that has to be done before: of the step before, counted from its end, where it is below 0. */
  int after;
};

/** Matrices of a mixture, one an expert, read in slabs of rows when a token goes to the expert. */
struct ExpertMatrices {
  /** The operation that multiplies, the one that chooses, and what that writes: a token's `used` ids, as many other numbers. */
  int op, route;
  const float *routed;
  int used;
  /** Of each matrix, and of its slabs but the last. */
  int rows, slab_rows;
  uint64_t row_bytes;
  struct Place {
    uint64_t file, offset;
  };
  std::vector<Place> places;
  /** Where its slabs begin among those of all. */
  size_t first_slab = 0;

  int slabs() const { return (rows + slab_rows - 1) / slab_rows; }
};

/** Places for slabs, all alike. */
struct SlotMemory {
  uint8_t *start;
  uint64_t bytes;
  int count;
};

/** Rows [begin, end) of a matrix in memory. */
struct SlabRows {
  const uint8_t *data;
  int begin, end;
};

/**
 * Two kinds of reads: those of every step, in the order of the operations, the beginning of the next step while this one ends;
 * and slabs of experts as they are chosen, which go first and stay as long as they are among those chosen most.
 */
class Reader {
public:
  /** `reads` are in the order of their operations, of which a step has `ops`. */
  Reader(std::vector<Read> reads, std::vector<ExpertMatrices> experts, SlotMemory memory, int ops);
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

  /** After an operation: if it chooses experts, they are read now. */
  void choose(int op, int tokens);
  /** The slab of a chosen expert that holds row `row`, until it is released. No data if it cannot be read, or `stop` was set. */
  SlabRows slab(int matrices, int expert, int row, const std::atomic<bool> &stop);
  /** So many rows of the slab have been used for this step; it is free when all are. */
  void release(int matrices, int expert, int row, int count);

  /** Lets waiting calls look at their `stop`; may be called from any thread. */
  void wake();
  /** A row for an operation that needs single ones. False if it cannot be read. */
  bool row(uint64_t file, uint64_t offset, uint64_t bytes, uint8_t *to);

  /** Whether something could not be read in this step. */
  bool failed() const { return has_failed.load(std::memory_order_relaxed); }
  /** What, and of which file; to be asked after the step. */
  const std::string &problem() const { return complaint; }
  uint64_t problem_file() const { return failed_file; }

private:
  /** A part of a read, or of a slab. */
  struct Chunk {
    uint64_t file, offset, bytes, needed;
    uint8_t *to;
    /** Bytes still to come, of the whole. */
    uint64_t *missing;
  };

  /** The blocks of a file that hold some bytes, and where in them these begin. */
  struct Extent {
    uint64_t file, offset, bytes, needed, skipped;
  };

  struct Slab {
    int matrices, expert, first_row;
    int slot = -1;
    /** Rows that this step still needs, and since when. */
    int wanted = 0;
    uint64_t turn = 0;
    /** Threads that compute with it. */
    int users = 0;
    /** How often it was chosen; later choices count more. */
    double score = 0;
    uint64_t missing = 0;
  };

  const std::vector<Read> reads;
  std::vector<ExpertMatrices> experts;
  const SlotMemory memory;
  const int ops;
  /** [ops + 1]: where each operation's reads begin. */
  std::vector<size_t> first;
  /** [ops]: whether it chooses experts. */
  std::vector<bool> routes;
  /** Bytes that are still to come, of each read. */
  std::vector<uint64_t> missing;
  std::mutex mutex;
  std::condition_variable arrived, wanted;
  std::vector<std::thread> threads;
  /** Operations done since the beginning; of the steps that are walked and read, where they begin. */
  int64_t walked = 0, walking = 0, reading = 0;
  /** The next chunk of the reads. */
  size_t next = 0;
  uint64_t next_at = 0;

  std::vector<Slab> slabs;
  /** Which slab is in each slot, -1 for none. */
  std::vector<int> slots;
  /** Slabs of this step that may have to be read, the next one first, and how much of that was taken. */
  std::deque<int> queue;
  uint64_t queue_at = 0;
  uint64_t turns = 0;
  /** What a choice counts now. */
  double weight = 1;

  int in_flight = 0;
  bool stepping = false, paused = false, stopping = false;
  std::atomic<bool> has_failed{false};
  std::string complaint;
  uint64_t failed_file = 0;

  void work();
  bool take(Chunk &chunk);
  bool take_read(Chunk &chunk);
  bool take_slab(Chunk &chunk);
  int free_slot(uint64_t turn) const;
  void want(int matrices, int expert);
  Slab &slab_at(int matrices, int expert, int row);
  Extent extent_of(const Slab &slab) const;
  void finish(const Chunk &chunk, int64_t answer);
  void fail(uint64_t file, uint64_t offset, uint64_t expected, int64_t answer);
};

} // namespace tl
