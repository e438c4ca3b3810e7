// A conformance case's weights in a file, as lazy backends take them.
import { writeFile } from 'node:fs/promises'
import type { WeightSource } from '../../src/backends/backend.ts'
import { openFile } from '../../src/io/file.ts'
import { type ConformanceCase, weightSource } from '../conformance/case.ts'

/** Writes the file; weights lie one behind the other, so that hardly any begins where a block of the disk does. */
export async function fileWeights(path: string, c: ConformanceCase): Promise<WeightSource> {
  const offsets = new Map<string, number>()
  const pieces: Uint8Array[] = []
  let at = 0
  for (const [name, { bytes, misalign }] of Object.entries(c.weights)) {
    offsets.set(name, at + misalign)
    pieces.push(new Uint8Array(misalign), bytes)
    at += misalign + bytes.length
  }
  await writeFile(path, Buffer.concat(pieces))
  return {
    ...weightSource(c),
    async open() {
      const source = await openFile(path)
      const file = (await source.openNative?.())!
      await source.close()
      return {
        places: name => [{ file: file.handle, offset: offsets.get(name)! }],
        nameOf: () => path,
        close: () => file.close(),
      }
    },
  }
}
