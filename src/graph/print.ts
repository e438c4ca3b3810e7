// A Program as text: what `inspect --program` shows and what snapshot tests compare.
import type { Cache, CacheGroup, Op, Program, RopeParams, Tensor, Weight } from './ops.ts'

/** One line an operation: `%3 blk.0.attn_q [T, 64], ... = matmul(%1; blk.0.attn_q.weight Q4_0 [64, 64]) {...}`. */
export function printProgram(program: Program): string {
  const lines = [
    ...program.groups.map((group, i) => `group ${i}: ${printGroup(group)}`),
    ...program.caches.map((cache, i) => `cache ${i}: ${printCache(cache)}`),
  ]
  let layer: number | undefined
  for (const op of program.ops) {
    if (op.layer !== layer) lines.push('', `layer ${op.layer}`)
    layer = op.layer
    lines.push(`  ${printOp(op)}`)
  }
  lines.push('', `logits: %${program.logits.id} ${program.logits.name} ${shape(program.logits)}`, '')
  return lines.join('\n')
}

function printOp(op: Op): string {
  const outputs = op.outputs.map(t => (t.dtype === 'cache' ? `%${t.id}` : `%${t.id} ${t.name} ${shape(t)}`))
  const inputs = op.inputs.map(t => `%${t.id}`).join(', ')
  const weights = op.weights.map(w => `${w.name} ${w.type} ${shape(w)}`).join(', ')
  const operands = [inputs, weights].filter(Boolean).join('; ')
  return `${outputs.join(', ')} = ${op.kind}(${operands})${printParams(op.params)}`
}

function printParams(params: object): string {
  const entries = Object.entries(params).flatMap(([key, value]) => {
    if (key === 'biases') return value.includes(true) ? [`biases: ${JSON.stringify(value)}`] : []
    if (value === false) return []
    return [`${key}: ${printValue(value)}`]
  })
  return entries.length ? ` {${entries.join(', ')}}` : ''
}

function printValue(value: unknown): string {
  if (typeof value === 'number') return String(Number(value.toPrecision(7)))
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return printNumbers(value)
  const entries = Object.entries(value as RopeParams).map(([key, inner]) => `${key}: ${printValue(inner)}`)
  return `{${entries.join(', ')}}`
}

function printNumbers(values: readonly number[]): string {
  const shown = values.length > 4 ? [...values.slice(0, 3), values.at(-1)!] : values
  const texts = shown.map(printValue)
  if (values.length > 4) texts.splice(3, 0, '...')
  return `[${texts.join(', ')}](${values.length})`
}

function printGroup(group: CacheGroup): string {
  return group.kind === 'window' ? `window of ${group.window}` : group.kind
}

function printCache({ group, layer, kvHeads, keyDim, valueDim }: Cache): string {
  return `group ${group}, layer ${layer}, ${kvHeads} heads, keys of ${keyDim}, values of ${valueDim}`
}

function shape(of: Tensor | Weight): string {
  return `[${of.shape.join(', ')}]`
}
