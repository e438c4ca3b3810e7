// Leaves the weights of a model file in training/build as train.py does, so that a training can begin with them.
//
//   npx tsx training/import.ts [MODEL]
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { builtinModel } from '../src/api/builtin.ts'
import { openModelFile } from '../src/api/open.ts'
import { inRows } from '../src/formats/rows.ts'
import { decodeRows } from '../src/quant/decode.ts'

const build = join(import.meta.dirname, 'build')
const file = await openModelFile(process.argv[2] ?? builtinModel.location)
const parts: Uint8Array[] = []
const tensors: { name: string; shape: readonly number[]; offset: number }[] = []
let offset = 0
for (const tensor of file.tensors.values()) {
  const { name, type, shape, source, offset: at, bytes } = inRows(tensor)
  const encoded = await source.read(at, bytes)
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1))
  decodeRows(type)(encoded, 0, values, 0, values.length)
  tensors.push({ name, shape, offset })
  parts.push(new Uint8Array(values.buffer))
  offset += values.byteLength
}
await file.close()
mkdirSync(build, { recursive: true })
writeFileSync(join(build, 'weights.bin'), Buffer.concat(parts))
writeFileSync(join(build, 'weights.json'), JSON.stringify({ tensors }))
