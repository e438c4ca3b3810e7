// See os.h. One branch for Windows, one for Linux and macOS together, with their few differences inside it.
#include "os.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

namespace {

int32_t fail(int code, const std::string &problem, char *message, int32_t message_size) {
  std::snprintf(message, size_t(message_size), "%s", problem.c_str());
  return code;
}

int32_t fail(int code, char *message, int32_t message_size) {
  return fail(code, std::system_category().message(code), message, message_size);
}

/** The whole pages within a range. */
struct Pages {
  uint64_t start, bytes;
  Pages(uint64_t address, uint64_t size) {
    const uint64_t page = tl_page_size();
    start = (address + page - 1) / page * page;
    const uint64_t end = (address + size) / page * page;
    bytes = end > start ? end - start : 0;
  }
};

} // namespace

std::string tl::read_problem(int64_t answer) { return std::system_category().message(int(-answer)); }

#if defined(_WIN32)

#if !defined(NOMINMAX)
#define NOMINMAX
#endif
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <bit>
#include <vector>

namespace {

HANDLE open_to_read(const char *path, DWORD flags) {
  const int length = MultiByteToWideChar(CP_UTF8, 0, path, -1, nullptr, 0);
  std::vector<wchar_t> wide(size_t(length) + 1);
  MultiByteToWideChar(CP_UTF8, 0, path, -1, wide.data(), length);
  return CreateFileW(wide.data(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                     OPEN_EXISTING, flags, nullptr);
}

struct FileOnDisk {
  HANDLE direct, cached;
};

/** Overlapped, so that reads of several threads do not wait for each other. */
int64_t read_at(HANDLE file, uint64_t offset, uint64_t bytes, uint8_t *to) {
  const HANDLE done = CreateEventW(nullptr, TRUE, FALSE, nullptr);
  if (!done) return -int64_t(GetLastError());
  uint64_t at = 0;
  int64_t problem = 0;
  while (at < bytes) {
    OVERLAPPED place{};
    place.Offset = DWORD(offset + at);
    place.OffsetHigh = DWORD((offset + at) >> 32);
    place.hEvent = done;
    const DWORD wanted = DWORD(std::min<uint64_t>(bytes - at, 1 << 30));
    DWORD count = 0;
    const bool read = ReadFile(file, to + at, wanted, nullptr, &place) || GetLastError() == ERROR_IO_PENDING;
    if (!read || !GetOverlappedResult(file, &place, &count, TRUE)) {
      if (GetLastError() != ERROR_HANDLE_EOF) problem = -int64_t(GetLastError());
      break;
    }
    at += count;
    if (count < wanted) break;
  }
  CloseHandle(done);
  return problem != 0 ? problem : int64_t(at);
}

} // namespace

int64_t tl::read_direct(uint64_t file, uint64_t offset, uint64_t bytes, uint8_t *to) {
  return read_at(reinterpret_cast<FileOnDisk *>(file)->direct, offset, bytes, to);
}

int64_t tl::read_cached(uint64_t file, uint64_t offset, uint64_t bytes, uint8_t *to) {
  return read_at(reinterpret_cast<FileOnDisk *>(file)->cached, offset, bytes, to);
}

extern "C" {

int32_t tl_open(const char *path, int32_t, uint64_t *file, char *message, int32_t message_size) {
  const HANDLE cached = open_to_read(path, FILE_FLAG_OVERLAPPED | FILE_FLAG_RANDOM_ACCESS);
  if (cached == INVALID_HANDLE_VALUE) return fail(int(GetLastError()), message, message_size);
  const HANDLE direct = open_to_read(path, FILE_FLAG_OVERLAPPED | FILE_FLAG_NO_BUFFERING);
  if (direct == INVALID_HANDLE_VALUE) {
    const int error = int(GetLastError());
    CloseHandle(cached);
    return fail(error, message, message_size);
  }
  *file = uint64_t(new FileOnDisk{direct, cached});
  return 0;
}

void tl_close(uint64_t file) {
  FileOnDisk *open = reinterpret_cast<FileOnDisk *>(file);
  CloseHandle(open->direct);
  CloseHandle(open->cached);
  delete open;
}

int32_t tl_map(const char *path, int32_t, uint64_t *address, uint64_t *size, char *message, int32_t message_size) {
  const HANDLE file = open_to_read(path, FILE_ATTRIBUTE_NORMAL);
  if (file == INVALID_HANDLE_VALUE) return fail(int(GetLastError()), message, message_size);
  LARGE_INTEGER bytes{};
  HANDLE section = nullptr;
  void *view = nullptr;
  if (GetFileSizeEx(file, &bytes)) section = CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
  if (section) view = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
  const int error = view ? 0 : int(GetLastError());
  // The view keeps both alive.
  if (section) CloseHandle(section);
  CloseHandle(file);
  if (!view) return fail(error, message, message_size);
  *address = uint64_t(view);
  *size = uint64_t(bytes.QuadPart);
  return 0;
}

void tl_unmap(uint64_t address) { UnmapViewOfFile(reinterpret_cast<void *>(address)); }

// Windows refuses to shorten a file while it is mapped. What remains is a network drive that goes away, which
// raises a structured exception that ends the process.
int32_t tl_mapping_broken(uint64_t) { return 0; }

uint64_t tl_reserve(uint64_t bytes) {
  // Committed at once: Windows counts it against the page file but takes memory only where it is written.
  return uint64_t(VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
}

void tl_release(uint64_t address, uint64_t) { VirtualFree(reinterpret_cast<void *>(address), 0, MEM_RELEASE); }

void tl_decommit(uint64_t address, uint64_t bytes) {
  const Pages pages(address, bytes);
  if (pages.bytes == 0) return;
  VirtualFree(reinterpret_cast<void *>(pages.start), pages.bytes, MEM_DECOMMIT);
  VirtualAlloc(reinterpret_cast<void *>(pages.start), pages.bytes, MEM_COMMIT, PAGE_READWRITE);
}

uint64_t tl_page_size() {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwPageSize;
}

/** Of this process' group of up to 64 processors; 0 if it spans several. */
static DWORD_PTR allowed() {
  DWORD_PTR process = 0, system = 0;
  GetProcessAffinityMask(GetCurrentProcess(), &process, &system);
  return process;
}

int32_t tl_allowed_cpus() {
  const DWORD_PTR mask = allowed();
  return mask ? std::popcount(uint64_t(mask)) : int32_t(GetActiveProcessorCount(ALL_PROCESSOR_GROUPS));
}

int32_t tl_physical_cores() {
  DWORD bytes = 0;
  GetLogicalProcessorInformation(nullptr, &bytes);
  std::vector<SYSTEM_LOGICAL_PROCESSOR_INFORMATION> list(bytes / sizeof(SYSTEM_LOGICAL_PROCESSOR_INFORMATION));
  if (!GetLogicalProcessorInformation(list.data(), &bytes)) return tl_allowed_cpus();
  const DWORD_PTR mask = allowed();
  const auto cores = std::count_if(list.begin(), list.end(), [mask](const auto &entry) {
    return entry.Relationship == RelationProcessorCore && (!mask || (entry.ProcessorMask & mask));
  });
  return cores > 0 ? int32_t(cores) : tl_allowed_cpus();
}

int32_t tl_quota_cpus(const char *) { return 0; }

uint64_t tl_available_memory(const char *) {
  MEMORYSTATUSEX status{};
  status.dwLength = sizeof(status);
  return GlobalMemoryStatusEx(&status) ? status.ullAvailPhys : 0;
}

int32_t tl_pin_thread(int32_t index) {
  DWORD_PTR mask = allowed();
  for (int i = 0; i < index; i++) mask &= mask - 1;
  return mask && SetThreadAffinityMask(GetCurrentThread(), mask & (~mask + 1)) != 0;
}
}

tl::ArmFeatures tl::arm_features() {
  // PF_ARM_V82_DP, _FP16, _I8MM and PF_ARM_V86_BF16, which older SDKs lack.
  const auto has = [](DWORD feature) { return IsProcessorFeaturePresent(feature) != 0; };
  return {has(43), has(67), has(66), has(68)};
}

bool tl::saves_zmm_lazily() { return false; }

std::vector<tl::NumaNode> tl::numa_nodes(const std::string &) { return {}; }
void tl::bind_thread(const std::vector<int> &wanted) {
  DWORD_PTR mask = wanted.empty() ? allowed() : 0;
  for (const int processor : wanted) mask |= DWORD_PTR(1) << processor;
  if (mask) SetThreadAffinityMask(GetCurrentThread(), mask);
}
void tl::interleave_pages(uint64_t, uint64_t, const std::vector<NumaNode> &) {}

#else

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <mutex>
#include <set>
#include <sys/mman.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#if defined(__APPLE__)
#include <mach/mach.h>
#include <sys/sysctl.h>
#elif defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif
#endif

namespace {

/** A mapped file. The signal handler reads the table while others change it, so it is fixed and has no lock. */
struct Mapping {
  /** 0 while the entry is free. Written after `size`. */
  std::atomic<uint64_t> start{0};
  std::atomic<uint64_t> size{0};
  std::atomic<bool> broken{false};
  int file = -1;
};

constexpr int MAX_MAPPINGS = 4096;
Mapping mappings[MAX_MAPPINGS];
/** Entries ever used: the handler looks no further. */
std::atomic<int> mappings_used{0};
std::mutex mappings_change;

static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free,
              "a signal handler must not wait");

Mapping *mapping_at(uint64_t start) {
  const int used = mappings_used.load(std::memory_order_acquire);
  for (int i = 0; i < used; i++)
    if (mappings[i].start.load(std::memory_order_acquire) == start) return &mappings[i];
  return nullptr;
}

struct sigaction previous_action;

/**
 * If the address lies in one of our mappings, puts zeros where the file no longer answers: from the page asked for
 * to the end, since nothing that follows the file's end will answer either.
 */
bool patch(uint64_t address) {
  const int used = mappings_used.load(std::memory_order_acquire);
  for (int i = 0; i < used; i++) {
    Mapping &mapping = mappings[i];
    const uint64_t start = mapping.start.load(std::memory_order_acquire);
    const uint64_t size = mapping.size.load(std::memory_order_acquire);
    if (start == 0 || address < start || address >= start + size) continue;
    // Another mapping has taken the entry between the two loads.
    if (mapping.start.load(std::memory_order_acquire) != start) continue;
    const uint64_t page = address & ~(uint64_t(sysconf(_SC_PAGESIZE)) - 1);
    mapping.broken.store(true, std::memory_order_release);
    return mmap(reinterpret_cast<void *>(page), start + size - page, PROT_READ, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1,
                0) != MAP_FAILED;
  }
  return false;
}

void on_bus_error(int signal, siginfo_t *info, void *context) {
  const int saved = errno;
  // Positive codes come from the kernel; the rest, from kill(), have no address.
  const bool fault = info->si_code > 0;
  if (fault && info->si_code != BUS_ADRALN && patch(reinterpret_cast<uint64_t>(info->si_addr))) {
    errno = saved;
    return;
  }
  if (previous_action.sa_flags & SA_SIGINFO) {
    previous_action.sa_sigaction(signal, info, context);
  } else if (previous_action.sa_handler == SIG_IGN && !fault) {
    // Ignored, as it would have been.
  } else if (previous_action.sa_handler == SIG_DFL || previous_action.sa_handler == SIG_IGN) {
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    sigaction(SIGBUS, &standard, nullptr);
    raise(signal);
  } else {
    previous_action.sa_handler(signal);
  }
  errno = saved;
}

void guard_mappings() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous_action);
  });
}

