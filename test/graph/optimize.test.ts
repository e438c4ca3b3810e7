// What each rewrite fuses, and what it must leave alone. That results stay the same is for test/conformance.
import { describe, expect, test } from 'vitest'
import { Graph } from '../../src/graph/graph.ts'
import type { Program, Tensor } from '../../src/graph/ops.ts'
import { fuseNorms, fuseResiduals, fuseRope, mergeMatmuls, optimize } from '../../src/graph/optimize.ts'
import { range } from '../conformance/random.ts'
import { randomProgram, rotation, weight } from './make.ts'

/** One line an operation, by names only; ids and the rest are for print.test.ts. */
function outline({ ops }: Program): string[] {
  const names = (list: readonly { name: string }[]) => list.map(({ name }) => name).join(', ')
  return ops.map(
    ({ kind, inputs, weights, outputs }) =>
      `${names(outputs)} = ${kind}(${[names(inputs), names(weights)].filter(Boolean).join('; ')})`,
  )
}

/** Records over x (`[T, 8]`) in layer 0; what is answered is the tensor whose rows become logits. */
function recorded(record: (g: Graph, x: Tensor) => Tensor): Program {
  const g = new Graph()
  const x = g.embed(weight('x', 50, 8))
  g.layer = 0
  const last = record(g, x)
  g.layer = 1
  return g.finish(last.shape[0] === 'R' ? last : g.rows(last))
}

const matrix = (name: string, rows = 8, columns = 8) => weight(name, rows, columns)
const gain = (length = 8) => weight('gain', length)

type Untouched = Record<string, (g: Graph, x: Tensor) => Tensor>

function leavesAlone(pass: (program: Program) => Program, programs: Untouched): void {
  test.each(Object.entries(programs))('leaves alone %s', (_, record) => {
    const program = recorded(record)
    expect(pass(program)).toEqual(program)
  })
}

describe('mergeMatmuls', () => {
  test('makes matmuls of one input one, at the place of the first, each part as it was', () => {
    const parts = [
      { ...matrix('q', 8), type: 'Q4_K' },
      { ...matrix('k', 4), type: 'Q8_0' },
      { ...matrix('v', 4), type: 'Q6_K' },
    ] as const
    const bias = weight('k.bias', 4)
    const program = recorded((g, x) => {
      const q = g.matmul(x, parts[0])
      const between = g.rmsNorm(q, gain(), 1)
      g.gate(g.matmul(x, parts[1], bias), g.matmul(x, parts[2]), 'silu')
      return between
    })
    const merged = mergeMatmuls(program)
    expect(outline(merged)).toEqual([
      'embed.-1 = embed(x)',
      'q, k, v = matmul(embed.-1; q, k, k.bias, v)',
      'rmsNorm.0 = rmsNorm(q; gain)',
      'gate.0 = gate(k, v)',
      'rows.1 = rows(rmsNorm.0)',
    ])
    expect(merged.ops[1]).toMatchObject({
      layer: 0,
      params: { biases: [false, true, false], residual: false },
      weights: [parts[0], parts[1], bias, parts[2]],
      outputs: [{ shape: ['T', 8] }, { shape: ['T', 4] }, { shape: ['T', 4] }],
    })
  })

  leavesAlone(mergeMatmuls, {
    'matmuls of different inputs, even if of equal ones': (g, x) => {
      const [a, b] = [g.rmsNorm(x, gain(), 1), g.rmsNorm(x, gain(), 1)]
      return g.add(g.matmul(a, matrix('a')), g.matmul(b, matrix('b')))
    },
    'matmuls that belong to different layers': (g, x) => {
      const a = g.matmul(x, matrix('a'))
      g.layer = 1
      return g.add(a, g.matmul(x, matrix('b')))
    },
    'a matmul of what another made': (g, x) => g.matmul(g.matmul(x, matrix('a')), matrix('b')),
  })
})

