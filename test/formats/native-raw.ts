// Puts native files together from their parts, so that any part can be wrong. Shares nothing with the writers: it is how
// torchless's exporter and docs/formats.md have it.
import type { FixtureModel } from '../fixtures/builder.ts'

export interface RawNative {
  /** The header: a text as it is, anything else as JSON. */
  readonly header: unknown
  readonly payload?: Uint8Array
  /** What the file says of the header's size. Default: up to the payload, zeros included. */
  readonly headerSize?: bigint
  /** Zeros behind the header. Default: up to a multiple of 64. */
  readonly padding?: number
}

export function rawNative({
  header,
  payload = new Uint8Array(0),
  headerSize,
  padding,
}: RawNative): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const zeros = Buffer.alloc(padding ?? -(8 + text.length) & 63)
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(headerSize ?? BigInt(text.length + zeros.length))
  return new Uint8Array(Buffer.concat([size, text, zeros, payload]))
}

/** Floats, or int8 groups of 64 with the scales that they are divided by. */
export type RawTensor = {
  readonly shape: readonly number[]
  readonly values: Float32Array
  readonly int8?: boolean
}

/** Lays tensors out as torchless's exporter does: each from a multiple of 64, scales behind their weights. */
export function referenceTensors(tensors: Readonly<Record<string, RawTensor>>) {
  const pieces: Buffer[] = []
  let at = 0
  const put = (bytes: Uint8Array) => {
    const offset = at
    pieces.push(Buffer.from(bytes), Buffer.alloc(-bytes.length & 63))
    at += bytes.length + (-bytes.length & 63)
    return offset
  }
  const list = Object.entries(tensors).map(([name, { shape, values, int8 }]) => {
    if (!int8) return [name, { dtype: 'f32', shape, offset: put(new Uint8Array(values.buffer.slice(0))) }]
    const scales = Float32Array.from({ length: values.length / 64 }, (_, group) => {
      const part = values.subarray(64 * group, 64 * group + 64)
      return 127 / Math.max(...part.map(Math.abs))
    })
    const weights = Int8Array.from(values, (value, i) => Math.round(value * scales[i >> 6]!))
    const offset = put(new Uint8Array(weights.buffer))
    const scale_offset = put(new Uint8Array(scales.buffer))
    return [name, { dtype: 'int8', shape, offset, scale_offset, scale_size: scales.length }]
  })
  return { tensors: Object.fromEntries(list), payload: new Uint8Array(Buffer.concat(pieces)) }
}

/** By GGUF's names. */
const names: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
  attn_norm: 'input_layernorm',
  ffn_norm: 'post_attention_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
}

/** A fixture whose tensors are all F32, in HuggingFace's names and order of rows: heads by halves instead of by pairs. */
export function huggingFaceTensors({ tensors, metadata }: FixtureModel): Record<string, RawTensor> {
  const heads = (name: string) =>
    Number(metadata[`llama.attention.head_count${name.includes('attn_k') ? '_kv' : ''}`])
  return Object.fromEntries(
    tensors.map(({ name, shape, data }) => {
      const [, layer, stem] = /^(?:blk\.(\d+)\.)?(\w+)\.weight$/.exec(name)!
      const values = new Float32Array(Uint8Array.from(data).buffer)
      const theirs = `${layer === undefined ? '' : `model.layers.${layer}.`}${names[stem!]}.weight`
      if (!/attn_[qk]\./.test(name)) return [theirs, { shape, values }]
      const [rows, columns] = shape as [number, number]
      const size = rows / heads(name)
      const ordered = new Float32Array(values.length)
      for (let head = 0; head < heads(name); head++)
        for (let pair = 0; pair < size / 2; pair++)
          for (const half of [0, 1]) {
            const from = (head * size + 2 * pair + half) * columns
            const to = head * size + half * (size / 2) + pair
            ordered.set(values.subarray(from, from + columns), to * columns)
          }
      return [theirs, { shape, values: ordered }]
    }),
  )
}

/** The metadata that torchless's exporter writes for a fixture: texts all of them. */
export function referenceMetadata({ metadata }: FixtureModel, changes: Record<string, string> = {}) {
  const text = (key: string) => {
    const value = metadata[`llama.${key}`] as number | { value: number }
    return String(typeof value === 'object' ? value.value : value)
  }
  return {
    hidden_size: text('embedding_length'),
    intermediate_size: text('feed_forward_length'),
    n_layers: text('block_count'),
    n_heads: text('attention.head_count'),
    n_kv_heads: text('attention.head_count_kv'),
    vocab_size: text('vocab_size'),
    max_position_embeddings: text('context_length'),
    sliding_window: 'None',
    rope_theta: text('rope.freq_base'),
    norm_eps: text('attention.layer_norm_rms_epsilon'),
    act_type: 'silu',
    quant: 'f32',
    ...changes,
  }
}
