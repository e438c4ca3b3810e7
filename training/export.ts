// Makes a model file of what train.py leaves: matrices in Q8_0, norms in F32.
//
//   npx tsx training/export.ts [--from training/build] [--out models/torchless-tiny.gguf] [--type Q8_0]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { f32, ggufBytes, type WritableTensor, type WritableValue } from '../src/formats/gguf.ts'
import { type EncodableName, encodeRows } from '../src/quant/encode.ts'
import { readTokenizerKeys } from './tokenizer.ts'

interface Manifest {
  readonly config: Readonly<Record<'dim' | 'layers' | 'heads' | 'kv_heads' | 'hidden' | 'context', number>>
  readonly tensors: readonly { readonly name: string; readonly shape: number[]; readonly offset: number }[]
}

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: join(import.meta.dirname, 'build') },
    type: { type: 'string', default: 'Q8_0' },
    out: { type: 'string', default: join(import.meta.dirname, '../models/torchless-tiny.gguf') },
  },
})
const { config, tensors } = JSON.parse(readFileSync(join(values.from, 'weights.json'), 'utf8')) as Manifest
const weights = readFileSync(join(values.from, 'weights.bin'))

const metadata: Record<string, WritableValue> = {
  'general.architecture': 'llama',
  'general.name': 'torchless-tiny',
  'general.license': 'mit',
  'llama.context_length': config.context,
  'llama.embedding_length': config.dim,
  'llama.block_count': config.layers,
  'llama.feed_forward_length': config.hidden,
  'llama.attention.head_count': config.heads,
  'llama.attention.head_count_kv': config.kv_heads,
  'llama.attention.layer_norm_rms_epsilon': f32(1e-5),
  'llama.rope.dimension_count': config.dim / config.heads,
  'llama.rope.freq_base': f32(10_000),
  ...readTokenizerKeys(values.from),
}
mkdirSync(dirname(values.out), { recursive: true })
writeFileSync(values.out, await ggufBytes({ metadata, tensors: tensors.map(encoded) }))
console.log(values.out)

function encoded({ name, shape, offset }: Manifest['tensors'][number]): WritableTensor {
  const count = shape.reduce((product, size) => product * size, 1)
  const floats = new Float32Array(
    weights.buffer.slice(weights.byteOffset + offset, weights.byteOffset + offset + 4 * count),
  )
  const type = shape.length === 1 ? 'F32' : (values.type as EncodableName)
  return { name, type, shape, data: encodeRows(type, floats) }
}