describe('fuseNorms', () => {
  test('moves a norm into the one matmul that reads it', () => {
    const program = recorded((g, x) => g.matmul(g.rmsNorm(x, gain(), 0.25), matrix('a'), weight('bias', 8)))
    const fused = fuseNorms(program)
    expect(outline(fused)).toEqual([
      'embed.-1 = embed(x)',
      'a = matmul(embed.-1; gain, a, bias)',
      'rows.1 = rows(a)',
    ])
    expect(fused.ops[1]!.params).toEqual({ norm: { eps: 0.25 }, biases: [true], residual: false })
  })

  test('into a matmul of several weights, too', () => {
    const program = recorded((g, x) => {
      const normed = g.rmsNorm(x, gain(), 1)
      return g.gate(g.matmul(normed, matrix('gate')), g.matmul(normed, matrix('up')), 'silu')
    })
    expect(outline(fuseNorms(mergeMatmuls(program)))[1]).toBe('gate, up = matmul(embed.-1; gain, gate, up)')
  })

  test('of two norms in a row, the second', () => {
    const program = recorded((g, x) =>
      g.matmul(g.rmsNorm(g.rmsNorm(x, weight('first', 8), 1), weight('second', 8), 2), matrix('a')),
    )
    expect(outline(fuseNorms(program)).slice(1, 3)).toEqual([
      'rmsNorm.0 = rmsNorm(embed.-1; first)',
      'a = matmul(rmsNorm.0; second, a)',
    ])
  })

  leavesAlone(fuseNorms, {
    'a norm that two matmuls read': (g, x) => {
      const normed = g.rmsNorm(x, gain(), 1)
      return g.add(g.matmul(normed, matrix('a')), g.matmul(normed, matrix('b')))
    },
    'a norm that something else reads, too': (g, x) => {
      const normed = g.rmsNorm(x, gain(), 1)
      return g.add(normed, g.matmul(normed, matrix('a')))
    },
    'a norm that is the result': (g, x) => {
      const normed = g.rmsNorm(g.rows(x), gain(), 1)
      g.matmul(normed, matrix('a'))
      return normed
    },
    'a norm of each head': (g, x) => g.matmul(g.rmsNorm(x, gain(4), 1), matrix('a')),
    'a norm that no matmul reads': (g, x) => g.add(x, g.rmsNorm(x, gain(), 1)),
  })

  test('a norm that a matmul adds, and does not multiply, stays', () => {
    const program = fuseResiduals(
      recorded((g, x) => g.add(g.rmsNorm(x, gain(), 1), g.matmul(x, matrix('a')))),
    )
    expect(outline(program)).toContain('add.0 = matmul(embed.-1, rmsNorm.0; a)')
    expect(fuseNorms(program)).toEqual(program)
  })
})

