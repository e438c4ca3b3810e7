// llama.cpp itself, called in this process: what torchless's answers and speed are compared with. It opens
// the CPU libraries inside @node-llama-cpp/linux-x64 through koffi, and knows nothing of torchless.
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import koffi from 'koffi'

/** The release whose structs and declarations are below; llama.h changes them without notice. */
const VERSION = '0.5.0-dev'

/** llama.cpp refused or failed; the message ends in what it logged. */
export class LlamaError extends Error {
  override readonly name = 'LlamaError'
}

/** An address; null pointers are `null`. */
type Pointer = bigint

/** enum ggml_type of caches. */
const cacheTypes = { F32: 0, F16: 1 } as const
/** enum llama_load_mode. */
const loadModes = { read: 0, mmap: 1 } as const
/** enum ggml_log_level: from here on, it is a problem. */
const LOG_WARNING = 3

koffi.struct('llama_model_params', {
  devices: 'void *',
  tensor_buft_overrides: 'void *',
  n_gpu_layers: 'int32',
  split_mode: 'int32',
  load_mode: 'int32',
  lazy_mode: 'int32',
  main_gpu: 'int32',
  tensor_split: 'void *',
  progress_callback: 'void *',
  progress_callback_user_data: 'void *',
  kv_overrides: 'void *',
  vocab_only: 'bool',
  check_tensors: 'bool',
  use_extra_bufts: 'bool',
  no_host: 'bool',
  no_alloc: 'bool',
  load_mtp: 'bool',
})

/** The fields that are changed here; so in the next ones. */
interface ModelParams {
  n_gpu_layers: number
  load_mode: number
  vocab_only: boolean
  use_extra_bufts: boolean
}

koffi.struct('llama_context_params', {
  n_ctx: 'uint32',
  n_batch: 'uint32',
  n_ubatch: 'uint32',
  n_seq_max: 'uint32',
  n_rs_seq: 'uint32',
  n_outputs_max: 'uint32',
  n_outputs_max_per_seq: 'uint32',
  n_threads: 'int32',
  n_threads_batch: 'int32',
  ctx_type: 'int32',
  rope_scaling_type: 'int32',
  pooling_type: 'int32',
  attention_type: 'int32',
  flash_attn_type: 'int32',
  rope_freq_base: 'float',
  rope_freq_scale: 'float',
  yarn_ext_factor: 'float',
  yarn_attn_factor: 'float',
  yarn_beta_fast: 'float',
  yarn_beta_slow: 'float',
  yarn_orig_ctx: 'uint32',
  defrag_thold: 'float',
  cb_eval: 'void *',
  cb_eval_user_data: 'void *',
  type_k: 'int32',
  type_v: 'int32',
  abort_callback: 'void *',
  abort_callback_data: 'void *',
  embeddings: 'bool',
  offload_kqv: 'bool',
  no_perf: 'bool',
  op_offload: 'bool',
  swa_full: 'bool',
  kv_unified: 'bool',
  samplers: 'void *',
  n_samplers: 'size_t',
  ctx_other: 'void *',
})

interface ContextParams {
  n_ctx: number
  n_batch: number
  n_ubatch: number
  n_seq_max: number
  n_threads: number
  n_threads_batch: number
  flash_attn_type: number
  type_k: number
  type_v: number
  kv_unified: boolean
}

koffi.struct('llama_batch', {
  n_tokens: 'int32',
  token: 'int32 *',
  embd: 'float *',
  pos: 'int32 *',
  n_seq_id: 'int32 *',
  seq_id: 'void *',
  logits: 'int8 *',
})

/** Without positions and sequences, tokens follow those of sequence 0; without `logits`, the last one's are computed. */
interface Batch {
  n_tokens: number
  token: Int32Array
  embd: null
  pos: Int32Array | null
  /** Of each token, how many sequences it belongs to. */
  n_seq_id: Int32Array | null
  /** Of each token, the address of their numbers. */
  seq_id: BigUint64Array | null
  logits: Int8Array | null
}