/** The whole pages of a reservation, and one behind them that may not be touched. */
uint64_t with_guard(uint64_t bytes) {
  const uint64_t page = tl_page_size();
  return (bytes + page - 1) / page * page + page;
}

/** Enters a mapping; false if the table is full. */
bool enter(uint64_t start, uint64_t size, int file) {
  std::lock_guard lock(mappings_change);
  for (int i = 0; i < MAX_MAPPINGS; i++) {
    Mapping &mapping = mappings[i];
    if (mapping.start.load(std::memory_order_relaxed) != 0) continue;
    mapping.file = file;
    mapping.broken.store(false, std::memory_order_relaxed);
    mapping.size.store(size, std::memory_order_release);
    mapping.start.store(start, std::memory_order_release);
    if (i >= mappings_used.load(std::memory_order_relaxed)) mappings_used.store(i + 1, std::memory_order_release);
    return true;
  }
  return false;
}

/** A file that is read rather than mapped. */
struct FileOnDisk {
  int cached;
  /** Past the page cache; -1 where the system has no such thing. */
  int direct;
  /** Whether the file system refuses direct reads after all: some do not say so when the file is opened. */
  std::atomic<bool> refused{false};
};

/** Ends early where the file does, and where a read ends within a `block`: there a direct one has met the file's end. */
int64_t read_at(int file, uint64_t offset, uint64_t bytes, uint8_t *to, uint64_t block) {
  uint64_t at = 0;
  while (at < bytes) {
    const ssize_t count = pread(file, to + at, size_t(bytes - at), off_t(offset + at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -errno;
    at += uint64_t(count);
    if (count == 0 || at % block != 0) break;
  }
  return int64_t(at);
}

/** The same file once more, to be read past the page cache; -1 if that cannot be. */
int open_direct(const char *path, int file) {
#if defined(__linux__)
  (void)path;
  // Not by its path, where another file may lie by now.
  return open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
#elif defined(__APPLE__)
  const int again = open(path, O_RDONLY | O_CLOEXEC);
  struct stat one {}, other {};
  if (again >= 0 && fstat(again, &one) == 0 && fstat(file, &other) == 0 && one.st_dev == other.st_dev &&
      one.st_ino == other.st_ino && fcntl(again, F_NOCACHE, 1) == 0)
    return again;
  if (again >= 0) close(again);
  return -1;
#else
  (void)path, (void)file;
  return -1;
#endif
}

} // namespace

int64_t tl::read_direct(uint64_t file, uint64_t offset, uint64_t bytes, uint8_t *to) {
  FileOnDisk &open = *reinterpret_cast<FileOnDisk *>(file);
  if (open.direct >= 0 && !open.refused.load(std::memory_order_relaxed)) {
    const int64_t read = read_at(open.direct, offset, bytes, to, DIRECT_BLOCK);
    if (read != -EINVAL) return read;
    open.refused.store(true, std::memory_order_relaxed);
  }
  const int64_t read = tl::read_cached(file, offset, bytes, to);
#if defined(POSIX_FADV_DONTNEED)
  posix_fadvise(open.cached, off_t(offset), off_t(bytes), POSIX_FADV_DONTNEED);
#endif
  return read;
}

int64_t tl::read_cached(uint64_t file, uint64_t offset, uint64_t bytes, uint8_t *to) {
  return read_at(reinterpret_cast<FileOnDisk *>(file)->cached, offset, bytes, to, 1);
}

extern "C" {

int32_t tl_open(const char *path, int32_t descriptor, uint64_t *file, char *message, int32_t message_size) {
  const int cached = descriptor >= 0 ? fcntl(descriptor, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
  if (cached < 0) return fail(errno, message, message_size);
#if defined(POSIX_FADV_RANDOM)
  posix_fadvise(cached, 0, 0, POSIX_FADV_RANDOM);
#endif
  *file = reinterpret_cast<uint64_t>(new FileOnDisk{cached, open_direct(path, cached)});
  return 0;
}

void tl_close(uint64_t file) {
  FileOnDisk *open = reinterpret_cast<FileOnDisk *>(file);
  close(open->cached);
  if (open->direct >= 0) close(open->direct);
  delete open;
}

int32_t tl_map(const char *path, int32_t descriptor, uint64_t *address, uint64_t *size, char *message,
               int32_t message_size) {
  // Kept open: a file that loses less than a page raises no signal, only its size tells.
  const int file = descriptor >= 0 ? fcntl(descriptor, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return fail(errno, message, message_size);
  struct stat found {};
  void *view = MAP_FAILED;
  int error = 0;
  if (fstat(file, &found) != 0) error = errno;
  else if (found.st_size == 0) error = EINVAL;
  else if ((view = mmap(nullptr, size_t(found.st_size), PROT_READ, MAP_SHARED, file, 0)) == MAP_FAILED) error = errno;
  if (error != 0) {
    close(file);
    return fail(error, message, message_size);
  }
  guard_mappings();
  *address = reinterpret_cast<uint64_t>(view);
  *size = uint64_t(found.st_size);
  if (enter(*address, *size, file)) return 0;
  munmap(view, *size);
  close(file);
  return fail(ENOMEM, "more than " + std::to_string(MAX_MAPPINGS) + " files are mapped", message, message_size);
}

void tl_unmap(uint64_t address) {
  std::lock_guard lock(mappings_change);
  Mapping *mapping = address ? mapping_at(address) : nullptr;
  if (!mapping) return;
  const uint64_t size = mapping->size.load(std::memory_order_relaxed);
  mapping->start.store(0, std::memory_order_release);
  munmap(reinterpret_cast<void *>(address), size);
  close(mapping->file);
}

int32_t tl_mapping_broken(uint64_t address) {
  std::lock_guard lock(mappings_change);
  Mapping *mapping = address ? mapping_at(address) : nullptr;
  if (!mapping) return 0;
  struct stat found {};
  const uint64_t size = mapping->size.load(std::memory_order_relaxed);
  if (fstat(mapping->file, &found) == 0 && uint64_t(found.st_size) < size) mapping->broken.store(true);
  return mapping->broken.load(std::memory_order_acquire);
}

uint64_t tl_reserve(uint64_t bytes) {
  int flags = MAP_PRIVATE | MAP_ANON;
#if defined(MAP_NORESERVE)
  flags |= MAP_NORESERVE;
#endif
  const uint64_t whole = with_guard(bytes), page = tl_page_size();
  void *start = mmap(nullptr, whole, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (start == MAP_FAILED) return 0;
  mprotect(static_cast<uint8_t *>(start) + whole - page, page, PROT_NONE);
  return reinterpret_cast<uint64_t>(start);
}

void tl_release(uint64_t address, uint64_t bytes) { munmap(reinterpret_cast<void *>(address), with_guard(bytes)); }

void tl_decommit(uint64_t address, uint64_t bytes) {
  const Pages pages(address, bytes);
  if (pages.bytes == 0) return;
#if defined(__linux__)
  madvise(reinterpret_cast<void *>(pages.start), pages.bytes, MADV_DONTNEED);
#else
  // Elsewhere MADV_DONTNEED is only a hint and keeps the contents; fresh pages over the old ones do not.
  mmap(reinterpret_cast<void *>(pages.start), pages.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_FIXED,
       -1, 0);
#endif
}

uint64_t tl_page_size() { return uint64_t(sysconf(_SC_PAGESIZE)); }
}

#if defined(__APPLE__)

namespace {

int32_t system_value(const char *name) {
  int32_t value = 0;
  size_t bytes = sizeof(value);
  return sysctlbyname(name, &value, &bytes, nullptr, 0) == 0 ? value : 0;
}

} // namespace

extern "C" {

int32_t tl_allowed_cpus() { return std::max(1, system_value("hw.logicalcpu")); }

int32_t tl_physical_cores() {
  // The fast cores alone where there are two kinds: a slow one would keep all others waiting at every barrier.
  const int32_t fast = system_value("hw.perflevel0.physicalcpu");
  return std::max(1, fast > 0 ? fast : system_value("hw.physicalcpu"));
}

int32_t tl_quota_cpus(const char *) { return 0; }

uint64_t tl_available_memory(const char *) {
  vm_statistics64_data_t pages{};
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  if (host_statistics64(mach_host_self(), HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&pages), &count) != KERN_SUCCESS)
    return 0;
  return (uint64_t(pages.free_count) + pages.inactive_count + pages.purgeable_count) * tl_page_size();
}

// macOS places threads itself.
int32_t tl_pin_thread(int32_t) { return 0; }
}

tl::ArmFeatures tl::arm_features() {
  return {system_value("hw.optional.arm.FEAT_DotProd") != 0, system_value("hw.optional.arm.FEAT_FP16") != 0,
          system_value("hw.optional.arm.FEAT_I8MM") != 0, system_value("hw.optional.arm.FEAT_BF16") != 0};
}

bool tl::saves_zmm_lazily() { return true; }

std::vector<tl::NumaNode> tl::numa_nodes(const std::string &) { return {}; }
void tl::bind_thread(const std::vector<int> &) {}
void tl::interleave_pages(uint64_t, uint64_t, const std::vector<NumaNode> &) {}

#else

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
#endif

extern "C" {

void tl_read_bytes(uint64_t address, uint8_t *out, uint64_t length) {
  std::memcpy(out, reinterpret_cast<const void *>(address), length);
}

void tl_write_bytes(uint64_t address, const uint8_t *from, uint64_t length) {
  std::memcpy((void *)(uintptr_t)address, from, (size_t)length);
}

int32_t tl_default_threads() {
  const int32_t least = std::min(tl_physical_cores(), tl_allowed_cpus()), quota = tl_quota_cpus("");
  return std::max(1, quota > 0 ? std::min(least, quota) : least);
}

uint64_t tl_now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}
}
