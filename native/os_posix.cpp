// What os.h has of files and memory, on Linux and macOS.
#if !defined(_WIN32)
#include "os_shared.h"
#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <mutex>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using tl::fail;
using tl::Pages;

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
#if defined(MADV_HUGEPAGE)
  // What is not in memory yet is read 2 MB at a time, where the file system can, and lies so for every process to come:
  // a first read of what is in memory then costs a tenth, and each later one less for the processor's tables of pages.
  madvise(view, size_t(found.st_size), MADV_HUGEPAGE);
#endif
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

#endif