const typeTraits = koffi.struct('ggml_type_traits', {
  type_name: 'const char *',
  blck_size: 'int64',
  blck_size_interleave: 'int64',
  type_size: 'size_t',
  is_quantized: 'bool',
  to_float: 'void *',
  from_float_ref: 'void *',
})

interface TypeTraits {
  type_name: string | null
  blck_size: number
  type_size: number
  to_float: Pointer | null
  from_float_ref: Pointer | null
}

koffi.struct('ggml_threadpool_params', {
  cpumask: koffi.array('bool', 512),
  n_threads: 'int32',
  prio: 'int32',
  poll: 'uint32',
  strict_cpu: 'bool',
  paused: 'bool',
})

type ThreadpoolParams = Record<string, unknown>

const toFloat = koffi.proto('void ggml_to_float(const void *blocks, _Out_ float *values, int64_t count)')
const fromFloat = koffi.proto('void ggml_from_float(const float *values, _Out_ void *blocks, int64_t count)')
const threadpoolNew = koffi.proto('void *ggml_threadpool_new(ggml_threadpool_params *params)')
const threadpoolFree = koffi.proto('void ggml_threadpool_free(void *threadpool)')
const logCallback = koffi.proto('void ggml_log_callback(int level, const char *text, void *data)')

/** By the name of each function: how it looks from here. */
interface Functions {
  llama_version(): string
  ggml_version(): string
  ggml_commit(): string
  llama_log_set(callback: Pointer, data: null): void
  llama_backend_init(): void
  ggml_backend_load_all_from_path(folder: string): void
  ggml_backend_load(path: string): Pointer | null
  ggml_backend_dev_by_type(type: number): Pointer | null
  ggml_backend_dev_backend_reg(device: Pointer): Pointer
  ggml_backend_reg_get_proc_address(registry: Pointer, name: string): Pointer
  ggml_get_type_traits(type: number): Pointer
  ggml_threadpool_params_default(threads: number): ThreadpoolParams
  llama_model_default_params(): ModelParams
  llama_model_load_from_file(path: string, params: ModelParams): Pointer | null
  llama_model_free(model: Pointer): void
  llama_model_get_vocab(model: Pointer): Pointer
  llama_vocab_n_tokens(vocabulary: Pointer): number
  llama_vocab_bos(vocabulary: Pointer): number
  llama_vocab_eos(vocabulary: Pointer): number
  llama_vocab_is_eog(vocabulary: Pointer, id: number): boolean
  llama_tokenize(
    vocabulary: Pointer,
    text: Uint8Array,
    length: number,
    ids: Int32Array,
    most: number,
    addSpecial: boolean,
    parseSpecial: boolean,
  ): number
  llama_token_to_piece(
    vocabulary: Pointer,
    id: number,
    bytes: Uint8Array,
    most: number,
    strip: number,
    special: boolean,
  ): number
  llama_detokenize(
    vocabulary: Pointer,
    ids: Int32Array,
    count: number,
    bytes: Uint8Array,
    most: number,
    removeSpecial: boolean,
    unparseSpecial: boolean,
  ): number
  llama_context_default_params(): ContextParams
  llama_init_from_model(model: Pointer, params: ContextParams): Pointer | null
  llama_free(context: Pointer): void
  llama_attach_threadpool(context: Pointer, pool: Pointer, batchPool: Pointer): void
  llama_decode(context: Pointer, batch: Batch): number
  llama_synchronize(context: Pointer): void
  llama_get_logits(context: Pointer): Pointer
  llama_get_memory(context: Pointer): Pointer
  llama_memory_seq_rm(memory: Pointer, sequence: number, from: number, to: number): boolean
  llama_memory_seq_pos_max(memory: Pointer, sequence: number): number
  llama_memory_seq_cp(memory: Pointer, source: number, target: number, from: number, to: number): void
  llama_memory_seq_add(memory: Pointer, sequence: number, from: number, to: number, delta: number): void
  llama_state_seq_get_size(context: Pointer, sequence: number): number
  llama_state_seq_get_data(context: Pointer, state: Uint8Array, size: number, sequence: number): number
  llama_state_seq_set_data(context: Pointer, state: Uint8Array, size: number, sequence: number): number
}

