// A model whose prompt takes seconds on one thread: as a file, and as an executable that has it all in one step.
import { open } from 'node:fs/promises'
import { openModelFile } from '../../../src/api/open.ts'
import { weightSource } from '../../../src/api/weights.ts'
import { type Batch, BLOCK_SIZE, type Executable } from '../../../src/backends/backend.ts'
import { cpuBackend } from '../../../src/backends/cpu/cpu.ts'
import { f32, type WritableTensor, writeGguf } from '../../../src/formats/gguf.ts'
import { recordModel } from '../../../src/models/registry.ts'
import type { QuantName } from '../../../src/quant/quants.ts'
import { randomBlocks } from '../../fixtures/builder.ts'
import { Random } from '../../fixtures/random.ts'

const VOCABULARY = 1000
export const LONG = 4000

export interface LongShape {
  readonly layers: number
  readonly dim: number
  readonly hidden: number
  readonly heads: number
  readonly kvHeads: number
  readonly context: number
  readonly type: QuantName
}

const usual: LongShape = {
  ...{ layers: 8, dim: 512, hidden: 2048, heads: 8, kvHeads: 4 },
  ...{ context: LONG + 2 * BLOCK_SIZE, type: 'Q8_0' },
}
/** Elements that are made anew; a larger matrix repeats them. */
const DIFFERENT = 2 ** 20

/** Token ids of the model. */
export function longIds(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (7 + i * 7919) % VOCABULARY)
}

export async function writeLongModel(path: string, shape: LongShape = usual): Promise<void> {
  const { layers, dim, hidden, heads, kvHeads, context, type } = shape
  const random = new Random(1)
  const matrix = (name: string, rows: number, columns: number): WritableTensor => ({
    name,
    type,
    shape: [rows, columns],
    async *data() {
      const made = Math.min(rows, Math.floor(DIFFERENT / columns))
      const blocks = randomBlocks(type, made * columns, random, 1 / Math.sqrt(columns))
      for (let row = 0; row < rows; row += made)
        yield blocks.subarray(0, (blocks.length / made) * Math.min(made, rows - row))
    },
  })
  const norm = (name: string): WritableTensor => ({
    name,
    type: 'F32',
    shape: [dim],
    data: new Uint8Array(new Float32Array(dim).fill(1).buffer),
  })
  const keys = (dim / heads) * kvHeads
  const block = (i: number) => [
    norm(`blk.${i}.attn_norm.weight`),
    matrix(`blk.${i}.attn_q.weight`, dim, dim),
    matrix(`blk.${i}.attn_k.weight`, keys, dim),
    matrix(`blk.${i}.attn_v.weight`, keys, dim),
    matrix(`blk.${i}.attn_output.weight`, dim, dim),
    norm(`blk.${i}.ffn_norm.weight`),
    matrix(`blk.${i}.ffn_gate.weight`, hidden, dim),
    matrix(`blk.${i}.ffn_up.weight`, hidden, dim),
    matrix(`blk.${i}.ffn_down.weight`, dim, hidden),
  ]
  const metadata = {
    'general.architecture': 'llama',
    'llama.context_length': context,
    'llama.embedding_length': dim,
    'llama.block_count': layers,
    'llama.feed_forward_length': hidden,
    'llama.attention.head_count': heads,
    'llama.attention.head_count_kv': kvHeads,
    'llama.attention.layer_norm_rms_epsilon': f32(1e-5),
    'llama.vocab_size': VOCABULARY,
  }
  const tensors = [
    matrix('token_embd.weight', VOCABULARY, dim),
    ...Array.from({ length: layers }, (_, i) => block(i)).flat(),
    norm('output_norm.weight'),
    matrix('output.weight', VOCABULARY, dim),
  ]
  const handle = await open(path, 'w')
  try {
    await writeGguf({ write: async bytes => void (await handle.write(bytes)) }, { metadata, tensors })
  } finally {
    await handle.close()
  }
}

/** Compiled for steps far longer than the engine's, so that what ends one early is seen to. */
export async function longExecutable(path: string, threads: number): Promise<Executable> {
  const file = await openModelFile(path)
  try {
    const { program } = recordModel(file.metadata, file.tensors)
    const backend = await cpuBackend({ threads })
    const maxBlocks = Math.ceil(LONG / BLOCK_SIZE)
    return await backend.compile(program, weightSource(file), {
      maxTokens: LONG,
      maxRows: 1,
      maxSequences: 1,
      maxBlocks,
      poolBlocks: [maxBlocks],
      kvDType: 'f16',
    })
  } finally {
    await file.close()
  }
}

/** The first `count` tokens of the only sequence, whose last wants logits. */
export function prefill(count: number): Batch {
  const each = Int32Array.from({ length: count }, (_, i) => i)
  return {
    tokens: Int32Array.from(longIds(count)),
    positions: each,
    sequence: new Int32Array(count),
    slots: each,
    lengths: Int32Array.of(count),
    tables: Int32Array.from({ length: Math.ceil(LONG / BLOCK_SIZE) }, (_, i) => i),
    rows: Int32Array.of(count - 1),
    copies: new Int32Array(),
  }
}
