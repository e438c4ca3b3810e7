// All model families, and how a file's metadata and tensors become a recorded program.
import { UnsupportedModelError } from '../errors.ts'
import { Graph } from '../graph/graph.ts'
import type { Program } from '../graph/ops.ts'
import { optimize } from '../graph/optimize.ts'
import type { Architecture, BaseConfig } from './architecture.ts'
import { deepseek } from './deepseek.ts'
import { deepseek2 } from './deepseek2.ts'
import { gemma } from './gemma.ts'
import { llama } from './llama.ts'
import { Meta, type MetaValues, shown } from './meta.ts'
import { phi2, phi3 } from './phi.ts'
import { qwen } from './qwen.ts'
import { type TensorDirectory, Weights } from './weights.ts'

const architectures: readonly Architecture[] = [llama, qwen, phi2, phi3, gemma, deepseek, deepseek2]

/** Every name that a file may have for its architecture. */
export const architectureNames: readonly string[] = architectures.flatMap(({ names }) => names)

/** The family that answers to a name. Throws UnsupportedModelError if none does. */
export function architectureOf(name: string): Architecture {
  const family = architectures.find(({ names }) => names.includes(name))
  if (family) return family
  throw new UnsupportedModelError(
    `architecture: expected one of ${architectureNames.join(', ')}, found ${name}`,
  )
}

export interface RecordedModel {
  readonly architecture: string
  readonly config: BaseConfig
  readonly program: Program
}

/**
 * Records the forward pass of the model that `metadata` describes, over the tensors that are there. `architecture` is what
 * the model is taken for, whatever the file calls it.
 * Throws UnsupportedModelError naming the architecture, metadata or tensor that does not fit.
 */
export function recordModel(
  metadata: MetaValues,
  tensors: TensorDirectory,
  options: { readonly maxSeqLen?: number | undefined; readonly architecture?: string | undefined } = {},
): RecordedModel {
  const own = metadata.get('general.architecture')
  if (typeof own !== 'string')
    throw new UnsupportedModelError(`metadata general.architecture: expected a text, found ${shown(own)}`)
  const name = options.architecture ?? own
  const family = architectureOf(name)
  const meta = new Meta(name, metadata, own)
  const weights = new Weights(tensors)
  const maxSeqLen = options.maxSeqLen ?? meta.count('context_length')
  const config = family.config(meta, { maxSeqLen, weights })
  const graph = new Graph()
  const program = optimize(graph.finish(family.forward(graph, config, weights)))
  weights.expectAllUsed(name)
  return { architecture: name, config, program }
}
