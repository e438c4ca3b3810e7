// Rewrites that every backend shares: fewer, fatter operations that compute the same. Each pass takes and
// answers a whole Program, so that they can be printed and tested one by one.
import { columns, type Op, type Program, type Tensor } from './ops.ts'

/** All passes in order. */
export function optimize(program: Program): Program {
  return [mergeMatmuls, mergeExperts, fuseNorms, fuseRope, fuseResiduals].reduce(
    (result, pass) => pass(result),
    program,
  )
}

/** Matmuls of one input become one operation of several weights, each with its own type and place. */
export function mergeMatmuls(program: Program): Program {
  const ops: Op[] = []
  const firstOf = new Map<string, number>()
  for (const op of program.ops) {
    if (op.kind !== 'matmul' || op.params.norm || op.params.residual) {
      ops.push(op)
      continue
    }
    const key = `${op.inputs[0]!.id} ${op.layer}`
    const at = firstOf.get(key)
    if (at === undefined) {
      firstOf.set(key, ops.push(op) - 1)
      continue
    }
    const first = ops[at] as Op<'matmul'>
    ops[at] = {
      ...first,
      params: { ...first.params, biases: [...first.params.biases, ...op.params.biases] },
      weights: [...first.weights, ...op.weights],
      outputs: [...first.outputs, ...op.outputs],
    }
  }
  return { ...program, ops }
}

/** Matmuls of one input with the same choice of experts become one operation of several weights. */
export function mergeExperts(program: Program): Program {
  const ops: Op[] = []
  for (const op of program.ops) {
    const before = ops.at(-1)
    if (
      op.kind === 'matmulExperts' &&
      before?.kind === 'matmulExperts' &&
      !op.params.sum &&
      !before.params.sum &&
      op.inputs.every((input, i) => input === before.inputs[i])
    )
      ops[ops.length - 1] = {
        ...before,
        weights: [...before.weights, ...op.weights],
        outputs: [...before.outputs, ...op.outputs],
      }
    else ops.push(op)
  }
  return { ...program, ops }
}

/** An rmsNorm of whole rows that only one matmul reads moves into that matmul's input. */
export function fuseNorms(program: Program): Program {
  const uses = useCounts(program)
  const norms = new Map<number, Op<'rmsNorm'>>()
  for (const op of program.ops)
    if (
      op.kind === 'rmsNorm' &&
      uses[op.outputs[0]!.id] === 1 &&
      op.weights[0]!.shape[0] === columns(op.inputs[0]!)
    )
      norms.set(op.outputs[0]!.id, op)

  const dropped = new Set<Op>()
  const ops = program.ops.map(op => {
    const norm = op.kind === 'matmul' && !op.params.norm ? norms.get(op.inputs[0]!.id) : undefined
    if (op.kind !== 'matmul' || !norm) return op
    dropped.add(norm)
    return {
      ...op,
      params: { ...op.params, norm: { eps: norm.params.eps } },
      inputs: [norm.inputs[0]!, ...op.inputs.slice(1)],
      weights: [...norm.weights, ...op.weights],
    }
  })
  return { ...program, ops: ops.filter(op => !dropped.has(op)) }
}

/** The rotations of k and q move into the cache write between them: one operation instead of three. */
export function fuseRope(program: Program): Program {
  const uses = useCounts(program)
  const made = producers(program)
  const ropeOf = (tensor: Tensor): Op<'rope'> | undefined => {
    const op = made.get(tensor.id)
    return op?.kind === 'rope' && uses[tensor.id] === 1 ? op : undefined
  }

  const dropped = new Set<Op>()
  const ops = program.ops.map(op => {
    const kRope = op.kind === 'cacheWrite' && op.inputs[1] ? ropeOf(op.inputs[0]!) : undefined
    if (op.kind !== 'cacheWrite' || !kRope) return op
    const reader = program.ops.find(other => other.kind === 'attention' && other.inputs[1] === op.outputs[0])
    const qRope = reader ? ropeOf(reader.inputs[0]!) : undefined
    const withQ = qRope && sameRotation(kRope, qRope) && isBefore(program, qRope, op)
    dropped.add(kRope)
    if (withQ) dropped.add(qRope)
    return {
      ...op,
      params: { ...op.params, rope: kRope.params },
      inputs: [kRope.inputs[0]!, op.inputs[1]!, ...(withQ ? qRope.inputs : [])],
      weights: kRope.weights,
      outputs: [...op.outputs, ...(withQ ? qRope.outputs : [])],
    }
  })
  return { ...program, ops: ops.filter(op => !dropped.has(op)) }
}

/** `x + matmul(...)`: the matmul adds to what is there. */
export function fuseResiduals(program: Program): Program {
  const uses = useCounts(program)
  const made = producers(program)
  const replaced = new Map<Op, Op>()
  const dropped = new Set<Op>()
  for (const add of program.ops) {
    if (add.kind !== 'add') continue
    for (const [residual, sum] of [add.inputs, [...add.inputs].reverse()] as [Tensor, Tensor][]) {
      const matmul = made.get(sum.id)
      if (matmul?.kind !== 'matmul' || matmul.outputs.length !== 1 || matmul.params.residual) continue
      if (uses[sum.id] !== 1) continue
      const source = made.get(residual.id)
      if (source && !isBefore(program, source, matmul)) continue
      replaced.set(matmul, {
        ...matmul,
        params: { ...matmul.params, residual: true },
        inputs: [matmul.inputs[0]!, residual],
        outputs: add.outputs,
      })
      dropped.add(add)
      break
    }
  }
  const ops = program.ops.filter(op => !dropped.has(op)).map(op => replaced.get(op) ?? op)
  return { ...program, ops }
}

function sameRotation(a: Op<'rope'>, b: Op<'rope'>): boolean {
  return JSON.stringify(a.params) === JSON.stringify(b.params) && a.weights[0]?.name === b.weights[0]?.name
}

function isBefore(program: Program, a: Op, b: Op): boolean {
  return program.ops.indexOf(a) < program.ops.indexOf(b)
}

function producers(program: Program): Map<number, Op> {
  return new Map(program.ops.flatMap(op => op.outputs.map(tensor => [tensor.id, op] as const)))
}

/** How often each tensor is read; the logits count as read by the caller. */
function useCounts(program: Program): Int32Array {
  const counts = new Int32Array(program.tensorCount)
  for (const op of program.ops) for (const tensor of op.inputs) counts[tensor.id]!++
  counts[program.logits.id]!++
  return counts
}
