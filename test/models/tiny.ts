// The tiny fixture llama as metadata and tensors that tests change before it is recorded.
import { typed } from '../../src/formats/gguf/values.ts'
import { Graph } from '../../src/graph/graph.ts'
import type { Op, OpKind, Program } from '../../src/graph/ops.ts'
import { llama } from '../../src/models/llama.ts'
import { Meta } from '../../src/models/meta.ts'
import { recordModel } from '../../src/models/registry.ts'
import { Weights } from '../../src/models/weights.ts'
import { tinyLlama } from '../fixtures/models.ts'

interface TinyTensor {
  readonly type: string
  readonly shape: readonly number[]
}

export interface Tiny {
  readonly metadata: Map<string, unknown>
  readonly tensors: Map<string, TinyTensor>
}

export interface Changes {
  /** Without `llama.`; undefined: the key is not there. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Shapes of F32 tensors; undefined: the tensor is not there. */
  readonly tensors?: Readonly<Record<string, readonly number[] | undefined>>
}

const model = tinyLlama({ seed: 1, type: 'F32' })

/** 2 layers of 64, 4 heads of 16 on 2 of keys and values, 128 hidden. */
export function tiny(changes: Changes = {}): Tiny {
  const metadata = new Map<string, unknown>()
  for (const [key, value] of Object.entries(model.metadata)) metadata.set(key, typed(value).value)
  const tensors = new Map<string, TinyTensor>(model.tensors.map(tensor => [tensor.name, tensor]))
  for (const [key, value] of Object.entries(changes.metadata ?? {})) put(metadata, `llama.${key}`, value)
  for (const [name, shape] of Object.entries(changes.tensors ?? {}))
    put(tensors, name, shape && { type: 'F32', shape })
  return { metadata, tensors }
}

function put<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}

/** As a model is loaded: recorded and optimised. */
export function record(changes: Changes = {}) {
  const { metadata, tensors } = tiny(changes)
  return recordModel(metadata, tensors)
}

/** The hyperparameters alone, whether or not the tensors fit them. */
export function configOf(changes: Changes = {}) {
  const { metadata, tensors } = tiny(changes)
  return llama.config(new Meta('llama', metadata), { maxSeqLen: 256, weights: new Weights(tensors) })
}

/** As the family records it. */
export function recordPlainly(changes: Changes = {}): Program {
  const graph = new Graph()
  return graph.finish(llama.forward(graph, configOf(changes), new Weights(tiny(changes).tensors)))
}

export function opsOf<K extends OpKind>({ ops }: Program, kind: K): readonly Op<K>[] {
  return ops.filter(op => op.kind === kind) as unknown as readonly Op<K>[]
}