describe('fuseRope', () => {
  interface Parts {
    readonly g: Graph
    readonly q: Tensor
    readonly k: Tensor
    readonly v: Tensor
    readonly cache: number
  }
  /** What attends gets 2 heads of 4 each. */
  const attend = (g: Graph, q: Tensor, written: Tensor, cache: number) =>
    g.attention(q, written, { cache, heads: 2, scale: 1 })
  const parts = (record: (parts: Parts) => Tensor) => (g: Graph, x: Tensor) => {
    const [q, k, v] = ['q', 'k', 'v'].map(name => g.matmul(x, matrix(name))) as [Tensor, Tensor, Tensor]
    const cache = g.cache({ kind: 'full' }, { kvHeads: 2, keyDim: 4, valueDim: 4 })
    return record({ g, q, k, v, cache })
  }
  const tail = (program: Program) => outline(fuseRope(program)).slice(4, -1)
  const ropes = rotation(4)

  test('makes rotating k and q part of the write between them', () => {
    const divisors = weight('divisors', 2)
    const program = recorded(
      parts(({ g, q, k, v, cache }) =>
        attend(g, g.rope(q, ropes, divisors), g.cacheWrite(g.rope(k, ropes, divisors), v, cache), cache),
      ),
    )
    expect(tail(program)).toEqual([
      'cacheWrite.0, rope.0 = cacheWrite(k, v, q; divisors)',
      'attention.0 = attention(rope.0, cacheWrite.0)',
    ])
    const { params, weights, outputs } = fuseRope(program).ops[4]!
    expect(params).toEqual({ cache: 0, rope: ropes })
    expect(weights).toEqual([divisors])
    // The second is q's rotation, not k's: attention reads it by its id.
    expect(outputs).toEqual([program.ops[6]!.outputs[0], program.ops[4]!.outputs[0]])
  })

  test('with the cache of each layer', () => {
    const program = recorded((g, x) => {
      for (const layer of [0, 1]) {
        g.layer = layer
        x = parts(({ g, q, k, v, cache }) =>
          attend(g, g.rope(q, ropes), g.cacheWrite(g.rope(k, ropes), v, cache), cache),
        )(g, x)
      }
      return x
    })
    const fused = fuseRope(program).ops.filter(({ kind }) => kind === 'cacheWrite' || kind === 'rope')
    expect(fused.map(({ layer, params }) => [layer, params])).toEqual([
      [0, { cache: 0, rope: ropes }],
      [1, { cache: 1, rope: ropes }],
    ])
  })

  const onlyK: Record<string, (parts: Parts) => Tensor> = {
    'q is rotated otherwise': ({ g, q, k, v, cache }) => {
      const query = g.rope(q, { ...ropes, magnitude: 2 })
      return attend(g, query, g.cacheWrite(g.rope(k, ropes), v, cache), cache)
    },
    'q has other frequencies': ({ g, q, k, v, cache }) => {
      const query = g.rope(q, { ...ropes, frequencies: [1, 0.25] })
      return attend(g, query, g.cacheWrite(g.rope(k, ropes), v, cache), cache)
    },
    'q has other divisors': ({ g, q, k, v, cache }) => {
      const query = g.rope(q, ropes, weight('a', 2))
      return attend(g, query, g.cacheWrite(g.rope(k, ropes, weight('b', 2)), v, cache), cache)
    },
    'only q has divisors': ({ g, q, k, v, cache }) => {
      const query = g.rope(q, ropes, weight('a', 2))
      return attend(g, query, g.cacheWrite(g.rope(k, ropes), v, cache), cache)
    },
    'the rotated q is read twice': ({ g, q, k, v, cache }) => {
      const query = g.rope(q, ropes)
      return g.add(query, attend(g, query, g.cacheWrite(g.rope(k, ropes), v, cache), cache))
    },
    'q is not rotated': ({ g, q, k, v, cache }) =>
      attend(g, q, g.cacheWrite(g.rope(k, ropes), v, cache), cache),
    'q is rotated after the write': ({ g, q, k, v, cache }) => {
      const written = g.cacheWrite(g.rope(k, ropes), v, cache)
      return attend(g, g.rope(q, ropes), written, cache)
    },
    'nothing attends': ({ g, q, k, v, cache }) => {
      g.cacheWrite(g.rope(k, ropes), v, cache)
      return g.rope(q, ropes)
    },
  }
  test.each(Object.entries(onlyK))('moves only the rotation of k if %s', (_, record) => {
    const program = recorded(parts(record))
    const fused = fuseRope(program)
    const ofQ = (lines: string[]) => lines.filter(line => line.startsWith('rope.0 = rope(q'))
    expect(ofQ(outline(fused))).toEqual(ofQ(outline(program)))
    expect(outline(fused).filter(line => line.includes('rope(k'))).toEqual([])
    const write = fused.ops.find(({ kind }) => kind === 'cacheWrite')!
    expect(write.inputs.map(({ name }) => name)).toEqual(['k', 'v'])
    expect(write).toMatchObject({ params: { rope: ropes }, outputs: [{ name: 'cacheWrite.0' }] })
  })

  test('of two queries, the one that attends first', () => {
    const program = recorded(
      parts(({ g, q, k, v, cache }) => {
        const [a, b] = [g.rope(q, ropes), g.rope(v, ropes)]
        const written = g.cacheWrite(g.rope(k, ropes), v, cache)
        return g.add(attend(g, a, written, cache), attend(g, b, written, cache))
      }),
    )
    expect(tail(program).slice(0, 2)).toEqual([
      'rope.0 = rope(v)',
      'cacheWrite.0, rope.0 = cacheWrite(k, v, q)',
    ])
  })

  leavesAlone(fuseRope, {
    'a rotated k that is read twice': parts(({ g, q, k, v, cache }) => {
      const key = g.rope(k, ropes)
      return g.add(key, attend(g, g.rope(q, ropes), g.cacheWrite(key, v, cache), cache))
    }),
    'a rotated k that is the values, too': parts(({ g, q, k, cache }) => {
      const key = g.rope(k, ropes)
      return attend(g, g.rope(q, ropes), g.cacheWrite(key, key, cache), cache)
    }),
    'a k that is not rotated': parts(({ g, q, k, v, cache }) =>
      attend(g, g.rope(q, ropes), g.cacheWrite(k, v, cache), cache),
    ),
    'values that are rotated': parts(({ g, q, k, v, cache }) =>
      attend(g, q, g.cacheWrite(k, g.rope(v, ropes), cache), cache),
    ),
  })
})

