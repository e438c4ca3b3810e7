// `torchless quantize`, `torchless imatrix` and --precision. Runs what `npm test` built.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { torchless } from '../support/command.ts'
import { temporaryFolder } from '../support/fixture-file.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const model = 'torchless-tiny'

beforeAll(() =>
  writeFileSync(at('text.txt'), 'Once upon a time, there was a girl who lived by the sea. '.repeat(60)),
)

it('writes a smaller model that runs', async () => {
  const { code, out, err } = await torchless(['quantize', model, at('small.gguf'), 'q4_k'])
  expect({ code, out, err }).toEqual({ code: 0, out: '', err: `wrote ${at('small.gguf')}\n` })
  const inspected = JSON.parse((await torchless(['inspect', at('small.gguf'), '--json'])).out)
  expect(inspected.quantization).toMatchObject({ F32: 13, Q4_K: 38, Q6_K: 5 })
  const story = await torchless([
    at('small.gguf'),
    'Once upon a',
    '--max-tokens',
    '2',
    '--temperature',
    '0',
    '--quiet',
  ])
  expect([story.code, story.out]).toEqual([0, 'Once upon a time,\n'])
})

it('weighs errors by an importance matrix', async () => {
  const made = await torchless(['imatrix', model, at('matrix.gguf'), '--file', at('text.txt'), '--ctx', '64'])
  expect(made).toMatchObject({ code: 0, out: '', err: `wrote ${at('matrix.gguf')}\n` })
  const { code } = await torchless([
    'quantize',
    model,
    at('q2.bin'),
    'Q2_K',
    '--imatrix',
    at('matrix.gguf'),
    '--quiet',
  ])
  expect(code).toBe(0)
  const inspected = JSON.parse((await torchless(['inspect', at('q2.bin'), '--json'])).out)
  expect(inspected).toMatchObject({ format: 'native', metadata: { 'quantize.imatrix.dataset': 'text.txt' } })
})

it.each(['full', 'balanced', 'memory', 'gpu'])('--precision %s', async precision => {
  const args = ['--precision', precision, '--max-tokens', '2', '--temperature', '0', '--quiet']
  expect(await torchless([model, 'Once upon a', ...args])).toMatchObject({
    code: 0,
    out: 'Once upon a time,\n',
  })
})

describe('mistakes end with one line and an exit code, and write nothing', () => {
  const cases: [string, () => string[], number, RegExp][] = [
    [
      'an unknown type',
      () => ['quantize', model, at('x.gguf'), 'Q9_K'],
      2,
      /expected a type of .*Q4_K_M.* found Q9_K/,
    ],
    ['a name that says nothing', () => ['quantize', model, at('x.y'), 'Q4_0'], 2, /\.gguf or \.bin/],
    ['no such model', () => ['quantize', at('none'), at('x.gguf'), 'Q4_0'], 1, /no such file/],
    [
      'no importance matrix',
      () => ['quantize', model, at('x.gguf'), 'Q4_0', '--imatrix', at('text.txt')],
      1,
      /text\.txt: /,
    ],
    ['no text', () => ['imatrix', model, at('x.gguf')], 2, /--file/],
    [
      'long chunks',
      () => ['imatrix', model, at('x.gguf'), '--file', at('text.txt'), '--ctx', '4096'],
      2,
      /4 to 512 tokens/,
    ],
    ['an unknown preset', () => [model, 'x', '--precision', 'half'], 2, /half/],
  ]
  it.each(cases)('%s', async (_, args, expected, message) => {
    const { code, out, err } = await torchless(args())
    expect([code, out]).toEqual([expected, ''])
    expect(err.trim().split('\n')).toHaveLength(1)
    expect(err).toMatch(message)
    expect(existsSync(at('x.gguf'))).toBe(false)
    expect(readdirSync(folder).filter(name => name.includes('part'))).toEqual([])
  })
})
