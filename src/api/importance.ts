// Importance matrices as quantizers take them: how much an error in each column of each matrix counts.
import { ModelFormatError } from '../errors.ts'
import { type ColumnSums, readImportance } from '../formats/imatrix.ts'
import type { TensorInfo } from '../formats/model-file.ts'
import type { Importance } from '../quant/requantize.ts'
import { type ModelLocation, openSource } from './open.ts'

export interface ImportanceMatrix {
  /** The file's name. */
  readonly name: string
  readonly datasets: readonly string[]
  /** Stretches of text that it was computed from, if the file says it. */
  readonly chunks: number | undefined
  readonly tensors: ReadonlyMap<string, Importance>
}

/** Reads the file; rejects with a ModelFormatError if it is malformed, or of a model with other shapes. */
export async function loadImportance(
  location: ModelLocation,
  tensors: ReadonlyMap<string, TensorInfo>,
): Promise<ImportanceMatrix> {
  const source = await openSource(location)
  try {
    const file = await readImportance(source)
    const found = new Map<string, Importance>()
    for (const [name, sums] of file.tensors) {
      const tensor = tensors.get(name)
      if (!tensor) continue
      const matrices = tensor.shape.slice(0, -2).reduce((product, size) => product * size, 1)
      const expected = matrices * tensor.shape.at(-1)!
      if (sums.sums.length !== expected)
        throw new ModelFormatError({
          ...{ file: source.name, field: `values of ${name}` },
          ...{
            expected: `${expected}, as the tensor of the model has columns`,
            found: `${sums.sums.length}`,
          },
        })
      found.set(name, { values: relative(sums, matrices), matrixRows: tensor.shape.at(-2) ?? 1 })
    }
    if (found.size === 0)
      throw new ModelFormatError({
        ...{ file: source.name, field: 'tensors' },
        ...{ expected: 'some that the model has', found: 'none of them' },
      })
    return { name: source.name, datasets: file.datasets, chunks: file.chunks?.count, tensors: found }
  } finally {
    await source.close()
  }
}

/** Such that a matrix's columns count 1 on average, and all of them 1 where nothing is known: an expert that no text reached. */
function relative({ sums }: ColumnSums, matrices: number): Float32Array {
  const columns = sums.length / matrices
  const values = new Float32Array(sums.length).fill(1)
  for (let at = 0; at < sums.length; at += columns) {
    const ofMatrix = sums.subarray(at, at + columns)
    const mean = ofMatrix.reduce((sum, value) => sum + value, 0) / columns
    if (mean > 0)
      values.set(
        ofMatrix.map(sum => sum / mean),
        at,
      )
  }
  return values
}