describe('fuseResiduals', () => {
  test.each([
    ['x + matmul', (g: Graph, x: Tensor) => g.add(x, g.matmul(x, matrix('a'), weight('bias', 8)))],
    ['matmul + x', (g: Graph, x: Tensor) => g.add(g.matmul(x, matrix('a'), weight('bias', 8)), x)],
  ])('makes %s one operation', (_, record) => {
    const program = recorded(record)
    const fused = fuseResiduals(program)
    expect(outline(fused)).toEqual([
      'embed.-1 = embed(x)',
      'add.0 = matmul(embed.-1, embed.-1; a, bias)',
      'rows.1 = rows(add.0)',
    ])
    expect(fused.ops[1]!.params).toEqual({ biases: [true], residual: true })
  })

  test('of two matmuls, the later one adds the earlier', () => {
    for (const order of [
      (a: Tensor, b: Tensor) => [a, b] as const,
      (a: Tensor, b: Tensor) => [b, a] as const,
    ]) {
      const program = recorded((g, x) => {
        const [a, b] = [g.matmul(x, matrix('a')), g.matmul(x, matrix('b'))]
        return g.add(...order(a, b))
      })
      expect(outline(fuseResiduals(program)).slice(1, 3)).toEqual([
        'a = matmul(embed.-1; a)',
        'add.0 = matmul(embed.-1, a; b)',
      ])
    }
  })

  test('of two sums in a row, a matmul takes the first', () => {
    const program = recorded((g, x) => g.add(x, g.add(x, g.matmul(x, matrix('a')))))
    const fused = fuseResiduals(program)
    expect(outline(fused).slice(1, 3)).toEqual([
      'add.0 = matmul(embed.-1, embed.-1; a)',
      'add.0 = add(embed.-1, add.0)',
    ])
    expect(fuseResiduals(fused)).toEqual(fused)
  })

  test('keeps the norm that is in the matmul already', () => {
    const program = recorded((g, x) => g.add(x, g.matmul(g.rmsNorm(x, gain(), 0.5), matrix('a'))))
    expect(fuseResiduals(fuseNorms(program)).ops[1]).toMatchObject({
      params: { norm: { eps: 0.5 }, biases: [false], residual: true },
      weights: [gain(), matrix('a')],
    })
  })

  leavesAlone(fuseResiduals, {
    'a product that is read twice': (g, x) => {
      const product = g.matmul(x, matrix('a'))
      return g.add(product, g.add(x, product))
    },
    'a product added to itself': (g, x) => {
      const product = g.matmul(x, matrix('a'))
      return g.add(product, product)
    },
    'a product that is the result': (g, x) => {
      const rows = g.rows(x)
      const product = g.matmul(rows, matrix('a'))
      g.add(rows, product)
      return product
    },
    'what is made only after the product': (g, x) => {
      const product = g.matmul(x, matrix('a'))
      return g.add(g.rmsNorm(x, gain(), 1), product)
    },
    'a sum without a product': (g, x) => g.add(x, g.rmsNorm(x, gain(), 1)),
  })

  test('a matmul of several weights adds nothing', () => {
    const program = mergeMatmuls(
      recorded((g, x) => {
        const [a, b] = [g.matmul(x, matrix('a')), g.matmul(x, matrix('b'))]
        return g.gate(g.add(x, a), b, 'silu')
      }),
    )
    expect(fuseResiduals(program)).toEqual(program)
  })
})

