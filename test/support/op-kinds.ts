// All operations there are; the compiler sees to it that none is left out.
import type { OpKind } from '../../src/graph/ops.ts'

const kinds: Record<OpKind, true> = {
  embed: true,
  rows: true,
  matmul: true,
  rmsNorm: true,
  layerNorm: true,
  add: true,
  slice: true,
  concat: true,
  rope: true,
  cacheWrite: true,
  attention: true,
  activate: true,
  gate: true,
  softcap: true,
  matmulHeads: true,
  route: true,
  matmulExperts: true,
}

export const opKinds = Object.keys(kinds).sort() as readonly OpKind[]
