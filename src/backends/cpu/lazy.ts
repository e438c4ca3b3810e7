// Lazy weights: they stay in their files, from which native code reads them step by step into memory of a fixed size.
import { UnsupportedModelError } from '../../errors.ts'
import type { NativeOs } from '../../ffi/os.ts'
import { type Program, programWeights, type Weight } from '../../graph/ops.ts'
import { packedType, partBytes, placeBytes, type WeightType } from '../../quant/packed.ts'
import type { FilePlace, OpenWeights, WeightSource } from '../backend.ts'
import { planLazy, streamedWeights } from './lazy-plan.ts'
import { Copies, type CopyOptions, type NativeWeights } from './weights.ts'

/**
 * Opens the files and reserves `budget` bytes at most. Rejects with InvalidOptionError if the model needs more, with
 * UnsupportedModelError if a large weight lies in no file.
 */
export async function lazyWeights(
  program: Program,
  source: WeightSource,
  os: NativeOs,
  budget: number,
): Promise<NativeWeights> {
  const files = await source.open?.()
  const copies = new Copies(os)
  const release = () => {
    copies.release()
    files?.close()
  }
  try {
    const streamed = new Map(program.ops.flatMap(streamedWeights).map(weight => [weight.name, weight]))
    const copied = new Map<string, number[]>()
    const copy = async (name: string, options?: CopyOptions) => {
      copied.set(name, [...(copied.get(name) ?? []), await copies.add(source.piece(name), name, options)])
    }
    // The others are few and small: norms and biases, which become floats when the program is compiled.
    for (const { name } of programWeights(program)) if (!streamed.has(name)) await copy(name)
    for (const weight of streamed.values())
      for (const extent of othersOf(weight)) await copy(weight.name, extent)
    const places = (weight: Weight) => placesOf(weight, files)
    const { bytes } = planLazy(program, { budget, places, base: 0 })
    const plan = planLazy(program, { budget, places, base: copies.reserve(bytes, 'weights') })
    return {
      lazy: plan,
      addresses(name) {
        const own = copied.get(name)
        const weight = streamed.get(name)
        const kept = plan.kept.get(name)
        if (!weight) return own!
        if (!own) return kept ?? [0]
        // Of matrices in parts, the numbers of each before its other parts.
        const others = partsOf(weight) - 1
        return Array.from({ length: own.length / others }, (_, i) => [
          kept?.[i] ?? 0,
          ...own.slice(i * others, (i + 1) * others),
        ]).flat()
      },
      nameOf: file => files!.nameOf(file),
      check() {},
      release,
    }
  } catch (error) {
    release()
    throw error
  }
}

/** In how many parts each of its matrices is; 1 if in none. */
function partsOf({ type, shape }: Weight): number {
  const packed = packedType(type)
  const [rows, columns] = shape.slice(-2) as [number, number]
  return packed ? partBytes(packed, { rows, columns }).length : 1
}

/** Of matrices in parts the numbers' places. */
function placesOf(weight: Weight, files: OpenWeights | undefined): FilePlace[] {
  const places = files?.places(weight.name) ?? [undefined]
  const sizes = placeBytes(weight.type as WeightType, weight.shape)
  const parts = partsOf(weight)
  const numbers =
    parts === 1 ? places : sizes.flatMap((_, i) => (i % parts === 0 ? [placeOf(places, sizes, i)] : []))
  const found = numbers.filter(place => place !== undefined)
  if (found.length < numbers.length)
    throw new UnsupportedModelError(
      `lazy: tensor ${weight.name} lies in no file as it is, and cannot be read from there step by step`,
    )
  return found
}

/** Where place `index` is, of several that lie apart or one behind the other. */
function placeOf(
  places: readonly (FilePlace | undefined)[],
  sizes: readonly number[],
  index: number,
): FilePlace | undefined {
  if (places.length === sizes.length) return places[index]
  const before = sizes.slice(0, index).reduce((a, b) => a + b, 0)
  return places[0] && { file: places[0].file, offset: places[0].offset + before }
}

/** All parts of a matrix, or of several, but the numbers: they stay in memory. */
function othersOf(weight: Weight): { readonly from: number; readonly bytes: number }[] {
  const parts = partsOf(weight)
  if (parts === 1) return []
  let from = 0
  return placeBytes(weight.type as WeightType, weight.shape).flatMap((bytes, i) => {
    from += bytes
    return i % parts === 0 ? [] : [{ from: from - bytes, bytes }]
  })
}