/** The same in C, without which koffi does not know what to pass. */
const declarations: Record<keyof Functions, string> = {
  llama_version: 'const char *llama_version()',
  ggml_version: 'const char *ggml_version()',
  ggml_commit: 'const char *ggml_commit()',
  llama_log_set: 'void llama_log_set(void *callback, void *data)',
  llama_backend_init: 'void llama_backend_init()',
  ggml_backend_load_all_from_path: 'void ggml_backend_load_all_from_path(const char *folder)',
  ggml_backend_load: 'void *ggml_backend_load(const char *path)',
  ggml_backend_dev_by_type: 'void *ggml_backend_dev_by_type(int type)',
  ggml_backend_dev_backend_reg: 'void *ggml_backend_dev_backend_reg(void *device)',
  ggml_backend_reg_get_proc_address:
    'void *ggml_backend_reg_get_proc_address(void *registry, const char *name)',
  ggml_get_type_traits: 'void *ggml_get_type_traits(int type)',
  ggml_threadpool_params_default: 'ggml_threadpool_params ggml_threadpool_params_default(int threads)',
  llama_model_default_params: 'llama_model_params llama_model_default_params()',
  llama_model_load_from_file: 'void *llama_model_load_from_file(const char *path, llama_model_params params)',
  llama_model_free: 'void llama_model_free(void *model)',
  llama_model_get_vocab: 'void *llama_model_get_vocab(void *model)',
  llama_vocab_n_tokens: 'int llama_vocab_n_tokens(void *vocabulary)',
  llama_vocab_bos: 'int llama_vocab_bos(void *vocabulary)',
  llama_vocab_eos: 'int llama_vocab_eos(void *vocabulary)',
  llama_vocab_is_eog: 'bool llama_vocab_is_eog(void *vocabulary, int id)',
  llama_tokenize:
    'int llama_tokenize(void *vocab, const char *text, int n, _Out_ int *ids, int room, bool add, bool all)',
  llama_token_to_piece:
    'int llama_token_to_piece(void *vocab, int id, _Out_ char *to, int room, int strip, bool special)',
  llama_detokenize:
    'int llama_detokenize(void *vocab, const int *ids, int n, _Out_ char *to, int room, bool cut, bool all)',
  llama_context_default_params: 'llama_context_params llama_context_default_params()',
  llama_init_from_model: 'void *llama_init_from_model(void *model, llama_context_params params)',
  llama_free: 'void llama_free(void *context)',
  llama_attach_threadpool: 'void llama_attach_threadpool(void *context, void *pool, void *batch_pool)',
  llama_decode: 'int llama_decode(void *context, llama_batch batch)',
  llama_synchronize: 'void llama_synchronize(void *context)',
  llama_get_logits: 'void *llama_get_logits(void *context)',
  llama_get_memory: 'void *llama_get_memory(void *context)',
  llama_memory_seq_rm: 'bool llama_memory_seq_rm(void *memory, int sequence, int from, int to)',
  llama_memory_seq_pos_max: 'int llama_memory_seq_pos_max(void *memory, int sequence)',
  llama_memory_seq_cp: 'void llama_memory_seq_cp(void *memory, int source, int target, int from, int to)',
  llama_memory_seq_add: 'void llama_memory_seq_add(void *memory, int sequence, int from, int to, int delta)',
  llama_state_seq_get_size: 'size_t llama_state_seq_get_size(void *context, int sequence)',
  llama_state_seq_get_data:
    'size_t llama_state_seq_get_data(void *context, _Out_ uint8_t *state, size_t size, int sequence)',
  llama_state_seq_set_data:
    'size_t llama_state_seq_set_data(void *context, const uint8_t *state, size_t size, int sequence)',
}

interface Library extends Functions {
  /** Stops the log. */
  silence(): void
  /** These two are in the CPU backend that suits this processor. */
  ggml_threadpool_new(params: ThreadpoolParams): Pointer | null
  ggml_threadpool_free(threadpool: Pointer): void
}

let opened: Library | undefined
let cpuVariant: string | undefined