describe('optimize', () => {
  test('leaves programs sound, with the same weights and result', () => {
    const met = new Set<string>()
    for (const seed of range(100)) {
      const recorded = randomProgram(`optimize ${seed}`)
      const program = optimize(recorded)
      expect(unsound(program)).toEqual([])
      expect(program.logits).toEqual(recorded.logits)
      expect(uses(program)).toEqual(uses(recorded))
      for (const { kind, params, inputs } of program.ops) {
        if (kind === 'matmul' && params.biases.length > 1) met.add('merged')
        if (kind === 'matmul' && params.norm) met.add('norm')
        if (kind === 'matmul' && params.residual) met.add('residual')
        if (kind === 'cacheWrite' && params.rope) met.add(`rope of ${inputs.length - 1}`)
      }
    }
    // Else the random programs prove nothing.
    expect([...met].sort()).toEqual(['merged', 'norm', 'residual', 'rope of 1', 'rope of 2'])
  })

  // Known gap: the rewrites take matmuls that have a norm already for matmuls without.
  test.each(
    Object.entries<(g: Graph, x: Tensor) => Tensor>({
      'two norms in a row': (g, x) => g.matmul(g.rmsNorm(g.rmsNorm(x, gain(), 1), gain(), 2), matrix('a')),
      'matmuls of x, and of x normalised': (g, x) =>
        g.gate(g.matmul(x, matrix('a')), g.matmul(g.rmsNorm(x, gain(), 1), matrix('b')), 'silu'),
    }),
  )('may be done twice: %s', (_, record) => {
    const program = optimize(recorded(record))
    expect(unsound(program)).toEqual([])
    expect(unsound(optimize(program))).toEqual([])
  })

  test('changes neither the program that it is given nor its operations', () => {
    const program = randomProgram('unchanged')
    const before = structuredClone(program)
    expect(optimize(program).ops.length).toBeLessThan(before.ops.length)
    expect(program).toEqual(before)
  })
})

/** Names of weights, as often as they are read. */
function uses({ ops }: Program): string[] {
  return ops.flatMap(({ weights }) => weights.map(({ name }) => name)).sort()
}

/** What would keep a program from running: reads before writes, tensors made twice, operands that do not fit. */
function unsound(program: Program): string[] {
  const made = new Set<number>()
  const problems: string[] = []
  for (const [i, op] of program.ops.entries()) {
    for (const { id } of op.inputs) if (!made.has(id)) problems.push(`operation ${i} reads %${id} too early`)
    for (const { id } of op.outputs) {
      if (made.has(id) || id >= program.tensorCount) problems.push(`operation ${i} may not make %${id}`)
      made.add(id)
    }
    if (op.kind !== 'matmul') continue
    const { norm, biases, residual } = op.params
    const weights = biases.length + biases.filter(Boolean).length + (norm ? 1 : 0)
    if (op.inputs.length !== (residual ? 2 : 1) || op.weights.length !== weights)
      problems.push(`operation ${i} has operands that its parameters do not tell of`)
    if (op.outputs.length !== biases.length || (residual && biases.length > 1))
      problems.push(`operation ${i} has parts without an output`)
  }
  return made.has(program.logits.id) ? problems : [...problems, 'nothing makes the logits']
}
