// The tensors that a model file offers, asked for by name and shape while a forward pass is recorded.
import { UnsupportedModelError } from '../errors.ts'
import type { Weight } from '../graph/ops.ts'

/** Tensors by name; shapes are row-major. */
export type TensorDirectory = {
  get(name: string): { readonly type: string; readonly shape: readonly number[] } | undefined
  keys(): Iterable<string>
}

export class Weights {
  constructor(
    readonly tensors: TensorDirectory,
    readonly prefix = '',
    /** Names that were asked for. */
    private readonly asked = new Set<string>(),
  ) {}

  /** The tensors of block `index`: `blk.3.`. */
  block(index: number): Weights {
    return new Weights(this.tensors, `${this.prefix}blk.${index}.`, this.asked)
  }

  has(name: string): boolean {
    return this.tensors.get(this.prefix + name) !== undefined
  }

  /** How many rows the matrix has, if the file has it. */
  rows(name: string): number | undefined {
    return this.tensors.get(this.prefix + name)?.shape[0]
  }

  /** A tensor that is another choice than the one taken. */
  passOver(name: string): void {
    this.asked.add(this.prefix + name)
  }

  /** A tensor that belongs to no block, if the file has it. */
  shared(name: string, shape: readonly number[]): Weight | undefined {
    return new Weights(this.tensors, '', this.asked).optional(name, shape)
  }

  /** The tensor, which must be there and have `shape`. */
  need(name: string, shape: readonly number[]): Weight {
    return (
      this.optional(name, shape) ??
      fail(`tensor ${this.prefix}${name}`, `shape [${shape.join(', ')}]`, 'no such tensor in the file')
    )
  }

  /** The tensor if the file has it; a wrong shape is an error all the same. */
  optional(name: string, shape: readonly number[]): Weight | undefined {
    const full = this.prefix + name
    this.asked.add(full)
    const tensor = this.tensors.get(full)
    if (!tensor) return undefined
    const found = padded(withoutPadding(tensor.shape, shape.length), shape.length)
    if (found.length !== shape.length || found.some((size, i) => size !== shape[i]))
      fail(`tensor ${full}`, `shape [${shape.join(', ')}]`, `[${tensor.shape.join(', ')}]`)
    return { name: full, type: tensor.type, shape: found }
  }

  /** A tensor that the forward pass leaves out would mean wrong answers: the model is not what it says. */
  expectAllUsed(architecture: string): void {
    const unused = [...this.tensors.keys()].filter(name => !this.asked.has(name))
    if (unused.length > 0)
      fail(`tensor ${unused[0]}`, `one that a ${architecture} model has`, `${unused.length} that it has not`)
  }
}

/** Files may pad shapes with leading (row-major) ones. */
function withoutPadding(shape: readonly number[], dimensions: number): readonly number[] {
  let from = 0
  while (shape.length - from > dimensions && shape[from] === 1) from++
  return shape.slice(from)
}

/** A matrix of one row may be written as a vector. */
function padded(shape: readonly number[], dimensions: number): readonly number[] {
  return [...new Array<number>(Math.max(0, dimensions - shape.length)).fill(1), ...shape]
}

function fail(what: string, expected: string, found: string): never {
  throw new UnsupportedModelError(`${what}: expected ${expected}, found ${found}`)
}
