// `torchless convert`, and every command on what it writes. Runs what `npm test` built.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
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
    [
      'a name that says nothing',
      () => [gguf, join(folder, 'x.y')],
      2,
      /\.gguf or \.bin or has no ending \(a folder\), a slash at its end, or --to/,
    ],
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
  const bytes = readFileSync(gguf)
  // Slow enough that nothing is done before the interrupt.
  const server = createServer((request, response) => {
    const [first, last] = /(\d+)-(\d+)/.exec(request.headers.range!)!.slice(1).map(Number) as [number, number]
    setTimeout(
      () => {
        response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${bytes.length}` })
        response.end(bytes.subarray(first, last + 1))
      },
      first > 0 ? 500 : 0,
    )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const names = () => readdirSync(folder).filter(name => name.startsWith('never'))
  const seen: string[] = []
  const { code } = await torchless(
    ['convert', `http://127.0.0.1:${port}/model.gguf`, join(folder, 'never.bin')],
    {
      signal: send => {
        const watch = setInterval(() => {
          seen.push(...names())
          if (seen.length === 0) return
          clearInterval(watch)
          send()
        }, 10)
        onTestFinished(() => clearInterval(watch))
      },
    },
  )
  expect(seen).toEqual([expect.stringMatching(/^never\.bin\.part-\d+$/)])
  expect(code).toBe(130)
  expect(names()).toEqual([])
})

describe('a folder as HuggingFace has them', () => {
  const checkpoint = join(folder, 'checkpoint')

  it('is written, runs, and is inspected', async () => {
    const { code, err } = await torchless(['convert', gguf, checkpoint])
    expect([code, err]).toEqual([0, `wrote ${checkpoint}\n`])
    const flags = ['--temperature', '0', '--max-tokens', String(golden.tokens.length), '--quiet']
    for (const path of [checkpoint, `${checkpoint}/`, join(checkpoint, 'model.safetensors')])
      expect((await torchless([path, golden.prompt, ...flags])).out).toBe(`${golden.prompt}${golden.text}\n`)
    const { out } = await torchless(['inspect', checkpoint])
    expect(out).toMatch(/^format: +safetensors\narchitecture: +llama\n/)
    expect((await torchless(['tokenize', checkpoint, golden.prompt])).code).toBe(0)
  })

  it('may have a dot in its name, if a slash ends that', async () => {
    const dotted = `${join(folder, 'Qwen3-0.6B')}/`
    const { code, err } = await torchless(['convert', gguf, dotted])
    expect([code, err]).toEqual([0, `wrote ${dotted}\n`])
    expect(existsSync(join(dotted, 'model.safetensors'))).toBe(true)
  })

  it('of something else is an error', async () => {
    const { code, out, err } = await torchless([folder, 'Hello'])
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/is a folder: expected model\.safetensors/)
    expect(err.trimEnd().split('\n')).toHaveLength(1)
  })
})
