// The C ABI: everything that TypeScript calls. Addresses are 64-bit integers; all answers are copied out.
#pragma once
#include "os.h"
#include <cstdint>

extern "C" {

/** Raised with every incompatible change; checked after loading. */
TL_API int32_t tl_abi_version();

/** The level that this library was built for. */
TL_API const char *tl_level();

/** Tokens of a step up to which each has the very logits that it has alone. */
TL_API int32_t tl_few_tokens();

/**
 * From now on the threads of all steps stay on the NUMA node that they belong to, and caches that are made lie on all nodes in turn.
 * Answers the number of nodes, 0 where that is not known; with less than two, threads run where the system likes. `root` stands before
 * /sys.
 */
TL_API int32_t tl_bind_nodes(const char *root);

struct TlExecutable;

/**
 * Builds an executable from a flat list of numbers (src/backends/cpu/flatten.ts describes it). Weights are used where
 * they lie; their addresses must stay valid until tl_free. Null if memory runs out or the list does not parse.
 */
TL_API TlExecutable *tl_compile(const double *program, int64_t length);

/**
 * Bytes of memory that an executable would take besides weights and caches, once its largest step has run; 0 if that cannot be
 * had. Addresses of weights are not looked at.
 */
TL_API double tl_memory(const double *program, int64_t length);

/** Copies a step's inputs; must not be called while the executable runs. Counts are T, R and copies. */
TL_API void tl_set_batch(TlExecutable *executable, const int32_t *tokens, const int32_t *positions, const int32_t *sequence,
                         const int32_t *slots, const int32_t *lengths, const int32_t *tables, const int32_t *rows,
                         const int32_t *copies, int32_t token_count, int32_t row_count, int32_t copy_count, int32_t repeatable);

/**
 * Runs the step. `want`: 0 for whole rows, else the number of best ids of each row. 0 if done, 1 if stopped, 2 if weights that
 * stay on disk cannot be read.
 */
TL_API int32_t tl_step(TlExecutable *executable, int32_t want);

/** After a step that answered 2: which file of tl_open cannot be read, and why. */
TL_API uint64_t tl_read_problem(TlExecutable *executable, char *message, int32_t message_size);

/** Asks a running step to stop soon; may be called from any thread. */
TL_API void tl_stop(TlExecutable *executable);

/** Copies the last step's answer: [rows, width] values, and ids where `want` was not 0. */
TL_API void tl_result(TlExecutable *executable, int32_t *ids, float *values);

/** Copies bytes of the arena out or in: guards of tests. */
TL_API void tl_read_arena(TlExecutable *executable, uint8_t *out, int64_t offset, int64_t length);
TL_API void tl_fill_arena(TlExecutable *executable, int32_t word);

/**
 * From now on steps add up the squares of what the matrices of each matmul are multiplied with; to be called once, before any step.
 * tl_squares copies an operation's sums out, [matrices, columns], and of how many rows they are, [matrices].
 */
TL_API void tl_collect_squares(TlExecutable *executable);
TL_API void tl_squares(TlExecutable *executable, int32_t op, double *sums, double *counts);

TL_API void tl_free(TlExecutable *executable);

/**
 * Writes rows of one format as rows of another; types are numbered as in tl_compile's list. `importance`, unless null, holds how much
 * errors count, [matrices, columns] floats: the rows are those from `first_row` on of matrices of `matrix_rows` each. 0 if done, 1 if a
 * value is not finite, 2 if one is too large for the format, 3 if the format cannot be written.
 */
TL_API int32_t tl_quantize(const void *from, int32_t from_type, void *to, int32_t to_type, int32_t rows, int32_t columns,
                           const void *importance, int64_t first_row, int64_t matrix_rows, int32_t threads);

/** Bytes a second that the threads read from memory at best, measured for so long. 0 if there is no memory for it. */
TL_API double tl_measure_read(int32_t threads, double seconds);

/** Multiplications of bytes, each with its addition, that the threads do in a second at best. */
TL_API double tl_measure_int8(int32_t threads, double seconds);
}