/**
 * Makes llama.cpp compute with its library for one kind of processor (`haswell`: AVX2) and not with the one that suits
 * this one best. Throws a LlamaError once it has been opened.
 */
export function chooseCpu(variant: string): void {
  if (opened) throw new LlamaError(`${variant} is asked for after llama.cpp has chosen`)
  cpuVariant = variant
}

/** The library, opened and initialised by the first call. */
function library(): Library {
  opened ??= open()
  return opened
}

/** Where libllama and the libraries that it loads are. */
export function llamaPaths(): { folder: string; library: string } {
  const main = createRequire(import.meta.url).resolve('@node-llama-cpp/linux-x64')
  const folder = join(dirname(main), '../bins/linux-x64')
  const file = readdirSync(folder).find(name => /^libllama\.v.*\.so$/.test(name))
  if (!file) throw new LlamaError(`${folder} has no libllama`)
  return { folder, library: join(folder, file) }
}

function open(): Library {
  const { folder, library: path } = llamaPaths()
  const handle = koffi.load(path) // answers for the ggml libraries that it needs, too
  const functions = Object.fromEntries(
    Object.entries(declarations).map(([name, declaration]) => [name, handle.func(declaration)]),
  ) as unknown as Functions
  check(functions)

  // Any function without effect serves: one in JavaScript would be waited for by llama.cpp's other threads.
  const idle: Pointer = handle.symbol('llama_max_devices')
  const silence = () => functions.llama_log_set(idle, null)
  silence()
  if (cpuVariant === undefined) functions.ggml_backend_load_all_from_path(folder)
  else functions.ggml_backend_load(join(folder, `libggml-cpu-${cpuVariant}.so`))
  functions.llama_backend_init()
  const cpu = functions.ggml_backend_dev_by_type(0)
  if (!cpu) throw new LlamaError(`ggml finds no CPU backend in ${folder}`)
  const registry = functions.ggml_backend_dev_backend_reg(cpu)
  const ofCpu = (name: string) => functions.ggml_backend_reg_get_proc_address(registry, name)
  return {
    ...functions,
    silence,
    ggml_threadpool_new: koffi.decode(ofCpu('ggml_threadpool_new'), threadpoolNew),
    ggml_threadpool_free: koffi.decode(ofCpu('ggml_threadpool_free'), threadpoolFree),
  }
}

/** Another release may have other structs, which would be read and written past their ends. */
function check(functions: Functions): void {
  const found = functions.llama_version()
  if (found !== VERSION) throw new LlamaError(`expected llama.cpp ${VERSION}, found ${found}`)
  const { n_ctx, n_batch, type_k, type_v } = functions.llama_context_default_params()
  const defaults = [n_ctx, n_batch, type_k, type_v].join()
  if (defaults !== '512,2048,1,1') throw new LlamaError(`llama_context_params reads ${defaults}`)
}

/** The releases of llama.cpp and of ggml within it. */
export function llamaVersion(): string {
  const { llama_version, ggml_version, ggml_commit } = library()
  return `llama.cpp ${llama_version()}, ggml ${ggml_version()} (${ggml_commit()})`
}

export interface ModelOptions {
  /** Read the tokenizer and leave the weights. Default false. */
  readonly vocabularyOnly?: boolean
  /** Map the file instead of reading it. Default true. */
  readonly mmap?: boolean
  /** Let llama.cpp rearrange weights for its fastest kernels. Default true, as in its own programs. */
  readonly repack?: boolean
}

export interface TokenizeOptions {
  /** Add the tokens that the model wants around every text. Default false. */
  readonly addSpecial?: boolean
  /** Read special tokens that are written in the text. Default false. */
  readonly parseSpecial?: boolean
}

/** A model file that llama.cpp has opened. */
export class LlamaModel {
  readonly #handle: Pointer
  readonly #vocabulary: Pointer
  readonly vocabularySize: number

