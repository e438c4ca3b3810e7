// What kernels and TypeScript need of the operating system. The files that begin with os_ have the only Linux, macOS and Windows branches.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#if defined(_WIN32)
#define TL_API __declspec(dllexport)
#else
#define TL_API __attribute__((visibility("default")))
#endif

extern "C" {

/**
 * Maps a whole file, read-only. `descriptor` is an open descriptor of it, so that a file renamed over `path` in the
 * meantime is not mapped instead; Windows, where descriptors do not cross libraries, goes by the UTF-8 path.
 * Answers 0, or the system's error code with a message; an empty file is an error.
 */
TL_API int32_t tl_map(const char *path, int32_t descriptor, uint64_t *address, uint64_t *size, char *message,
                      int32_t message_size);

/** Nothing may read the mapping any more. Does nothing for an address that is no mapping. */
TL_API void tl_unmap(uint64_t address);

/**
 * 1 if the file no longer has all bytes that were mapped, or if reading some of them failed. Such reads answer zeros
 * instead of killing the process, so whatever was computed meanwhile is to be thrown away.
 */
TL_API int32_t tl_mapping_broken(uint64_t address);

/**
 * Opens a file for tl::read_direct and tl::read_cached; `descriptor` is as for tl_map. Answers 0, or the system's error code
 * with a message.
 */
TL_API int32_t tl_open(const char *path, int32_t descriptor, uint64_t *file, char *message, int32_t message_size);

/** Nothing may read the file any more. */
TL_API void tl_close(uint64_t file);

/** Copies bytes out of native memory. */
TL_API void tl_read_bytes(uint64_t address, uint8_t *out, uint64_t length);

/** Copies bytes into native memory. */
TL_API void tl_write_bytes(uint64_t address, const uint8_t *from, uint64_t length);

/** Address space that reads as zero and takes memory where it is first written; but on Windows, a page that faults follows. 0 if there is none. */
TL_API uint64_t tl_reserve(uint64_t bytes);

/** Gives back what tl_reserve gave, whole. */
TL_API void tl_release(uint64_t address, uint64_t bytes);

/** Gives back the memory of the whole pages within a range; they read as zero again. */
TL_API void tl_decommit(uint64_t address, uint64_t bytes);

TL_API uint64_t tl_page_size();

/** Processors that this process may run on. */
TL_API int32_t tl_allowed_cpus();

/** Physical cores among them: two threads of one core count once. */
TL_API int32_t tl_physical_cores();

/** Processors that the control group grants, rounded up, 0 if it does not limit. `root` stands before /proc and /sys. */
TL_API int32_t tl_quota_cpus(const char *root);

/**
 * Bytes of memory that this process can still have without others losing theirs, control groups considered; 0 if that is not
 * known. `root` as above.
 */
TL_API uint64_t tl_available_memory(const char *root);

/** The least of processors, cores and quota: threads that steps use unless told otherwise. */
TL_API int32_t tl_default_threads();

/**
 * Keeps the calling thread, which should be one of our own, on the `index`-th processor that the process may run on;
 * those of different cores come first. 0 if that cannot be done.
 */
TL_API int32_t tl_pin_thread(int32_t index);

/** Nanoseconds of a clock that never goes back. */
TL_API uint64_t tl_now();

// detect.cpp

/** The best level that this processor and operating system can run. */
TL_API const char *tl_best_level();

/** 1 if they can run this level, 0 if not, -1 if this architecture has no such level. */
TL_API int32_t tl_supports_level(const char *name);
}

namespace tl {

/** Processors that share a memory, of those that the process may run on. */
struct NumaNode {
  int number;
  std::vector<int> processors;
};

/** Nodes that have processors for us, by number; none where that is not known. `root` stands before /sys. */
std::vector<NumaNode> numa_nodes(const std::string &root);

/** Keeps the calling thread on some processors; none stand for those that the process may run on. */
void bind_thread(const std::vector<int> &processors);

/** Has pages of a reservation that are still untouched taken from these nodes in turn. */
void interleave_pages(uint64_t address, uint64_t bytes, const std::vector<NumaNode> &nodes);

/** What direct reads are in multiples of: the block of every disk, and the page of most memories. */
constexpr uint64_t DIRECT_BLOCK = 4096;

/**
 * Reads past the page cache, or, where the file system refuses, through it and out of it again. Offset, bytes and memory are
 * multiples of DIRECT_BLOCK. Answers the bytes read, fewer only at the file's end, or the system's error code, negative.
 */
int64_t read_direct(uint64_t file, uint64_t offset, uint64_t bytes, uint8_t *to);

/** The same through the page cache, from anywhere. */
int64_t read_cached(uint64_t file, uint64_t offset, uint64_t bytes, uint8_t *to);

/** What a negative answer means, in words. */
std::string read_problem(int64_t answer);

/** What an ARM processor can do. */
struct ArmFeatures {
  bool dot_product, half, i8mm, bf16;
};
ArmFeatures arm_features();

/** macOS turns AVX-512 state on at its first use, so that before it looks as if it were not saved. */
bool saves_zmm_lazily();

} // namespace tl
