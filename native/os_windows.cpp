// os.h on Windows.
#if defined(_WIN32)
#if !defined(NOMINMAX)
#define NOMINMAX
#endif
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "os_shared.h"
#include <bit>

using tl::fail;
using tl::Pages;

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

#endif
