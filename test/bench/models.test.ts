import { describe, expect, it } from 'vitest'
import { tensorType } from '../../bench/models.ts'

describe('tensorType', () => {
  it('is the one format of a model that is no mix', () => {
    expect(tensorType('Q8_0', 'blk.3.attn_v.weight', 32)).toBe('Q8_0')
  })

  it('leaves routers of experts as floats', () => {
    expect(tensorType('Q4_0', 'blk.3.ffn_gate_inp.weight', 32)).toBe('F32')
    expect(tensorType('Q4_K_M', 'blk.3.ffn_gate_inp.weight', 32)).toBe('F32')
  })

  it('gives half of the layers more bits in Q4_K_M, those that published files of 32 layers do', () => {
    const layers = Array.from({ length: 32 }, (_, i) => i)
    for (const name of ['attn_v', 'ffn_down', 'ffn_down_exps'])
      expect(layers.filter(i => tensorType('Q4_K_M', `blk.${i}.${name}.weight`, 32) === 'Q6_K')).toEqual([
        ...[0, 1, 2, 3],
        ...[6, 9, 12, 15, 18, 21, 24, 27],
        ...[28, 29, 30, 31],
      ])
    expect(tensorType('Q5_K_M', 'blk.0.ffn_up.weight', 32)).toBe('Q5_K')
  })

  it('gives the output matrix more bits, also where it is the embedding table', () => {
    expect(tensorType('Q4_K_M', 'output.weight', 32)).toBe('Q6_K')
    expect(tensorType('Q4_K_M', 'token_embd.weight', 32)).toBe('Q4_K')
    expect(tensorType('Q4_K_M', 'token_embd.weight', 32, true)).toBe('Q6_K')
  })
})
