// A model file as if its tensors were of other formats: their rows are made as they are read, so that no second copy is needed.
import { requantizer } from '../backends/cpu/quantize.ts'
import { ModelFormatError, SourceError, UnsupportedModelError } from '../errors.ts'
import type { ModelFile, RowTensor } from '../formats/model-file.ts'
import { inRows } from '../formats/rows.ts'
import { type Mapping, makeSource, type Source } from '../io/source.ts'
import { isPacked, type WeightType } from '../quant/packed.ts'
import { bytesFor, type QuantName } from '../quant/quants.ts'
import type { Importance, Requantize, RequantizerOptions } from '../quant/requantize.ts'

/** Bytes that are read or made at a time. */
const CHUNK = 2 ** 24

export interface RequantizeOptions extends RequantizerOptions {
  /** By name, of those that change; others stay. */
  readonly types: ReadonlyMap<string, WeightType>
  /** By name, of those of which it is known. */
  readonly importance?: ReadonlyMap<string, Importance> | undefined
}

/** Closing the answer closes `file`. */
export async function requantized(file: ModelFile, options: RequantizeOptions): Promise<ModelFile> {
  const requantize = await requantizer(options)
  const mappings = new Mappings()
  const tensors = Array.from(file.tensors.values(), tensor => {
    const to = options.types.get(tensor.name) ?? tensor.type
    if (to === tensor.type || isPacked(to)) return tensor
    return inFormat(inRows(tensor), to, options.importance?.get(tensor.name), requantize, mappings)
  })
  return {
    ...file,
    tensors: new Map(tensors.map(tensor => [tensor.name, tensor])),
    async close() {
      mappings.unmap()
      await file.close()
    },
  }
}

/** Sources that can be mapped, mapped once. */
class Mappings {
  readonly #known = new Map<Source, Promise<Mapping | undefined>>()

  get(source: Source): Promise<Mapping | undefined> {
    const known = this.#known.get(source) ?? source.map?.() ?? Promise.resolve(undefined)
    this.#known.set(source, known)
    return known
  }

  unmap(): void {
    // One that failed to be mapped has been told of where it was asked for.
    for (const mapping of this.#known.values())
      mapping.then(
        mapped => mapped?.unmap(),
        () => {},
      )
    this.#known.clear()
  }
}

function inFormat(
  tensor: RowTensor,
  to: QuantName,
  importance: Importance | undefined,
  requantize: Requantize,
  mappings: Mappings,
): RowTensor {
  const { name, type, shape, source, offset: start } = tensor
  const columns = shape.at(-1)!
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1)
  const [fromBytes, toBytes] = [bytesFor(type, columns), bytesFor(to, columns)]
  const someRows = async (first: number, count: number) => {
    const mapping = await mappings.get(source)
    const data = mapping
      ? mapping.address + start + first * fromBytes
      : await source.read(start + first * fromBytes, count * fromBytes)
    const found = await requantize({ type, count, columns, data }, to, importance, first)
    if (mapping?.broken()) throw new SourceError(source.name, 'has lost bytes since it was opened')
    if (typeof found !== 'string') return found
    const field = `tensor ${name}`
    if (found === 'notFinite')
      throw new ModelFormatError({
        ...{ file: source.name, field },
        ...{ expected: 'finite numbers', found: 'one that is infinite or no number' },
      })
    const expected =
      found === 'tooLarge' ? `numbers within the range of ${to}` : 'a format that can be written'
    throw new UnsupportedModelError(
      `${source.name}: ${field}: expected ${expected}, found ${found === 'tooLarge' ? 'a larger one' : to}`,
    )
  }

  /** Bytes from within the row where they begin to within the one where they end. */
  const read = async (offset: number, length: number) => {
    const out = new Uint8Array(length)
    const most = Math.max(1, Math.floor(CHUNK / ((await mappings.get(source)) ? toBytes : fromBytes)))
    const end = Math.ceil((offset + length) / toBytes)
    for (let first = Math.floor(offset / toBytes); first < end; first += most) {
      const made = await someRows(first, Math.min(most, end - first))
      const at = first * toBytes - offset
      if (at === 0 && made.length === length) return made
      const from = Math.max(0, -at)
      out.set(made.subarray(from, Math.max(from, length - at)), at + from)
    }
    return out
  }
  const bytes = rows * toBytes
  return { name, type: to, shape, bytes, source: makeSource(source.name, bytes, read), offset: 0 }
}
