// Replays conformance cases that export.ts wrote, through the C ABI and without Node: under emulators and sanitizers.
//
//   replay FILE THREADS      exit code 1 if an answer is wrong
//   replay --detect          what this processor can run
#include "../../native/os.h"
#include "../../native/torchless.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Step {
  /** tokens, positions, sequence, slots, lengths, tables, rows, copies. */
  std::vector<int32_t> inputs[8];
  std::vector<double> expected;
  /** Words [start, end) that must keep the pattern. */
  std::vector<std::pair<size_t, size_t>> zones;
  int32_t repeatable = 1;

  int tokens() const { return int(inputs[0].size()); }
  int rows() const { return int(inputs[6].size()); }
};

struct Case {
  std::string name;
  double tolerance;
  int width;
  std::vector<double> program;
  std::vector<Step> steps;
};

struct File {
  std::vector<double> numbers;
  std::vector<uint8_t> bytes;
  size_t at = 0;

  double next() {
    if (at == numbers.size()) {
      std::fprintf(stderr, "the file ends too early\n");
      std::exit(2);
    }
    return numbers[at++];
  }
  size_t count() { return size_t(next()); }
};

File read_file(const char *path) {
  File file;
  std::FILE *in = std::fopen(path, "rb");
  double count = 0;
  if (!in || std::fread(&count, 8, 1, in) != 1) {
    std::fprintf(stderr, "%s cannot be read\n", path);
    std::exit(2);
  }
  file.numbers.resize(size_t(count));
  if (std::fread(file.numbers.data(), 8, file.numbers.size(), in) != file.numbers.size()) std::exit(2);
  uint8_t buffer[65536];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, in)) > 0;) file.bytes.insert(file.bytes.end(), buffer, buffer + n);
  std::fclose(in);
  return file;
}

/** At a multiple of 64, so that weights are as misaligned as the file says; sanitizers see its ends. */
struct Blob {
  uint8_t *memory, *start;

  explicit Blob(const std::vector<uint8_t> &bytes) : memory((uint8_t *)std::malloc(bytes.size() + 64)) {
    start = (uint8_t *)(((uintptr_t)memory + 63) / 64 * 64);
    std::memcpy(start, bytes.data(), bytes.size());
  }
  ~Blob() { std::free(memory); }
};

Case read_case(File &file, double fake_base, const uint8_t *base) {
  Case c;
  for (size_t n = file.count(); n > 0; n--) c.name += char(file.next());
  c.tolerance = file.next();
  c.width = int(file.next());
  for (size_t n = file.count(); n > 0; n--) {
    const double number = file.next();
    c.program.push_back(number < fake_base ? number : number - fake_base + double((uintptr_t)base));
  }
  c.steps.resize(file.count());
  for (auto &step : c.steps) {
    for (auto &input : step.inputs)
      for (size_t n = file.count(); n > 0; n--) input.push_back(int32_t(file.next()));
    step.repeatable = int(file.next());
    for (int n = step.rows() * c.width; n > 0; n--) step.expected.push_back(file.next());
    for (size_t n = file.count(); n > 0; n--) {
      const size_t start = file.count(), end = file.count();
      step.zones.push_back({start, end});
    }
  }
  return c;
}

/** One case on an executable of its own. */
struct Replay {
  const Case &c;
  int32_t pattern;
  TlExecutable *executable = nullptr;
  std::vector<std::string> problems;

  Replay(const Case &c, int threads, int32_t pattern) : c(c), pattern(pattern) {
    std::vector<double> program = c.program;
    program[1] = threads;
    executable = tl_compile(program.data(), int64_t(program.size()));
  }
  ~Replay() {
    if (executable) tl_free(executable);
  }

  void set(const Step &step, bool with_copies) {
    const auto &in = step.inputs;
    tl_set_batch(executable, in[0].data(), in[1].data(), in[2].data(), in[3].data(), in[4].data(), in[5].data(), in[6].data(),
                 in[7].data(), step.tokens(), step.rows(), with_copies ? int(in[7].size()) / 3 : 0, step.repeatable);
  }

  std::vector<float> whole_rows(const Step &step) {
    std::vector<float> values(size_t(step.rows()) * c.width);
    tl_result(executable, nullptr, values.data());
    return values;
  }

