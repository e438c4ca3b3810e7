// HuggingFace's checkpoints put together by hand, so that any part can be wrong: shares nothing with reader and writer. Packing is
// as AutoGPTQ, AutoAWQ and DeepSeek publish it.
import { SourceError } from '../../src/errors.ts'
import type { Neighbours } from '../../src/formats/llama2c.ts'
import { bytesSource, type Source } from '../../src/io/source.ts'

export interface RawTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}
export type RawTensors = Readonly<Record<string, RawTensor>>

/** Files of a folder: bytes as they are, anything else as JSON. */
export type RawFolder = Readonly<Record<string, unknown>>

/** A safetensors file: size, header, data one behind the other. */
export function rawSafetensors(
  tensors: RawTensors,
  header: Readonly<Record<string, unknown>> = {},
): Uint8Array {
  let end = 0
  const entries = Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
    end += bytes.length
    return [name, { dtype, shape, data_offsets: [end - bytes.length, end] }]
  })
  const text = Buffer.from(JSON.stringify({ ...Object.fromEntries(entries), ...header }))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(text.length))
  return new Uint8Array(Buffer.concat([size, text, ...Object.values(tensors).map(({ bytes }) => bytes)]))
}

export const floats = (shape: readonly number[], values: ArrayLike<number>): RawTensor => ({
  ...{ dtype: 'F32', shape },
  bytes: new Uint8Array(Float32Array.from(values).buffer),
})
export const words = (shape: readonly number[], values: ArrayLike<number>): RawTensor => ({
  ...{ dtype: 'I32', shape },
  bytes: new Uint8Array(Uint32Array.from(values).buffer),
})

function bytesOf(content: unknown): Uint8Array {
  return content instanceof Uint8Array ? content : new TextEncoder().encode(JSON.stringify(content))
}

/** One file of a folder, and what lies beside it. */
export function inFolder(folder: RawFolder, name: string): { source: Source; beside: Neighbours } {
  const open = (file: string): Source => {
    if (!Object.hasOwn(folder, file)) throw new SourceError(file, 'no such file')
    return bytesSource(file, bytesOf(folder[file]))
  }
  return {
    source: open(name),
    beside: { open: async file => open(file), names: async () => Object.keys(folder) },
  }
}

/** A LLaMA of one layer, all numbers from a wave; `changes` replaces tensors, or leaves out those that are undefined. */
export function tinyLlama(changes: Readonly<Record<string, RawTensor | undefined>> = {}): RawTensors {
  const [dim, hidden, vocabulary] = [8, 16, 12]
  let seed = 0
  const wave = (...shape: number[]) =>
    floats(
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(seed++ + i * 0.7) / 3),
    )
  const layer = 'model.layers.0.'
  const all: Record<string, RawTensor | undefined> = {
    'model.embed_tokens.weight': wave(vocabulary, dim),
    [`${layer}input_layernorm.weight`]: wave(dim),
    [`${layer}self_attn.q_proj.weight`]: wave(dim, dim),
    [`${layer}self_attn.k_proj.weight`]: wave(dim / 2, dim),
    [`${layer}self_attn.v_proj.weight`]: wave(dim / 2, dim),
    [`${layer}self_attn.o_proj.weight`]: wave(dim, dim),
    [`${layer}post_attention_layernorm.weight`]: wave(dim),
    [`${layer}mlp.gate_proj.weight`]: wave(hidden, dim),
    [`${layer}mlp.up_proj.weight`]: wave(hidden, dim),
    [`${layer}mlp.down_proj.weight`]: wave(dim, hidden),
    'model.norm.weight': wave(dim),
    'lm_head.weight': wave(vocabulary, dim),
    ...changes,
  }
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, RawTensor] => entry[1] !== undefined),
  )
}

export const tinyConfig = {
  model_type: 'llama',
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 64,
  vocab_size: 12,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
}

/** A matrix `[rows][columns]` of numbers from 0 to 15, its groups' zero points `[groups][rows]` and scales' f16 bits. */
export interface Quantized {
  readonly numbers: readonly (readonly number[])[]
  readonly zeros: readonly (readonly number[])[]
  readonly scales: readonly (readonly number[])[]
}

const f16s = (shape: readonly number[], bits: readonly number[]): RawTensor => ({
  ...{ dtype: 'F16', shape },
  bytes: new Uint8Array(Uint16Array.from(bits).buffer),
})

/** Eight numbers in a word, the first in its lowest bits. */
const word = (eight: readonly number[]): number => eight.reduceRight((all, one) => all * 16 + one, 0)

/** AutoGPTQ's qlinear: words of eight rows of the transposed matrix; zero points, less `zeroOffset`, of eight columns. */
export function packGptq(
  name: string,
  { numbers, zeros, scales }: Quantized,
  { order, zeroOffset = 1 }: { readonly order?: readonly number[]; readonly zeroOffset?: number } = {},
): RawTensors {
  const [rows, columns, groups] = [numbers.length, numbers[0]!.length, zeros.length]
  const packed: number[] = []
  for (let column = 0; column < columns; column += 8)
    for (let row = 0; row < rows; row++) packed.push(word(numbers[row]!.slice(column, column + 8)))
  const packedZeros = zeros.flatMap(group =>
    Array.from({ length: rows / 8 }, (_, i) =>
      word(group.slice(8 * i, 8 * i + 8).map(zero => (zero - zeroOffset) & 15)),
    ),
  )
  const size = columns / groups
  return {
    [`${name}.qweight`]: words([columns / 8, rows], packed),
    [`${name}.qzeros`]: words([groups, rows / 8], packedZeros),
    [`${name}.scales`]: f16s([groups, rows], scales.flat()),
    [`${name}.g_idx`]: words(
      [columns],
      order ?? Array.from({ length: columns }, (_, i) => Math.floor(i / size)),
    ),
  }
}

/** AutoAWQ's WQLinear_GEMM: words of eight rows of a column, nibble i being row `[0, 2, 4, 6, 1, 3, 5, 7][i]` of them. */
export function packAwq(name: string, { numbers, zeros, scales }: Quantized): RawTensors {
  const [rows, columns, groups] = [numbers.length, numbers[0]!.length, zeros.length]
  const eight = (values: readonly number[], from: number) =>
    word([0, 2, 4, 6, 1, 3, 5, 7].map(i => values[from + i]!))
  const packed: number[] = []
  for (let column = 0; column < columns; column++) {
    const values = numbers.map(row => row[column]!)
    for (let row = 0; row < rows; row += 8) packed.push(eight(values, row))
  }
  const packedZeros = zeros.flatMap(group => Array.from({ length: rows / 8 }, (_, i) => eight(group, 8 * i)))
  return {
    [`${name}.qweight`]: words([columns, rows / 8], packed),
    [`${name}.qzeros`]: words([groups, rows / 8], packedZeros),
    [`${name}.scales`]: f16s([groups, rows], scales.flat()),
  }
}
