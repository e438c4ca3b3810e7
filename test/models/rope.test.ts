// Frequencies and magnitudes against the formulas of the papers, written down here once more.
import { describe, expect, test } from 'vitest'
import { Meta } from '../../src/models/meta.ts'
import { ropeConfig, ropeParams } from '../../src/models/rope.ts'
import { range } from '../conformance/random.ts'

/** What a file with these `llama.rope.*` values makes of heads of `headDim`. */
function params(headDim: number, rope: Readonly<Record<string, unknown>>) {
  const entries = Object.entries(rope).map(([key, value]) => [`llama.rope.${key}`, value] as const)
  const meta = new Meta('llama', new Map<string, unknown>([['llama.context_length', 4096], ...entries]))
  return ropeParams(ropeConfig(meta, headDim, 'halves'), headDim)
}

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found.length).toBe(expected.length)
  for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! / value - 1)).toBeLessThan(1e-12)
}

/** RoFormer (arXiv:2104.09864, section 3.2.2): θ of pair i is base^(-2i/d), i from 0. */
function theta(i: number, d: number, base: number): number {
  return Math.exp((-2 * i * Math.log(base)) / d)
}

describe('plain', () => {
  test.each([
    ['as a file that says nothing', 64, {}, 64, 10_000],
    ['with a base', 128, { freq_base: 500_000 }, 128, 500_000],
    ['of a part of each head', 80, { dimension_count: 20 }, 20, 10_000],
    ['although there is a factor', 64, { 'scaling.type': 'none', 'scaling.factor': 8 }, 64, 10_000],
    ['as linear by nothing', 64, { 'scaling.type': 'linear' }, 64, 10_000],
    // As llama.cpp has it, which writes zero where there is none.
    ['as linear by zero', 64, { 'scaling.type': 'linear', 'scaling.factor': 0 }, 64, 10_000],
  ])('%s', (_, headDim, rope, d, base) => {
    const found = params(headDim, rope)
    expect(found).toMatchObject({ headDim, layout: 'halves', magnitude: 1 })
    expectClose(
      found.frequencies,
      range(d / 2).map(i => theta(i, d, base)),
    )
  })
})

// Position interpolation (arXiv:2306.15595, equation 4): position m becomes m / s.
describe('linear', () => {
  test.each([
    ['by its type', { 'scaling.type': 'linear', 'scaling.factor': 4 }],
    ['without a type', { 'scaling.factor': 4 }],
    ['by the key that older files have', { scale_linear: 4 }],
    ['by the newer of two keys', { scale_linear: 16, 'scaling.factor': 4 }],
  ])('%s', (_, rope) => {
    const found = params(64, rope)
    expect(found.magnitude).toBe(1)
    expectClose(
      found.frequencies,
      range(32).map(i => theta(i, 64, 10_000) / 4),
    )
  })
})

/**
 * YaRN (arXiv:2309.00071): section 3.2's interpolation "by parts", with the ramp over pairs of its published code
 * (github.com/jquesnelle/yarn, LlamaYaRNScaledRotaryEmbedding.py; `_compute_yarn_parameters` of transformers is
 * the same). Section 3.4's √(1/t) = 0.1 ln s + 1 is a factor on q and on k.
 */
