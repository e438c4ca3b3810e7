// Expected formats follow from the rules of llama.cpp's llama_tensor_get_type, worked out by hand for well-known shapes.
import { describe, expect, test } from 'vitest'
import {
  fileTypeOf,
  type MixedModel,
  type MixName,
  mixedTypes,
  mixNames,
  precisionTypes,
} from '../../src/quant/mixes.ts'
import type { WeightType } from '../../src/quant/packed.ts'
import type { QuantName } from '../../src/quant/quants.ts'

type Changes = Partial<Omit<MixedModel, 'tensors'>> & {
  readonly tied?: boolean
  readonly columns?: number
  readonly hidden?: number
}

/** A LLaMA of 32 layers with as many heads for keys as for queries. */
function model({ tied = false, columns = 4096, hidden = 11008, ...changes }: Changes = {}): MixedModel {
  const layers = changes.layers ?? 32
  const experts = changes.experts ?? 0
  const of = (name: string, ...shape: number[]) => ({ name, type: 'F16' as QuantName, shape })
  const block = (i: number) => [
    { ...of(`blk.${i}.attn_norm.weight`, columns), type: 'F32' as const },
    ...['q', 'k', 'v', 'output'].map(part => of(`blk.${i}.attn_${part}.weight`, columns, columns)),
    of(`blk.${i}.attn_q.bias`, columns),
    ...(experts > 1
      ? [
          of(`blk.${i}.ffn_gate_inp.weight`, experts, columns),
          of(`blk.${i}.ffn_up_exps.weight`, experts, hidden, columns),
          of(`blk.${i}.ffn_down_exps.weight`, experts, columns, hidden),
        ]
      : [of(`blk.${i}.ffn_up.weight`, hidden, columns), of(`blk.${i}.ffn_down.weight`, columns, hidden)]),
  ]
  return {
    ...{ architecture: 'llama', layers, heads: 32, kvHeads: 32, experts, importance: false, ...changes },
    tensors: [
      of('token_embd.weight', 32000, columns),
      ...(tied ? [] : [of('output.weight', 32000, columns)]),
      // Files may have them in any order.
      ...Array.from({ length: layers }, (_, i) => block(layers - 1 - i)).flat(),
    ],
  }
}

const layersWith = (types: Map<string, WeightType>, part: string, type: QuantName) =>
  [...types]
    .filter(([name, found]) => name.includes(`.${part}.`) && found === type)
    .map(([name]) => Number(name.split('.')[1]))
    .sort((a, b) => a - b)

test('Q4_K_M has more bits in the first and last eighth, and in every third layer between', () => {
  const types = mixedTypes('Q4_K_M', model())
  const more = [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]
  expect(layersWith(types, 'attn_v', 'Q6_K')).toEqual(more)
  expect(layersWith(types, 'ffn_down', 'Q6_K')).toEqual(more)
  expect(layersWith(types, 'ffn_down', 'Q4_K')).toHaveLength(32 - more.length)
  expect(layersWith(types, 'attn_q', 'Q4_K')).toHaveLength(32)
  expect([types.get('token_embd.weight'), types.get('output.weight')]).toEqual(['Q4_K', 'Q6_K'])
})

test.each<[MixName, Record<string, QuantName>]>([
  ['Q2_K', { attn_v: 'Q3_K', attn_k: 'Q2_K', attn_output: 'Q3_K', ffn_down: 'Q3_K', ffn_up: 'Q2_K' }],
  ['Q3_K_S', { attn_v: 'Q3_K', attn_output: 'Q3_K', ffn_down: 'Q3_K' }],
  ['Q3_K_M', { attn_v: 'Q4_K', attn_output: 'Q4_K', ffn_down: 'Q4_K', ffn_up: 'Q3_K' }],
  ['Q3_K_L', { attn_v: 'Q5_K', attn_output: 'Q5_K', ffn_down: 'Q5_K', ffn_up: 'Q3_K' }],
  ['Q4_K_S', { attn_v: 'Q4_K', attn_output: 'Q4_K', ffn_down: 'Q4_K' }],
  ['Q5_K_M', { attn_v: 'Q5_K', attn_output: 'Q5_K', ffn_down: 'Q5_K' }],
  ['Q6_K', { attn_v: 'Q6_K', ffn_down: 'Q6_K' }],
  ['Q8_0', { attn_v: 'Q8_0', ffn_down: 'Q8_0' }],
  ['IQ4_XS', { attn_v: 'IQ4_XS', attn_output: 'IQ4_XS', ffn_down: 'IQ4_XS' }],
])('%s in the middle', (mix, expected) => {
  const types = mixedTypes(mix, model())
  // Layer 13 has no more bits than others.
  const found = Object.keys(expected).map(part => [part, types.get(`blk.13.${part}.weight`)])
  expect(Object.fromEntries(found)).toEqual(expected)
})

test('the first layers', () => {
  const small = mixedTypes('Q4_K_S', model())
  expect(layersWith(small, 'attn_v', 'Q5_K')).toEqual([0, 1, 2, 3])
  expect(layersWith(small, 'ffn_down', 'Q5_K')).toEqual([0, 1, 2, 3])
  const medium = mixedTypes('Q3_K_M', model())
  expect(layersWith(medium, 'attn_v', 'Q5_K')).toEqual([0, 1])
  expect(layersWith(medium, 'ffn_down', 'Q5_K')).toEqual([0, 1])
  expect(layersWith(mixedTypes('IQ4_NL', model()), 'ffn_down', 'Q5_K')).toEqual([0, 1, 2, 3])
})

