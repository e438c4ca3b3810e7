// Typed calls of native/torchless.h: compile, step, copy results. Knows the C ABI, not what a program means.
import { BackendUnavailableError } from '../../errors.ts'
import type { NativeLibrary } from '../../ffi/library.ts'
import type { Address } from '../../ffi/native.ts'
import { MESSAGE_BYTES, type NativeOs, nativeOs, textOf } from '../../ffi/os.ts'

/** Raised with every incompatible change of native/torchless.h or of the list that flatten.ts writes. */
export const ABI_VERSION = 8

/** What `step` answers where weights on disk cannot be read. */
export const UNREADABLE = 2

export interface CpuLibrary {
  /** Instruction-set level: `avx512`. */
  readonly level: string
  /** See `Backend.fewTokens`. */
  readonly fewTokens: number
  readonly os: NativeOs
  /** An executable, or 0 if memory is short or the list does not parse. */
  compile(program: Float64Array, length: number): Address
  /** Bytes that an executable would take besides weights and caches, which need not exist yet. */
  memory(program: Float64Array, length: number): number
  setBatch(
    executable: Address,
    ...inputs: [
      tokens: Int32Array,
      positions: Int32Array,
      sequence: Int32Array,
      slots: Int32Array,
      lengths: Int32Array,
      tables: Int32Array,
      rows: Int32Array,
      copies: Int32Array,
      tokenCount: number,
      rowCount: number,
      copyCount: number,
      repeatable: number,
    ]
  ): void
  /** Beside JavaScript; answers 0, 1 if it was stopped, or UNREADABLE. `want`: 0 for whole rows, else ids of each. */
  step(executable: Address, want: number): Promise<number>
  /** The same while JavaScript waits. */
  stepAtOnce(executable: Address, want: number): number
  /** After a step that answered 2: the file, and what is wrong with it. */
  readProblem(executable: Address): { readonly file: Address; readonly problem: string }
  stop(executable: Address): void
  /** `ids` may be null where whole rows were wanted. */
  result(executable: Address, ids: Int32Array | null, values: Float32Array): void
  readArena(executable: Address, out: Uint8Array, offset: number, length: number): void
  fillArena(executable: Address, word: number): void
  collectSquares(executable: Address): void
  squares(executable: Address, op: number, sums: Float64Array, counts: Float64Array): void
  free(executable: Address): void
  /**
   * Keeps the threads of all steps on their NUMA nodes from now on; answers the number of nodes, 0 where that is not known.
   * `root` stands before /sys.
   */
  bindNodes(root: string): number
  /** Bytes a second. */
  measureRead(threads: number, seconds: number): Promise<number>
  /** Multiplications a second. */
  measureInt8(threads: number, seconds: number): Promise<number>
}

const known = new WeakMap<NativeLibrary, CpuLibrary>()

/** Throws BackendUnavailableError if the library is of another version. */
export function cpuLibrary(library: NativeLibrary): CpuLibrary {
  const found = known.get(library) ?? declare(library)
  known.set(library, found)
  return found
}

function declare(library: NativeLibrary): CpuLibrary {
  const abi = library.func('tl_abi_version', 'i32', [])()
  if (abi !== ABI_VERSION)
    throw new BackendUnavailableError(`${library.path}: expected ABI ${ABI_VERSION}, found ${abi}`)
  const list = 'bytes' as const
  const readProblem = library.func('tl_read_problem', 'address', ['address', 'bytes', 'i32'])
  return {
    level: library.level,
    fewTokens: library.func('tl_few_tokens', 'i32', [])(),
    os: nativeOs(library),
    compile: library.func('tl_compile', 'address', [list, 'i64']),
    memory: library.func('tl_memory', 'f64', [list, 'i64']),
    setBatch: library.func('tl_set_batch', 'void', [
      'address',
      ...([list, list, list, list, list, list, list, list] as const),
      ...(['i32', 'i32', 'i32', 'i32'] as const),
    ]),
    step: library.async('tl_step', 'i32', ['address', 'i32']),
    stepAtOnce: library.func('tl_step', 'i32', ['address', 'i32']),
    readProblem(executable) {
      const message = new Uint8Array(MESSAGE_BYTES)
      const file = readProblem(executable, message, MESSAGE_BYTES)
      return { file, problem: textOf(message) }
    },
    stop: library.func('tl_stop', 'void', ['address']),
    result: library.func('tl_result', 'void', ['address', list, list]),
    readArena: library.func('tl_read_arena', 'void', ['address', list, 'i64', 'i64']),
    fillArena: library.func('tl_fill_arena', 'void', ['address', 'i32']),
    collectSquares: library.func('tl_collect_squares', 'void', ['address']),
    squares: library.func('tl_squares', 'void', ['address', 'i32', list, list]),
    free: library.func('tl_free', 'void', ['address']),
    bindNodes: library.func('tl_bind_nodes', 'i32', ['text']),
    measureRead: library.async('tl_measure_read', 'f64', ['i32', 'f64']),
    measureInt8: library.async('tl_measure_int8', 'f64', ['i32', 'f64']),
  }
}
