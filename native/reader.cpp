// See reader.h. Chunks are large and take milliseconds, so one lock for everything costs nothing.
#include "reader.h"
#include <algorithm>

namespace tl {
namespace {

/** So many reads at once keep any disk busy; more only wait in its queue. */
constexpr int THREADS = 4;
constexpr uint64_t CHUNK = 1 << 20;

} // namespace

Reader::Reader(std::vector<Read> list, int ops) : reads(std::move(list)), ops(ops) {
  first.assign(size_t(ops) + 1, 0);
  for (auto &read : reads) {
    first[read.op + 1]++;
    missing.push_back(read.bytes);
  }
  for (int op = 0; op < ops; op++) first[op + 1] += first[op];
  for (int i = 0; i < THREADS && !reads.empty(); i++) threads.emplace_back([this] { work(); });
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
  }
  wanted.notify_all();
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
    const Read &read = reads[chunk.read];
    const int64_t answer = read_direct(read.file, read.offset + chunk.at, chunk.bytes, read.to + chunk.at);
    lock.lock();
    in_flight--;
    finish(chunk, answer);
  }
}

/** The next chunk, if its place is free. */
bool Reader::take(Chunk &chunk) {
  if (paused || failed()) return false;
  // Once round at most: it may be that nothing is left to read but what is kept.
  for (size_t passed = 0; passed <= reads.size(); passed++) {
    if (next == reads.size()) {
      next = 0;
      reading += ops;
    }
    const Read &read = reads[next];
    const bool there = read.kept && missing[next] == 0;
    if (!there && walked <= reading + read.after) return false;
    if (!there) {
      chunk = {next, next_at, std::min(CHUNK, read.bytes - next_at)};
      next_at += chunk.bytes;
    }
    if (there || next_at == read.bytes) {
      next++;
      next_at = 0;
    }
    if (!there) return true;
  }
  return false;
}

void Reader::finish(const Chunk &chunk, int64_t answer) {
  const Read &read = reads[chunk.read];
  const uint64_t needed = std::min(chunk.bytes, read.needed - std::min(read.needed, chunk.at));
  if (answer < int64_t(needed)) fail(read.file, read.offset + chunk.at, needed, answer);
  else missing[chunk.read] -= chunk.bytes;
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
