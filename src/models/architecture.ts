// What a model family is: the names it goes by, how it reads its hyperparameters, and its forward pass.
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../graph/ops.ts'
import type { Meta } from './meta.ts'
import type { Weights } from './weights.ts'

/** What every family's configuration has. */
export interface BaseConfig {
  readonly layers: number
  readonly dim: number
  readonly vocabulary: number
  /** Tokens that the model was trained to see at once. */
  readonly contextLength: number
}

export interface ConfigOptions {
  /** Context that the user asked for; scaling variants choose their factors by it. */
  readonly maxSeqLen: number
  /** What the file holds: some sizes follow only from shapes. */
  readonly weights: Weights
}

export interface Architecture<C extends BaseConfig = BaseConfig> {
  /** Values of `general.architecture` that it answers to. */
  readonly names: readonly string[]
  config(meta: Meta, options: ConfigOptions): C
  /** Records the pass from the step's tokens to `[R, vocabulary]` logits. */
  forward(g: Graph, c: C, w: Weights): Tensor
}

/** Lets TypeScript infer the configuration's type from `config`. */
export function architecture<C extends BaseConfig>(definition: Architecture<C>): Architecture<C> {
  return definition
}
