// `torchless convert`, and every command on what it writes. Runs what `npm test` built.
import { copyFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { llamaGoldens } from '../fixtures/load.ts'
import { torchless } from '../support/command.ts'
import { fixtureFile, temporaryFolder } from '../support/fixture-file.ts'

const folder = temporaryFolder()
const golden = llamaGoldens().greedy[0]!
const native = join(folder, 'model.bin')
let gguf: string

beforeAll(async () => {
  gguf = await fixtureFile(folder, golden.model)
  const { code, out, err } = await torchless(['convert', gguf, native])
  expect({ code, out, err }).toEqual({ code: 0, out: '', err: `wrote ${native}\n` })
})

describe('a native file', () => {
  it('runs', async () => {
    const { out, code } = await torchless([
      native,
      golden.prompt,
      ...['--temperature', '0', '--max-tokens', String(golden.tokens.length), '--quiet'],
    ])
    expect([code, out]).toEqual([0, `${golden.prompt}${golden.text}\n`])
  })

  it.each([
    ['logits', ['--prompt', golden.prompt, '--json']],
    ['tokenize', [golden.prompt, '--json']],
  ])('has the %s of the GGUF file', async (command, args) => {
    const [found, expected] = await Promise.all(
      [native, gguf].map(path => torchless([command, path, ...args])),
    )
    expect(found!.code).toBe(0)
    expect(JSON.parse(found!.out)).toEqual(JSON.parse(expected!.out))
  })

  it('is inspected', async () => {
    const { out } = await torchless(['inspect', native, '--json'])
    expect(JSON.parse(out)).toMatchObject({ format: 'native', architecture: 'llama' })
  })

  it('is GGUF again, whatever it is called', async () => {
    const back = join(folder, 'back.bin')
    expect((await torchless(['convert', native, back, '--to', 'gguf', '--quiet'])).err).toBe('')
    const { out } = await torchless(['inspect', back, '--format', 'gguf', '--json'])
    expect(JSON.parse(out)).toMatchObject({ format: 'gguf' })
  })
})

describe('mistakes end with one line and an exit code, and write nothing', () => {
  const cases: [string, () => string[], number, RegExp][] = [
    ['a name that says nothing', () => [gguf, join(folder, 'x.y')], 2, /\.gguf or \.bin, or --to/],
    ['an unknown format', () => [gguf, join(folder, 'x.bin'), '--to', 'abacus'], 2, /abacus/],
    ['no such file', () => [join(folder, 'none'), join(folder, 'x.bin')], 1, /no such file/],
    ['no such folder', () => [gguf, join(folder, 'none', 'x.bin')], 1, /cannot be written/],
    ['no model', () => [join(folder, 'text'), join(folder, 'x.bin')], 1, /expected a model file/],
    [
      'another format than asked for',
      () => [gguf, join(folder, 'x.bin'), '--format', 'llama2c'],
      1,
      /expected a file of format llama2c, as asked for, found gguf/,
    ],
  ]
  it.each(cases)('%s', async (_, args, exit, message) => {
    writeFileSync(join(folder, 'text'), 'no model')
    const { code, out, err } = await torchless(['convert', ...args()])
    expect(code).toBe(exit)
    expect(out).toBe('')
    expect(err).toMatch(message)
    expect(err.trimEnd().split('\n')).toHaveLength(1)
    expect(existsSync(join(folder, 'x.bin'))).toBe(false)
  })
})

it('an interrupted conversion leaves nothing', async () => {
  const large = join(folder, 'large.gguf')
  copyFileSync('models/torchless-tiny.gguf', large)
  const out = join(folder, 'never.bin')
  let stop = () => {}
  const running = torchless(['convert', large, out], {
    signal: send => {
      stop = send
    },
  })
  // As soon as there is anything to see.
  while (!readdirSync(folder).some(name => name.startsWith('never.bin')))
    await new Promise(resolve => setTimeout(resolve, 1))
  stop()
  const { code } = await running
  const left = readdirSync(folder).filter(name => name.startsWith('never'))
  // It may have been done before the signal came; then it is whole.
  expect(code === 130 ? left : ['never.bin']).toEqual(code === 130 ? [] : left)
})
