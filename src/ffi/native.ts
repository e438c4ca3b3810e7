// The only file that imports the FFI package: opens a shared library and declares its functions with types.
import { BackendUnavailableError } from '../errors.ts'

/**
 * An address in native memory. A number, since no system that we run on gives a process addresses beyond 2⁵²;
 * and never an ArrayBuffer over that memory, since reading one after the memory is gone ends the process.
 */
export type Address = number

/** What crosses in each direction, by the kind that stands in a declaration. */
interface Arguments {
  i32: number
  u32: number
  i64: number | bigint
  u64: number | bigint
  f32: number
  f64: number
  address: Address
  /** Text, as UTF-8 that lives for the call. */
  text: string
  /** JavaScript's own memory, read and written in place: valid during the call only, and in no async one. */
  bytes: ArrayBufferView | null
}

interface Results {
  void: undefined
  i32: number
  u32: number
  /** Fails beyond 2⁵³. */
  i64: number
  u64: number
  f32: number
  f64: number
  address: Address
  text: string
}

export type ArgumentKind = keyof Arguments
export type ResultKind = keyof Results
/** What may be given to a call that runs beside JavaScript, whose collector may move or free its own memory. */
export type AsyncArgumentKind = Exclude<ArgumentKind, 'bytes'>

type Values<Kinds extends readonly ArgumentKind[]> = { [K in keyof Kinds]: Arguments[Kinds[K]] }

export interface Library {
  readonly path: string
  /** Whether it exports this name. */
  has(name: string): boolean
  /** A function that is called at once, on this thread. A call costs about 0.1 µs. */
  func<R extends ResultKind, const A extends readonly ArgumentKind[]>(
    name: string,
    result: R,
    args: A,
  ): (...values: Values<A>) => Results[R]
  /**
   * A function that runs on a thread of Node's pool while JavaScript goes on; a call costs about 0.1 ms.
   * It takes addresses in native memory only. What it does is seen by whoever calls other functions meanwhile.
   */
  async<R extends ResultKind, const A extends readonly AsyncArgumentKind[]>(
    name: string,
    result: R,
    args: A,
  ): (...values: Values<A>) => Promise<Results[R]>
}

/** As the FFI package calls them. */
const types = {
  void: 'void',
  i32: 'int32_t',
  u32: 'uint32_t',
  i64: 'int64_t',
  u64: 'uint64_t',
  f32: 'float',
  f64: 'double',
  address: 'uintptr_t',
  text: 'str',
  bytes: 'void *',
} as const satisfies Record<ArgumentKind | ResultKind, string>

/**
 * Native code runs on a stack of the FFI package's. Its 128 KiB for async calls are little for kernels with tiles
 * on the stack, and there is no guard page behind it. Kernels stay below that all the same: in a process that has
 * used the FFI package before us, the size can no longer be changed.
 */
const ASYNC_STACK = 2 ** 21

type Koffi = typeof import('koffi').default
let loading: Promise<Koffi> | undefined

/** Loaded only when native code is wanted: where the package has no build for this system, importing it throws. */
async function loadKoffi(): Promise<Koffi> {
  try {
    const { default: koffi } = await import('koffi')
    enlargeStack(koffi)
    return koffi
  } catch (error) {
    loading = undefined
    throw new BackendUnavailableError(`the FFI package does not load: ${firstLine(error)}`, { cause: error })
  }
}

function enlargeStack(koffi: Koffi): void {
  const config = koffi.config()
  if (config.async_stack_size! >= ASYNC_STACK) return
  try {
    koffi.config({ ...config, async_stack_size: ASYNC_STACK })
  } catch {
    // Somebody else's library is open already; see ASYNC_STACK.
  }
}

/** Opens a shared library; it stays open until the process ends. */
export async function openLibrary(path: string): Promise<Library> {
  loading ??= loadKoffi()
  const koffi = await loading
  const handle = attempt(`${path} does not load`, () => koffi.load(path))
  const declare = (name: string, result: ResultKind, args: readonly ArgumentKind[]) =>
    attempt(`${path} lacks ${name}`, () =>
      handle.func(
        name,
        types[result],
        args.map(kind => types[kind]),
      ),
    )

  const library: Library = {
    path,
    has(name) {
      try {
        handle.symbol(name)
        return true
      } catch {
        return false
      }
    },
    func<R extends ResultKind, const A extends readonly ArgumentKind[]>(name: string, result: R, args: A) {
      const call = declare(name, result, args) as (...values: readonly unknown[]) => Results[R]
      if (!isWide(result)) return call
      return (...values) => safe(name, call(...values))
    },
    async<R extends ResultKind, const A extends readonly AsyncArgumentKind[]>(
      name: string,
      result: R,
      args: A,
    ) {
      const call = declare(name, result, args).async as (...values: readonly unknown[]) => void
      return (...values) =>
        new Promise<Results[R]>((resolve, reject) => {
          call(...values, (error: unknown, answer: Results[R]) => {
            if (error) return reject(error)
            try {
              resolve(safe(name, answer))
            } catch (tooLarge) {
              reject(tooLarge)
            }
          })
        })
    },
  }
  return library
}

function isWide(kind: ResultKind): boolean {
  return kind === 'address' || kind === 'i64' || kind === 'u64'
}

/** The FFI package answers a bigint where a number would not be exact. */
function safe<T>(name: string, answer: T): T {
  if (typeof answer === 'bigint') throw new RangeError(`${name} answered ${answer}, beyond 2^53`)
  return answer
}

function attempt<T>(problem: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw new BackendUnavailableError(`${problem}: ${firstLine(error)}`, { cause: error })
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0]!
}
