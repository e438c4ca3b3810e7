// What os.h has of processors and their memory, on macOS.
#if defined(__APPLE__)
#include "os_shared.h"
#include <mach/mach.h>
#include <sys/sysctl.h>

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

#endif