test('heads that share values have them in more bits', () => {
  const shared = model({ kvHeads: 8 })
  expect(layersWith(mixedTypes('Q2_K', shared), 'attn_v', 'Q4_K')).toHaveLength(32)
  expect(layersWith(mixedTypes('IQ4_XS', shared), 'attn_v', 'Q5_K')).toHaveLength(32)
  // LLaMA 70B.
  const large = mixedTypes('Q4_K_S', model({ layers: 80, heads: 64, kvHeads: 8 }))
  expect(layersWith(large, 'attn_v', 'Q5_K')).toHaveLength(80)
})

test('with importance, four bits are enough, but for the first layers of Q4_0', () => {
  const known = model({ importance: true })
  expect(layersWith(mixedTypes('IQ4_XS', known), 'ffn_down', 'Q5_K')).toEqual([])
  expect(layersWith(mixedTypes('Q4_0', known), 'ffn_down', 'Q4_1')).toEqual([0, 1, 2, 3])
  expect(layersWith(mixedTypes('Q5_0', known), 'ffn_down', 'Q5_1')).toEqual([0, 1, 2, 3])
  expect(layersWith(mixedTypes('Q4_0', model()), 'ffn_down', 'Q4_1')).toEqual([])
})

test('a mixture of eight experts', () => {
  const types = mixedTypes('Q4_K_M', model({ experts: 8, kvHeads: 8 }))
  const found = (part: string) => types.get(`blk.13.${part}.weight`)
  expect([found('attn_k'), found('attn_v'), found('attn_output')]).toEqual(['Q8_0', 'Q8_0', 'Q5_K'])
  expect([found('ffn_gate_inp'), found('ffn_up_exps')]).toEqual(['F16', 'Q4_K'])
  expect(layersWith(types, 'ffn_down_exps', 'Q6_K')).toHaveLength(16)
})

test('MXFP4 is for experts', () => {
  const types = mixedTypes('MXFP4_MOE', model({ experts: 32 }))
  expect([...new Set([...types].filter(([name]) => name.includes('_exps')).map(([, type]) => type))]).toEqual(
    ['MXFP4'],
  )
  expect([types.get('blk.0.attn_q.weight'), types.get('output.weight')]).toEqual(['Q8_0', 'Q8_0'])
})

test('an embedding that is the output, too', () => {
  expect(mixedTypes('Q4_0', model({ tied: true })).get('token_embd.weight')).toBe('Q6_K')
  expect(mixedTypes('Q4_0', model()).get('token_embd.weight')).toBe('Q4_0')
})

describe.each(mixNames)('%s', mix => {
  test('vectors, norms and routers stay', () => {
    const types = mixedTypes(mix, model({ experts: 8 }))
    expect(types.get('blk.3.attn_norm.weight')).toBe('F32')
    expect(types.get('blk.3.attn_q.bias')).toBe('F16')
    expect(types.get('blk.3.ffn_gate_inp.weight')).toBe('F16')
  })

  test('rows that are no whole blocks take smaller blocks, or none', () => {
    const small: QuantName[] = ['Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'IQ4_NL', 'MXFP4']
    const types = mixedTypes(mix, model({ columns: 288, hidden: 288 }))
    for (const type of types.values()) expect(['F32', 'F16', 'BF16', ...small]).toContain(type)
    const odd = mixedTypes(mix, model({ columns: 100, hidden: 100 }))
    for (const type of odd.values()) expect(['F32', 'F16', 'BF16']).toContain(type)
  })
})

test('numbers of file types are those of llama.h', () => {
  const numbers = {
    F32: 0,
    F16: 1,
    Q4_0: 2,
    Q8_0: 7,
    Q2_K: 10,
    Q3_K_M: 12,
    Q4_K_M: 15,
    Q5_K_M: 17,
    Q6_K: 18,
    BF16: 32,
  } as const
  for (const [mix, number] of Object.entries(numbers)) expect(fileTypeOf(mix as MixName)).toBe(number)
  expect(new Set(mixNames.map(fileTypeOf)).size).toBe(mixNames.length)
})

test('precision makes nothing larger, but for full', () => {
  const small = model()
  const q4 = {
    ...small,
    tensors: [...small.tensors].map(tensor => ({ ...tensor, type: 'Q4_K' as QuantName })),
  }
  expect(precisionTypes('balanced', q4).get('blk.0.attn_q.weight')).toBe('Q4_K')
  expect(precisionTypes('gpu', q4).get('blk.0.attn_q.weight')).toBe('Q4_K')
  expect(precisionTypes('full', q4).get('blk.0.attn_q.weight')).toBe('F32')
  expect(precisionTypes('balanced', small).get('blk.0.attn_q.weight')).toBe('Q8_0')
  expect(precisionTypes('memory', small).get('blk.0.attn_q.weight')).toBe('Q4_K')
  expect(precisionTypes('gpu', small).get('blk.0.attn_q.weight')).toBe('Q4_0')
})
