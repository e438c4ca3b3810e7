// What os.h has of processors and their memory, on Linux; of a system that is unknown, as much as the language tells.
#if !defined(_WIN32) && !defined(__APPLE__)
#include "os_shared.h"
#include <set>
#include <thread>
#include <unistd.h>

#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif
#endif

namespace {

/** First line of a file, empty if there is none. */
std::string first_line(const std::string &path) {
  char line[256] = "";
  if (FILE *file = std::fopen(path.c_str(), "re")) {
    if (!std::fgets(line, sizeof(line), file)) line[0] = 0;
    std::fclose(file);
  }
  line[std::strcspn(line, "\n")] = 0;
  return line;
}

/** The processors that the process may run on, one of each core before the second threads of any. */
struct Processors {
  std::vector<int> list;
  int cores = 0;
};

#if defined(__linux__)
/** Processors or nodes as the kernel takes them: a bit each. Larger than cpu_set_t, which ends at 1,024 processors. */
struct NumberSet {
  static constexpr int BITS = 8192, WORD = 8 * sizeof(unsigned long);
  unsigned long words[BITS / WORD] = {};

  explicit NumberSet(const std::vector<int> &numbers = {}) {
    for (const int number : numbers) words[number / WORD] |= 1ul << (number % WORD);
  }
  bool has(int number) const { return words[number / WORD] >> (number % WORD) & 1; }
  cpu_set_t *set() { return reinterpret_cast<cpu_set_t *>(words); }
  const cpu_set_t *set() const { return reinterpret_cast<const cpu_set_t *>(words); }
};
#endif

std::vector<int> allowed_processors() {
  std::vector<int> list;
#if defined(__linux__)
  NumberSet mask;
  // Of the process' first thread, since the one that asks may be pinned.
  if (sched_getaffinity(getpid(), sizeof(mask.words), mask.set()) == 0)
    for (int i = 0; i < NumberSet::BITS; i++)
      if (mask.has(i)) list.push_back(i);
#endif
  if (list.empty())
    for (int i = 0; i < std::max(1, int(std::thread::hardware_concurrency())); i++) list.push_back(i);
  return list;
}

Processors find_processors() {
  std::vector<int> first, second;
  std::set<std::string> cores;
  for (const int index : allowed_processors()) {
    const std::string topology = "/sys/devices/system/cpu/cpu" + std::to_string(index) + "/topology/";
    std::string core = first_line(topology + "core_cpus_list");
    if (core.empty()) core = first_line(topology + "thread_siblings_list");
    // Where nothing is known, each is taken for a core of its own.
    (core.empty() || cores.insert(core).second ? first : second).push_back(index);
  }
  const int count = int(first.size());
  first.insert(first.end(), second.begin(), second.end());
  return {first, count};
}

/** As they were when first asked for: a thread that is pinned later says nothing of the process. */
const Processors &processors() {
  static const Processors found = find_processors();
  return found;
}

/** Processors that `quota` of every `period` microseconds amount to, rounded up; 0 for no limit. */
int32_t quota_cpus(long long quota, long long period) {
  return quota > 0 && period > 0 ? int32_t((quota + period - 1) / period) : 0;
}

/** A limit of a control group, found in files of its folder; 0 for none. */
using GroupLimit = int64_t (*)(const std::string &folder);

int64_t tighter(int64_t a, int64_t b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

/** The tightest limit of a group and of all groups around it. */
int64_t tightest(const std::string &mount, std::string group, GroupLimit limit) {
  int64_t least = 0;
  for (;;) {
    least = tighter(least, limit(mount + group + "/"));
    if (group.empty()) return least;
    group.erase(group.find_last_of('/') == std::string::npos ? 0 : group.find_last_of('/'));
  }
}

/** Limits of one kind: the controller of version 1 that sets it, and how each version writes it down. */
struct LimitKind {
  const char *controller;
  GroupLimit version1, version2;
};

int64_t quota_of_version2(const std::string &folder) {
  long long quota = 0, period = 0;
  // "max 100000" means no limit and does not parse.
  const bool found = std::sscanf(first_line(folder + "cpu.max").c_str(), "%lld %lld", &quota, &period) == 2;
  return found ? quota_cpus(quota, period) : 0;
}

int64_t quota_of_version1(const std::string &folder) {
  return quota_cpus(std::atoll(first_line(folder + "cpu.cfs_quota_us").c_str()),
                    std::atoll(first_line(folder + "cpu.cfs_period_us").c_str()));
}

/** The number behind a name at the beginning of a line; 0 if there is none. */
int64_t number_behind(const std::string &path, const std::string &name) {
  char line[256];
  int64_t number = 0;
  if (FILE *file = std::fopen(path.c_str(), "re")) {
    while (number == 0 && std::fgets(line, sizeof(line), file))
      if (std::strncmp(line, name.c_str(), name.size()) == 0) number = std::atoll(line + name.size());
    std::fclose(file);
  }
  return number;
}

/** What is left of a limit on memory, at least 1; files' pages in memory make room. */
int64_t left_of(const std::string &limit, const std::string &used, const std::string &statistics, const std::string &prefix) {
  const int64_t most = std::atoll(first_line(limit).c_str());
  if (most <= 0) return 0;
  const int64_t files = number_behind(statistics, prefix + "inactive_file ") + number_behind(statistics, prefix + "active_file ");
  return std::max<int64_t>(1, most - std::max<int64_t>(0, std::atoll(first_line(used).c_str()) - files));
}

int64_t memory_of_version2(const std::string &folder) {
  return left_of(folder + "memory.max", folder + "memory.current", folder + "memory.stat", "");
}

int64_t memory_of_version1(const std::string &folder) {
  return left_of(folder + "memory.limit_in_bytes", folder + "memory.usage_in_bytes", folder + "memory.stat", "total_");
}

/** One line of /proc/self/cgroup: number, controllers with commas between them (none in version 2), group. */
int64_t limit_of_line(const std::string &root, const std::string &line, const LimitKind &kind) {
  const size_t first = line.find(':'), second = line.find(':', first + 1);
  if (first == std::string::npos || second == std::string::npos) return 0;
  const std::string controllers = line.substr(first + 1, second - first - 1);
  std::string group = line.substr(second + 1);
  if (group == "/") group.clear();
  const std::string mount = root + "/sys/fs/cgroup", name = kind.controller;
  if (controllers.empty()) return tighter(tightest(mount, group, kind.version2), tightest(mount + "/unified", group, kind.version2));
  if (("," + controllers + ",").find("," + name + ",") == std::string::npos) return 0;
  return tighter(tightest(mount + "/" + controllers, group, kind.version1), tightest(mount + "/" + name, group, kind.version1));
}

/** The tightest limit on this process; 0 for none. */
int64_t limit_of(const std::string &root, const LimitKind &kind) {
  int64_t least = 0;
  if (FILE *file = std::fopen((root + "/proc/self/cgroup").c_str(), "re")) {
    char line[4096];
    while (std::fgets(line, sizeof(line), file)) {
      line[std::strcspn(line, "\n")] = 0;
      least = tighter(least, limit_of_line(root, line, kind));
    }
    std::fclose(file);
  }
  return least;
}

} // namespace

extern "C" {

int32_t tl_allowed_cpus() { return int32_t(processors().list.size()); }

int32_t tl_physical_cores() { return processors().cores; }

int32_t tl_quota_cpus(const char *root) { return int32_t(limit_of(root, {"cpu", quota_of_version1, quota_of_version2})); }

uint64_t tl_available_memory(const char *root) {
  const int64_t free = number_behind(std::string(root) + "/proc/meminfo", "MemAvailable:") * 1024;
  return uint64_t(tighter(free, limit_of(root, {"memory", memory_of_version1, memory_of_version2})));
}

int32_t tl_pin_thread(int32_t index) {
#if defined(__linux__)
  const std::vector<int> &order = processors().list;
  if (index < 0 || size_t(index) >= order.size()) return 0;
  const NumberSet mask({order[size_t(index)]});
  return sched_setaffinity(0, sizeof(mask.words), mask.set()) == 0;
#else
  (void)index;
  return 0;
#endif
}
}

tl::ArmFeatures tl::arm_features() {
#if defined(__linux__) && defined(__aarch64__)
  // Bits of the kernel's hwcap.h, spelled out since older headers lack some.
  const unsigned long one = getauxval(AT_HWCAP), two = getauxval(AT_HWCAP2);
  return {(one >> 20 & 1) != 0, (one >> 10 & 1) != 0, (two >> 13 & 1) != 0, (two >> 14 & 1) != 0};
#else
  return {};
#endif
}

bool tl::saves_zmm_lazily() { return false; }

#if defined(__linux__)

namespace {

/** The numbers below NumberSet::BITS of a list as the kernel writes it: "0-3,8". */
std::vector<int> listed(const std::string &list) {
  std::vector<int> numbers;
  size_t at = 0;
  while (at < list.size()) {
    const size_t end = std::min(list.find(',', at), list.size());
    int first = 0, last = 0;
    const int found = std::sscanf(list.substr(at, end - at).c_str(), "%d-%d", &first, &last);
    if (found == 1) last = first;
    for (int i = std::max(0, first); found >= 1 && i <= std::min(last, NumberSet::BITS - 1); i++) numbers.push_back(i);
    at = end + 1;
  }
  return numbers;
}

} // namespace

std::vector<tl::NumaNode> tl::numa_nodes(const std::string &root) {
  const std::string folder = root + "/sys/devices/system/node/";
  const NumberSet allowed(processors().list);
  std::vector<NumaNode> nodes;
  for (const int number : listed(first_line(folder + "online"))) {
    NumaNode node{number, {}};
    for (const int processor : listed(first_line(folder + "node" + std::to_string(number) + "/cpulist")))
      if (allowed.has(processor)) node.processors.push_back(processor);
    // Some nodes are memory alone.
    if (!node.processors.empty()) nodes.push_back(node);
  }
  return nodes;
}

void tl::bind_thread(const std::vector<int> &wanted) {
  const NumberSet mask(wanted.empty() ? processors().list : wanted);
  sched_setaffinity(0, sizeof(mask.words), mask.set());
}

void tl::interleave_pages(uint64_t address, uint64_t bytes, const std::vector<NumaNode> &nodes) {
  std::vector<int> numbers;
  for (const NumaNode &node : nodes) numbers.push_back(node.number);
  const NumberSet mask(numbers);
  constexpr int INTERLEAVE = 3; // MPOL_INTERLEAVE of the kernel's mempolicy.h
  // The kernel takes one bit less than it is told.
  syscall(SYS_mbind, address, bytes, INTERLEAVE, mask.words, NumberSet::BITS + 1, 0);
}

#else

std::vector<tl::NumaNode> tl::numa_nodes(const std::string &) { return {}; }
void tl::bind_thread(const std::vector<int> &) {}
void tl::interleave_pages(uint64_t, uint64_t, const std::vector<NumaNode> &) {}

#endif

#endif
