// What os.h has that is the same on every system; the rest is in os_windows.cpp, os_posix.cpp, os_linux.cpp and os_macos.cpp.
#include "os_shared.h"
#include <chrono>

std::string tl::read_problem(int64_t answer) { return std::system_category().message(int(-answer)); }

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
