// A model whose prompt takes seconds on one thread: as a file, and as an executable that has it all in one step.
import { open } from 'node:fs/promises'
import { openModelFile } from '../../../src/api/open.ts'
import { weightSource } from '../../../src/api/weights.ts'
import { type Batch, BLOCK_SIZE, type Executable } from '../../../src/backends/backend.ts'
import { cpuBackend } from '../../../src/backends/cpu/cpu.ts'
import { f32, type WritableTensor, writeGguf } from '../../../src/formats/gguf.ts'
import { recordModel } from '../../../src/models/registry.ts'
import { randomBlocks } from '../../fixtures/builder.ts'
import { Random } from '../../fixtures/random.ts'

const [LAYERS, DIM, HIDDEN, HEADS, KV_HEADS, VOCABULARY] = [8, 512, 2048, 8, 4, 1000]
export const LONG = 4000

/** Token ids of the model. */
export function longIds(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (7 + i * 7919) % VOCABULARY)
}

export async function writeLongModel(path: string): Promise<void> {
  const random = new Random(1)
  const matrix = (name: string, rows: number, columns: number): WritableTensor => ({
    name,
    type: 'Q8_0',
    shape: [rows, columns],
    data: randomBlocks('Q8_0', rows * columns, random, 1 / Math.sqrt(columns)),
  })
  const norm = (name: string): WritableTensor => ({
    name,
    type: 'F32',
    shape: [DIM],
    data: new Uint8Array(new Float32Array(DIM).fill(1).buffer),
  })
  const keys = (DIM / HEADS) * KV_HEADS
  const block = (i: number) => [
    norm(`blk.${i}.attn_norm.weight`),
    matrix(`blk.${i}.attn_q.weight`, DIM, DIM),
    matrix(`blk.${i}.attn_k.weight`, keys, DIM),
    matrix(`blk.${i}.attn_v.weight`, keys, DIM),
    matrix(`blk.${i}.attn_output.weight`, DIM, DIM),
    norm(`blk.${i}.ffn_norm.weight`),
    matrix(`blk.${i}.ffn_gate.weight`, HIDDEN, DIM),
    matrix(`blk.${i}.ffn_up.weight`, HIDDEN, DIM),
    matrix(`blk.${i}.ffn_down.weight`, DIM, HIDDEN),
  ]
  const metadata = {
    'general.architecture': 'llama',
    'llama.context_length': LONG + 2 * BLOCK_SIZE,
    'llama.embedding_length': DIM,
    'llama.block_count': LAYERS,
    'llama.feed_forward_length': HIDDEN,
    'llama.attention.head_count': HEADS,
    'llama.attention.head_count_kv': KV_HEADS,
    'llama.attention.layer_norm_rms_epsilon': f32(1e-5),
    'llama.vocab_size': VOCABULARY,
  }
  const tensors = [
    matrix('token_embd.weight', VOCABULARY, DIM),
    ...Array.from({ length: LAYERS }, (_, i) => block(i)).flat(),
    norm('output_norm.weight'),
    matrix('output.weight', VOCABULARY, DIM),
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
