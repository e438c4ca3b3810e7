// Damages small GGUF files at random, but repeatably: each mutant opens, and then its tensors can be read, or is
// refused with a typed error. TORCHLESS_FUZZ sets how many mutants there are.
import { expect, test } from 'vitest'
import { array, type GgufContents, ggufBytes, openGguf, u16, u64 } from '../../src/formats/gguf.ts'
import { bytesSource } from '../../src/io/source.ts'
import { mutate, outcome, random } from './mutate.ts'

const mutants = Number(process.env.TORCHLESS_FUZZ ?? 3000)

const f32 = (name: string, shape: number[]) => {
  const elements = shape.reduce((a, b) => a * b)
  return { name, type: 'F32', shape, data: new Uint8Array(4 * elements).fill(7) } as const
}

const whole: GgufContents = {
  metadata: {
    'general.architecture': 'llama',
    'general.alignment': 64,
    'llama.block_count': 2,
    'llama.rope.freq_base': 0.5,
    'tokenizer.tokens': ['<s>', '▁the', 'größer', ''],
    'tokenizer.scores': Float32Array.of(0, -1, -2, -3),
    'tokenizer.types': Int32Array.of(1, 2, 3, 4),
    flags: [true, false, true],
    large: u64(2n ** 60n),
    small: array('i8', [-1, 1]),
  },
  tensors: [
    f32('token_embd.weight', [4, 8]),
    f32('blk.0.attn_norm.weight', [8]),
    f32('blk.0.ffn.weight', [2, 3, 5]),
    { name: 'blk.1.attn_q.weight', type: 'F16', shape: [3, 7], data: new Uint8Array(42).fill(9) },
    { name: 'output.weight', type: 'Q8_0', shape: [2, 64], data: new Uint8Array(136).fill(1) },
  ],
}
const part = (no: number): GgufContents => ({
  metadata: { 'split.no': u16(no), 'split.count': u16(2), 'split.tensors.count': 2 },
  tensors: [f32(`blk.${no}.weight`, [no + 3])],
})

test(`${mutants} mutants open or are refused with a typed error`, async () => {
  const sibling = await ggufBytes(part(1))
  const files = [
    { name: 'm.gguf', bytes: await ggufBytes(whole) },
    { name: 'm-00001-of-00002.gguf', bytes: await ggufBytes(part(0)) },
  ]
  const headers = await Promise.all(
    files.map(async ({ name, bytes }) => {
      const model = await openGguf(bytesSource(name, bytes), async next => bytesSource(next, sibling))
      return Math.min(...[...model.tensors.values()].map(tensor => tensor.offset))
    }),
  )
  const outcomes: Record<string, number> = {}
  for (let seed = 0; seed < mutants; seed++) {
    const next = random(seed)
    const which = next(4) === 0 ? 1 : 0
    const { name, bytes } = files[which]!
    const header = headers[which]!
    // Now and then it is the second part of a split model that is damaged.
    const second = which === 1 && next(2) === 0
    const mutant = mutate(second ? sibling : bytes, header, next)
    const start = performance.now()
    const result = await outcome(() =>
      openGguf(bytesSource(name, second ? bytes : mutant), async next =>
        bytesSource(next, second ? mutant : sibling),
      ),
    ).catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
    })
    if (performance.now() - start > 2000) throw new Error(`seed ${seed}: took more than 2 s`)
    outcomes[result] = (outcomes[result] ?? 0) + 1
  }
  // So damaged that nothing opened, or so little that all did, would test nothing.
  expect(outcomes.opens).toBeGreaterThan(mutants / 50)
  expect(outcomes.ModelFormatError).toBeGreaterThan(mutants / 4)
  expect(process.memoryUsage().rss).toBeLessThan(2 ** 30)
})