  private constructor(handle: Pointer) {
    this.#handle = handle
    this.#vocabulary = library().llama_model_get_vocab(handle)
    this.vocabularySize = library().llama_vocab_n_tokens(this.#vocabulary)
  }

  /** Throws a LlamaError if llama.cpp does not take the file. */
  static load(path: string, options: ModelOptions = {}): LlamaModel {
    const { vocabularyOnly = false, mmap = true, repack = true } = options
    const params = library().llama_model_default_params()
    params.n_gpu_layers = 0
    params.load_mode = mmap ? loadModes.mmap : loadModes.read
    params.vocab_only = vocabularyOnly
    params.use_extra_bufts = repack
    const load = () => library().llama_model_load_from_file(path, params)
    return new LlamaModel(made(`cannot load ${path}`, load))
  }

  get bos(): number | undefined {
    return idOrNone(library().llama_vocab_bos(this.#vocabulary))
  }

  get eos(): number | undefined {
    return idOrNone(library().llama_vocab_eos(this.#vocabulary))
  }

  /** All ids after which llama.cpp ends a generation. */
  get endOfGeneration(): number[] {
    const ids = Array.from({ length: this.vocabularySize }, (_, id) => id)
    return ids.filter(id => library().llama_vocab_is_eog(this.#vocabulary, id))
  }

  tokenize(text: string, { addSpecial = false, parseSpecial = false }: TokenizeOptions = {}): number[] {
    const bytes = Buffer.from(text)
    const ids = new Int32Array(bytes.length + 8)
    const tokenize = library().llama_tokenize
    const count = tokenize(this.#vocabulary, bytes, bytes.length, ids, ids.length, addSpecial, parseSpecial)
    if (count < 0) throw new LlamaError(`the text has ${-count} tokens, where room was for ${ids.length}`)
    return Array.from(ids.subarray(0, count))
  }

  /** The bytes that one token stands for; control tokens stand for none unless `special`. */
  piece(id: number, special = false): Uint8Array {
    const bytes = new Uint8Array(1024)
    const length = library().llama_token_to_piece(this.#vocabulary, id, bytes, bytes.length, 0, special)
    if (length < 0)
      throw new LlamaError(`token ${id} has ${-length} bytes, where room was for ${bytes.length}`)
    return bytes.slice(0, length)
  }

  /** The bytes that tokens stand for together: not always the pieces one after another, as spaces may go. */
  detokenize(ids: readonly number[], special = false): Uint8Array {
    const bytes = new Uint8Array(1024 * (ids.length + 1))
    const list = Int32Array.from(ids)
    const detokenize = library().llama_detokenize
    const length = detokenize(this.#vocabulary, list, list.length, bytes, bytes.length, false, special)
    if (length < 0) throw new LlamaError(`the text has ${-length} bytes, where room was for ${bytes.length}`)
    return bytes.slice(0, length)
  }

  context(options: ContextOptions = {}): LlamaContext {
    return new LlamaContext(this.#handle, this.vocabularySize, options)
  }

  /** Its contexts have to go first. */
  dispose(): void {
    library().llama_model_free(this.#handle)
  }
}

export interface ContextOptions {
  /** Tokens that fit; llama.cpp rounds up to a multiple of 256. Default 512. */
  readonly tokens?: number
  /** The most tokens in one call of decode. Default: as many as fit. */
  readonly batch?: number
  /** The most tokens that are computed at once. Default 512. */
  readonly microBatch?: number
  /** Threads that compute, the calling one included. Default: one for each processor. */
  readonly threads?: number
  /** Default F32, for expected numbers; llama.cpp's own default is F16. */
  readonly cache?: keyof typeof cacheTypes
  /** Default false, for expected numbers; llama.cpp's own default is `auto`: where it can. */
  readonly flashAttention?: boolean | 'auto'
  /** How many there may be at once; unless `unified`, they share the room for tokens evenly. Default 1. */
  readonly sequences?: number
  /** One store of tokens for all sequences, in which they can share theirs. Default false. */
  readonly unified?: boolean
}

/** What llama-bench, llama.cpp's own benchmark, sets. */
export const benchOptions = {
  batch: 2048,
  cache: 'F16',
  flashAttention: 'auto',
} as const satisfies ContextOptions

/** Sequences of tokens in a model, with a pool of threads of their own; sequence 0 unless it says otherwise. */
export class LlamaContext {
  /** The most tokens in one call of decode. */
  readonly batch: number
  readonly #handle: Pointer
  readonly #threadpool: Pointer
  readonly #rowBytes: number
  #sequenceIds: SequenceIds | undefined

  constructor(model: Pointer, vocabularySize: number, options: ContextOptions) {
    const { tokens = 512, batch = tokens, microBatch = 512, threads = availableParallelism() } = options
    const { cache = 'F32', flashAttention = false, sequences = 1, unified = false } = options
    const params = library().llama_context_default_params()
    params.n_ctx = tokens
    params.n_batch = batch
    params.n_ubatch = Math.min(batch, microBatch)
    params.n_seq_max = sequences
    params.kv_unified = unified
    params.n_threads = threads
    params.n_threads_batch = threads
    params.type_k = cacheTypes[cache]
    params.type_v = cacheTypes[cache]
    params.flash_attn_type = flashAttention === 'auto' ? -1 : Number(flashAttention)
    this.batch = batch
    this.#rowBytes = 4 * vocabularySize
    this.#handle = made('cannot make a context', () => library().llama_init_from_model(model, params))
    const poolParams = library().ggml_threadpool_params_default(threads)
    this.#threadpool = made('cannot start threads', () => library().ggml_threadpool_new(poolParams))
    library().llama_attach_threadpool(this.#handle, this.#threadpool, this.#threadpool)
  }

  /** Appends tokens to the sequence. Answers the logits behind each one, or behind the last one only. */
  decode(ids: readonly number[], rows: 'all' | 'last' = 'all'): Float32Array[] {
    const wanted = new Int8Array(ids.length).fill(rows === 'all' ? 1 : 0)
    wanted[ids.length - 1] = 1
    this.#decode({ ...following(ids), logits: wanted })
    return this.#logits(rows === 'all' ? ids.length : 1)
  }

  /** The same to the end, and leaves the logits of the last one where they are: to measure. */
  run(ids: readonly number[]): void {
    this.#decode(following(ids))
    library().llama_synchronize(this.#handle)
  }

  /** Puts one token at `position` of each sequence, the first id into sequence 0 and so on: to measure. */
  runEach(ids: readonly number[], position: number): void {
    this.#sequenceIds ??= new SequenceIds(ids.length)
    this.#decode({
      ...following(ids),
      pos: new Int32Array(ids.length).fill(position),
      n_seq_id: new Int32Array(ids.length).fill(1),
      seq_id: this.#sequenceIds.addresses(ids.length),
      logits: new Int8Array(ids.length).fill(1),
    })
    library().llama_synchronize(this.#handle)
  }

  /**
   * Makes the sequence `length` tokens long with copies of what it has now, which takes no time: for measurements, what
   * the cache holds does not matter. Needs `unified` and a second sequence.
   */
  repeat(length: number): void {
    const { llama_state_seq_get_size, llama_state_seq_get_data, llama_state_seq_set_data } = library()
    const { llama_memory_seq_add, llama_memory_seq_cp, llama_memory_seq_rm } = library()
    const memory = library().llama_get_memory(this.#handle)
    const state = new Uint8Array(llama_state_seq_get_size(this.#handle, 0))
    llama_state_seq_get_data(this.#handle, state, state.length, 0)
    const part = library().llama_memory_seq_pos_max(memory, 0) + 1
    for (let start = part; start < length; start += part) {
      if (llama_state_seq_set_data(this.#handle, state, state.length, 1) === 0)
        throw new LlamaError(`no room for ${part} tokens behind ${start}`)
      llama_memory_seq_add(memory, 1, 0, -1, start)
      llama_memory_seq_cp(memory, 1, 0, 0, -1)
      llama_memory_seq_rm(memory, 1, 0, -1)
    }
    this.truncate(length)
  }

  /** Forgets the tokens of all sequences from position `length` on. */
  truncate(length: number): void {
    if (!library().llama_memory_seq_rm(library().llama_get_memory(this.#handle), -1, length, -1))
      throw new LlamaError(`cannot forget the tokens from position ${length} on`)
  }

  dispose(): void {
    library().llama_free(this.#handle)
    library().ggml_threadpool_free(this.#threadpool)
    this.#sequenceIds?.dispose()
  }

  #decode(batch: Batch): void {
    if (batch.n_tokens === 0 || batch.n_tokens > this.batch)
      throw new LlamaError(`${batch.n_tokens} tokens, where 1 to ${this.batch} can be decoded at once`)
    const status = library().llama_decode(this.#handle, batch)
    if (status !== 0)
      throw new LlamaError(`llama_decode answers ${status}${status === 1 ? ': no room in the context' : ''}`)
  }

  /** Copies: the next step overwrites them. */
  #logits(rows: number): Float32Array[] {
    const memory = koffi.view(library().llama_get_logits(this.#handle), rows * this.#rowBytes)
    const starts = Array.from({ length: rows }, (_, row) => row * this.#rowBytes)
    return starts.map(start => new Float32Array(memory.slice(start, start + this.#rowBytes)))
  }
}

/** Tokens that follow those of sequence 0; the logits of the last one are computed. */
function following(ids: readonly number[]): Batch {
  const token = Int32Array.from(ids)
  return { n_tokens: ids.length, token, embd: null, pos: null, n_seq_id: null, seq_id: null, logits: null }
}

/** The numbers 0, 1, 2, ... where llama.cpp can read them: a batch holds the address of each. */
class SequenceIds {
  readonly #memory: Pointer

  constructor(count: number) {
    const numbers = Int32Array.from({ length: count }, (_, i) => i)
    this.#memory = koffi.alloc('int32', count)
    koffi.encode(this.#memory, koffi.array('int32', count), numbers)
  }

  addresses(count: number): BigUint64Array {
    const start = koffi.address(this.#memory)
    return BigUint64Array.from({ length: count }, (_, i) => start + BigInt(4 * i))
  }

  dispose(): void {
    koffi.free(this.#memory)
  }
}

/** The values of blocks in one of ggml's types, which is given by its number. */
export function dequantize(ggmlType: number, blocks: Uint8Array): Float32Array {
  if (ggmlType === 0) return new Float32Array(blocks.slice().buffer)
  const traits = traitsOf(ggmlType)
  if (!traits.to_float) throw new LlamaError(`ggml cannot decode ${traits.type_name}`)
  const values = new Float32Array((blocks.length / traits.type_size) * traits.blck_size)
  koffi.call(traits.to_float, toFloat, blocks, values, values.length)
  return values
}

/** The blocks that ggml's reference encoder makes of values. */
export function quantize(ggmlType: number, values: Float32Array): Uint8Array {
  const traits = traitsOf(ggmlType)
  if (!traits.from_float_ref) throw new LlamaError(`ggml cannot encode ${traits.type_name}`)
  const blocks = new Uint8Array((values.length / traits.blck_size) * traits.type_size)
  koffi.call(traits.from_float_ref, fromFloat, values, blocks, values.length)
  return blocks
}

function traitsOf(ggmlType: number): TypeTraits {
  const traits: TypeTraits = koffi.decode(library().ggml_get_type_traits(ggmlType), typeTraits)
  if (traits.type_size === 0) throw new LlamaError(`ggml has no type ${ggmlType}`)
  return traits
}

function idOrNone(id: number): number | undefined {
  return id < 0 ? undefined : id
}

/** What a call makes, or an error with the problems that were logged meanwhile. */
function made(failure: string, call: () => Pointer | null): Pointer {
  const { llama_log_set, silence } = library()
  const problems: string[] = []
  const note = (level: number, text: string) => {
    if (level >= LOG_WARNING) problems.push(text.trim())
  }
  const callback = koffi.register(note, koffi.pointer(logCallback))
  llama_log_set(callback, null)
  try {
    const result = call()
    if (!result) throw new LlamaError([failure, ...problems].join('\n  '))
    return result
  } finally {
    silence()
    koffi.unregister(callback)
  }
}
