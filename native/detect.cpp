// Which levels this processor can run, asking the operating system too: registers that it does not save between
// threads cannot be used. Called through the portable build, since the others must not be opened before.
#include "os.h"
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#define TL_X86 1
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace tl {
namespace {

struct Level {
  const char *name;
  bool supported;
};

/** Worst first. */
struct Levels {
  Level list[4];
  int count;
};

#if defined(TL_X86)

struct Registers {
  uint32_t eax, ebx, ecx, edx;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r{};
#if defined(_MSC_VER)
  int out[4];
  __cpuidex(out, 0, 0);
  if (leaf > uint32_t(out[0])) return r;
  __cpuidex(out, int(leaf), int(subleaf));
  r = {uint32_t(out[0]), uint32_t(out[1]), uint32_t(out[2]), uint32_t(out[3])};
#else
  // Answers 0 for a leaf that the processor does not know, and leaves zeros.
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
#endif
  return r;
}

/** The registers that the operating system saves, as bits; only to be asked if cpuid says that it can be. */
uint64_t saved_state() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  // Not through the intrinsic: compilers offer that only with -mxsave.
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
#endif
}

bool bit(uint32_t word, int index) { return word >> index & 1; }

Levels detect() {
  const Registers one = cpuid(1, 0), seven = cpuid(7, 0);
  const Registers seven_one = seven.eax >= 1 ? cpuid(7, 1) : Registers{};
  constexpr int XSAVE_ON = 27, AVX = 28, FMA = 12, F16C = 29;
  const uint64_t saved = bit(one.ecx, XSAVE_ON) ? saved_state() : 0;
  const bool ymm = (saved & 0x06) == 0x06;
  const bool zmm = (saved & 0xe6) == 0xe6 || (ymm && saves_zmm_lazily());

  const bool avx2 = ymm && bit(one.ecx, AVX) && bit(one.ecx, FMA) && bit(one.ecx, F16C) && bit(seven.ebx, 5);
  // F, DQ, BW, VL, VNNI.
  const bool avx512 = avx2 && zmm && bit(seven.ebx, 16) && bit(seven.ebx, 17) && bit(seven.ebx, 30) &&
                      bit(seven.ebx, 31) && bit(seven.ecx, 11);
  const bool bf16 = avx512 && bit(seven_one.eax, 5);
  return {{{"portable", true}, {"avx2", avx2}, {"avx512", avx512}, {"avx512bf16", bf16}}, 4};
}

#elif defined(__aarch64__) || defined(_M_ARM64)

Levels detect() {
  const ArmFeatures arm = arm_features();
  const bool neon = arm.dot_product && arm.half;
  return {{{"portable", true}, {"neon", neon}, {"neon-i8mm", neon && arm.i8mm && arm.bf16}}, 3};
}

#else

Levels detect() { return {{{"portable", true}}, 1}; }

#endif

const Levels &levels() {
  static const Levels found = detect();
  return found;
}

} // namespace
} // namespace tl

extern "C" {

const char *tl_best_level() {
  const tl::Levels &levels = tl::levels();
  int best = 0;
  for (int i = 1; i < levels.count; i++)
    if (levels.list[i].supported) best = i;
  return levels.list[best].name;
}

int32_t tl_supports_level(const char *name) {
  const tl::Levels &levels = tl::levels();
  for (int i = 0; i < levels.count; i++)
    if (std::strcmp(levels.list[i].name, name) == 0) return levels.list[i].supported;
  return -1;
}
}