  void compare(const Step &step, const std::vector<float> &found, const char *what) {
    double error = 0, power = 0;
    for (size_t i = 0; i < found.size(); i++) {
      error += (found[i] - step.expected[i]) * (found[i] - step.expected[i]);
      power += step.expected[i] * step.expected[i];
    }
    if (error > 0 && !(error / power <= c.tolerance))
      problems.push_back(std::string(what) + ": NMSE " + std::to_string(error / power * 1e12) + "e-12");
  }

  void check_zones(const Step &step) {
    for (auto [start, end] : step.zones) {
      std::vector<int32_t> words(end - start);
      tl_read_arena(executable, (uint8_t *)words.data(), int64_t(start) * 4, int64_t(words.size()) * 4);
      if (std::any_of(words.begin(), words.end(), [&](int32_t word) { return word != pattern; }))
        problems.push_back("words " + std::to_string(start) + " to " + std::to_string(end) + " of the arena were overwritten");
    }
  }

  void check_best(const Step &step, const std::vector<float> &whole) {
    const int want = std::min(3, c.width);
    set(step, false);
    tl_step(executable, want);
    std::vector<int32_t> ids(size_t(step.rows()) * want), order(size_t(c.width));
    std::vector<float> values(ids.size());
    tl_result(executable, ids.data(), values.data());
    for (int r = 0; r < step.rows(); r++) {
      const float *row = whole.data() + size_t(r) * c.width;
      for (int i = 0; i < c.width; i++) order[i] = i;
      std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return row[a] > row[b]; });
      for (int i = 0; i < want; i++)
        if (ids[size_t(r) * want + i] != order[i] || values[size_t(r) * want + i] != row[order[i]]) {
          problems.push_back("the best ids are not those of the whole row");
          return;
        }
    }
  }

  /** A step that is stopped on its way, and then taken again. */
  void check_stop(const Step &step) {
    set(step, false);
    std::atomic<bool> begun{false};
    std::thread stopper([&] {
      while (!begun) std::this_thread::yield();
      tl_stop(executable);
    });
    begun = true;
    const int32_t stopped = tl_step(executable, 0);
    stopper.join();
    if (stopped != 0 && stopped != 1) problems.push_back("tl_step answered neither 0 nor 1");
    set(step, false);
    if (tl_step(executable, 0) != 0) problems.push_back("a stop went on to the next step");
    compare(step, whole_rows(step), "after a stop");
  }

  void run() {
    if (!executable) {
      problems.push_back("does not compile");
      return;
    }
    for (auto &step : c.steps) {
      tl_fill_arena(executable, pattern);
      set(step, true);
      tl_step(executable, 0);
      const std::vector<float> whole = whole_rows(step);
      compare(step, whole, ("step " + std::to_string(&step - c.steps.data() + 1)).c_str());
      check_zones(step);
      check_best(step, whole);
      check_stop(step);
    }
  }
};

int detect() {
  std::printf("best %s\n", tl_best_level());
  for (const char *level : {"portable", "avx2", "avx512", "avx512bf16", "neon", "neon-i8mm"})
    std::printf("%s %d\n", level, tl_supports_level(level));
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  if (argc == 2 && std::strcmp(argv[1], "--detect") == 0) return detect();
  if (argc != 3) {
    std::fprintf(stderr, "usage: replay FILE THREADS\n");
    return 2;
  }
  File file = read_file(argv[1]);
  const int threads = std::atoi(argv[2]);
  const Blob blob(file.bytes);
  const double fake_base = file.next();
  const int32_t pattern = int32_t(file.next());
  std::vector<Case> cases;
  for (size_t n = file.count(); n > 0; n--) cases.push_back(read_case(file, fake_base, blob.start));

  // Two callers at once: models share the pool, and their steps queue.
  std::vector<std::vector<std::string>> problems(cases.size());
  const auto half = [&](size_t first) {
    for (size_t i = first; i < cases.size(); i += 2) {
      Replay replay(cases[i], threads, pattern);
      replay.run();
      problems[i] = replay.problems;
    }
  };
  std::thread other(half, 1);
  half(0);
  other.join();

  int failed = 0;
  for (size_t i = 0; i < cases.size(); i++) {
    failed += problems[i].empty() ? 0 : 1;
    for (auto &problem : problems[i]) std::printf("%s: %s\n", cases[i].name.c_str(), problem.c_str());
  }
  std::printf("%s: replayed %zu cases, %d failed\n", tl_level(), cases.size(), failed);
  return failed > 0 ? 1 : 0;
}
