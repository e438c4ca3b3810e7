// Lazy weights: they stay in their files, from which native code reads them step by step into memory of a fixed size.
import { UnsupportedModelError } from '../../errors.ts'
import type { NativeOs } from '../../ffi/os.ts'
import { type Program, programWeights } from '../../graph/ops.ts'
import type { FilePlace, OpenWeights, WeightSource } from '../backend.ts'
import { planLazy, streamedWeights } from './lazy-plan.ts'
import { Copies, type NativeWeights } from './weights.ts'

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
    const streamed = new Set(program.ops.flatMap(streamedWeights).map(({ name }) => name))
    // The others are few and small: norms and biases, which become floats when the program is compiled.
    const small = programWeights(program).filter(({ name }) => !streamed.has(name))
    for (const { name } of small) await copies.add(name, source, false)
    const places = ({ name }: { readonly name: string }) => placesOf(name, files)
    const { bytes } = planLazy(program, { budget, places, base: 0 })
    const plan = planLazy(program, { budget, places, base: copies.reserve(bytes, 'weights') })
    return {
      lazy: plan,
      addresses(name) {
        const copy = copies.address(name)
        return copy === undefined ? (plan.kept.get(name) ?? [0]) : [copy]
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

function placesOf(name: string, files: OpenWeights | undefined): readonly FilePlace[] {
  const places = files?.places(name)
  if (places === undefined)
    throw new UnsupportedModelError(
      `lazy: tensor ${name} lies in no file as it is, and cannot be read from there step by step`,
    )
  return places
}