describe('yarn', () => {
  interface Yarn {
    readonly d: number
    readonly base: number
    /** How many times as long the context is as the original one. */
    readonly s: number
    readonly original: number
    readonly fast: number
    readonly slow: number
  }

  function frequencies({ d, base, s, original, fast, slow }: Yarn): number[] {
    // Pair i turns r = original · θ / 2π times over the original context; so, the i that turns r times:
    const pairOf = (r: number) => (d / 2) * (Math.log(original / (2 * Math.PI * r)) / Math.log(base))
    const low = Math.max(Math.floor(pairOf(fast)), 0)
    let high = Math.min(Math.ceil(pairOf(slow)), d - 1)
    if (low === high) high += 0.001
    return range(d / 2).map(i => {
      const interpolated = Math.min(Math.max((i - low) / (high - low), 0), 1)
      return theta(i, d, base) * (interpolated / s + 1 - interpolated)
    })
  }

  const cases: Record<string, Yarn> = {
    'LLaMA 2 in the paper': { d: 128, base: 10_000, s: 16, original: 4096, fast: 32, slow: 1 },
    'Qwen 2.5': { d: 128, base: 1_000_000, s: 4, original: 32_768, fast: 32, slow: 1 },
    'other betas': { d: 20, base: 10_000, s: 2.5, original: 2048, fast: 16, slow: 2 },
    'a context that no pair turns often in': { d: 64, base: 10_000, s: 4, original: 64, fast: 32, slow: 1 },
    'a base so small that the ramp ends beyond all pairs': {
      d: 16,
      base: 2,
      s: 4,
      original: 256,
      fast: 32,
      slow: 1,
    },
    'a ramp of no width': { d: 32, base: 10_000, s: 4, original: 64, fast: 32, slow: 12 },
  }
  const metadata = ({ d, base, s, original, fast, slow }: Yarn) => ({
    freq_base: base,
    dimension_count: d,
    'scaling.type': 'yarn',
    'scaling.factor': s,
    'scaling.original_context_length': original,
    'scaling.yarn_beta_fast': fast,
    'scaling.yarn_beta_slow': slow,
  })

  test.each(Object.entries(cases))('%s', (_, yarn) => {
    const found = params(128, metadata(yarn))
    expect(found.headDim).toBe(128)
    expect(found.magnitude).toBeCloseTo(0.1 * Math.log(yarn.s) + 1, 14)
    expectClose(found.frequencies, frequencies(yarn))
  })

  // Equations 17 and 18 of the paper hold for both ramps, over turns and over pairs, while there is one.
  const { 'a ramp of no width': _, ...sloped } = cases
  test.each(Object.entries(sloped))('%s: only pairs that turn seldom are interpolated whole', (_, yarn) => {
    const { d, base, s, original, fast, slow } = yarn
    for (const [i, frequency] of params(128, metadata(yarn)).frequencies.entries()) {
      const turns = (original * theta(i, d, base)) / (2 * Math.PI)
      const scaled = frequency / theta(i, d, base)
      if (turns > fast) expect(scaled).toBeCloseTo(1, 12)
      else if (turns < slow) expect(scaled).toBeCloseTo(1 / s, 12)
      expect(scaled).toBeGreaterThan(1 / s - 1e-12)
      expect(scaled).toBeLessThan(1 + 1e-12)
    }
  })

  test('betas, original context and factor on the magnitude have their defaults', () => {
    const defaults = { d: 128, base: 10_000, s: 8, original: 4096, fast: 32, slow: 1 }
    const found = params(128, { 'scaling.type': 'yarn', 'scaling.factor': 8 })
    expectClose(found.frequencies, frequencies(defaults))
    const louder = params(128, { 'scaling.type': 'yarn', 'scaling.factor': 8, 'scaling.attn_factor': 1.5 })
    expect(louder).toEqual({ ...found, magnitude: 1.5 * found.magnitude })
  })
})

// Llama 3.1's factors come in the file, one a pair: llama.cpp's converter computes them so that plain frequencies,
// divided, are those of Meta's code (github.com/meta-llama/llama-models, apply_scaling).
test('llama3: the frequencies that the factors of a file divide are the plain ones', () => {
  const [d, base, s, low, high, original] = [128, 500_000, 8, 1, 4, 8192]
  const published = (frequency: number) => {
    const wavelength = (2 * Math.PI) / frequency
    if (wavelength < original / high) return frequency
    if (wavelength > original / low) return frequency / s
    const smooth = (original / wavelength - low) / (high - low)
    return ((1 - smooth) * frequency) / s + smooth * frequency
  }
  const factor = (frequency: number) => {
    const wavelength = (2 * Math.PI) / frequency
    if (wavelength < original / high) return 1
    if (wavelength > original / low) return s
    const smooth = (original / wavelength - low) / (high - low)
    return 1 / ((1 - smooth) / s + smooth)
  }
  const plain = range(d / 2).map(i => theta(i, d, base))
  const { frequencies, magnitude } = params(d, { freq_base: base })
  expect(magnitude).toBe(1)
  expectClose(
    frequencies.map((frequency, i) => frequency / factor(plain[i]!)),
    plain.map(published),
  )
})
