// A model file with its matrices in other formats.
import { readFile, writeFile } from 'node:fs/promises'
import { ggufBytes, openGguf } from '../../src/formats/gguf.ts'
import { inRows } from '../../src/formats/rows.ts'
import { blobSource } from '../../src/io/blob.ts'
import { decodeRows } from '../../src/quant/decode.ts'
import { type EncodableName, encodeRows } from '../../src/quant/encode.ts'

/** Writes the GGUF file `from` to `to`, each matrix in the format that `typeOf` names for it. */
export async function requantize(
  from: string | URL,
  to: string,
  typeOf: (name: string) => EncodableName,
): Promise<void> {
  const file = await openGguf(blobSource('model', new Blob([await readFile(from)])))
  const tensors = await Promise.all(
    Array.from(file.tensors.values(), async tensor => {
      const { name, type, shape, source, offset, bytes } = inRows(tensor)
      const data = await source.read(offset, bytes)
      if (shape.length < 2) return { name, type, shape, data }
      const values = new Float32Array(shape.reduce((product, size) => product * size, 1))
      decodeRows(type)(data, 0, values, 0, values.length)
      return { name, type: typeOf(name), shape, data: encodeRows(typeOf(name), values) }
    }),
  )
  await writeFile(to, await ggufBytes({ metadata: file.metadata, tensors }))
}
