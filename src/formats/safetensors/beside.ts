// Small files that lie beside a checkpoint's weights: its configuration, its tokenizer. Knows none of them.
import { InvalidOptionError, ModelFormatError, SourceError } from '../../errors.ts'
import type { Source } from '../../io/source.ts'
import type { Neighbours } from '../llama2c.ts'
import { parseJson } from '../native/header.ts'

/** No such file is near; a vocabulary takes the most. */
const MOST_BYTES = 2 ** 27

/** A small file beside the weights. */
export interface Neighbour {
  readonly name: string
  readonly bytes: Uint8Array
  json(): unknown
}

/** Reads a small file that need not be there. */
export type OptionalReader = (name: string) => Promise<Neighbour | undefined>

export function optionalReader(beside: Neighbours): OptionalReader {
  const names = beside.names()
  return async name => {
    const known = await names
    if (known.length > 0 && !known.includes(name)) return undefined
    const source = await beside.open(name).catch(error => {
      // Where nobody knows what is there, what cannot be opened is not there; beside a Blob is nothing.
      const absent = error instanceof SourceError || error instanceof InvalidOptionError
      if (absent && known.length === 0) return undefined
      throw error
    })
    if (!source) return undefined
    try {
      return await neighbour(source)
    } finally {
      await source.close()
    }
  }
}

export async function neighbour(source: Source): Promise<Neighbour> {
  if (source.size > MOST_BYTES)
    throw new ModelFormatError({
      ...{ file: source.name, field: 'size' },
      ...{ expected: `at most ${MOST_BYTES} bytes`, found: `${source.size}` },
    })
  const bytes = await source.read(0, source.size)
  return { name: source.name, bytes, json: () => parseJson(bytes, source.name, 'the file').value }
}
