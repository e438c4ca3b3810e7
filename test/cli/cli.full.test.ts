// The command as users and programs meet it: output, JSON, exit codes, errors in one line. Runs what `npm test` built.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { ggufBytes } from '../../src/formats/gguf.ts'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf.ts'
import { llamaGoldens } from '../fixtures/load.ts'
import { tinyLlama } from '../fixtures/models.ts'
import { vocabularies } from '../fixtures/vocab.ts'
import { torchless } from '../support/command.ts'
import { fixtureFile, temporaryFolder } from '../support/fixture-file.ts'

const folder = temporaryFolder()
const golden = llamaGoldens().greedy[0]!
let model: string
const mute = join(folder, 'mute.gguf')

beforeAll(async () => {
  model = await fixtureFile(folder, golden.model)
  const { metadata, tensors } = tinyLlama({ seed: 1 })
  const kept = Object.entries(metadata).filter(([key]) => !key.startsWith('tokenizer.'))
  writeFileSync(mute, await ggufBytes({ metadata: Object.fromEntries(kept), tensors }))
})

const greedy = ['--temperature', '0', '--max-tokens', String(golden.tokens.length)]

describe('run', () => {
  it('prints the prompt and goes on from it', async () => {
    const { code, out, err } = await torchless([model, golden.prompt, ...greedy])
    expect(out).toBe(`${golden.prompt}${golden.text}\n`)
    expect(err).toMatch(/tokens\/s/)
    expect(code).toBe(0)
  })

  it('prints only what the model adds with --no-echo, and nothing else with --quiet', async () => {
    expect(await torchless([model, golden.prompt, ...greedy, '--no-echo', '--quiet'])).toEqual({
      code: 0,
      out: `${golden.text}\n`,
      err: '',
    })
  })

  it('reads the prompt from a pipe, without its last line feed', async () => {
    const fromPipe = await torchless([model, ...greedy], { input: `${golden.prompt}\n` })
    const fromDash = await torchless([model, '-', ...greedy], { input: golden.prompt })
    expect([fromPipe.out, fromDash.out]).toEqual(Array(2).fill(`${golden.prompt}${golden.text}\n`))
  })

  it('answers JSON lines', async () => {
    const { out } = await torchless([model, golden.prompt, ...greedy, '--json'])
    const lines = out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(
      lines
        .slice(0, -1)
        .map(line => line.text)
        .join(''),
    ).toBe(golden.text)
    expect(lines.at(-1)).toEqual({
      done: true,
      finish: 'length',
      usage: { prompt: golden.promptTokens.length, completion: golden.tokens.length, thinking: 0 },
      timings: { prefillPerSecond: expect.any(Number), decodePerSecond: expect.any(Number) },
    })
  })

  it('repeats itself with the same seed, and not with another', async () => {
    const run = (seed: string) =>
      torchless([model, golden.prompt, '--seed', seed, '--temperature', '2', '--max-tokens', '20', '--quiet'])
    const [a, b, c] = await Promise.all([run('1'), run('1'), run('2')])
    expect(a.out).toBe(b.out)
    expect(a.out).not.toBe(c.out)
  })

  it('ends before a stop string', async () => {
    const stop = golden.text.slice(5, 9)
    const { out } = await torchless([model, golden.prompt, ...greedy, '--no-echo', '--quiet', '--stop', stop])
    expect(out).toBe(`${golden.text.slice(0, golden.text.indexOf(stop))}\n`)
  })

  it('stops at the end of the context, and says so', async () => {
    const { code, out, err } = await torchless([
      model,
      golden.prompt,
      '--temperature',
      '0',
      '--max-seq-len',
      '16',
      '--ignore-eos',
      '--json',
    ])
    expect(JSON.parse(out.trimEnd().split('\n').at(-1)!)).toMatchObject({ finish: 'length' })
    expect(err).toMatch(/context/)
    expect(code).toBe(0)
  })

  it('answers Ctrl-C with exit code 130 while it waits for a prompt', async () => {
    const child = spawn(process.execPath, ['dist/cli/main.js', model, '-'])
    onTestFinished(() => void child.kill('SIGKILL'))
    const ended = new Promise<number | null>(resolve => child.on('close', resolve))
    // More than a pipe holds: once it is written, somebody reads.
    await new Promise<void>(resolve => child.stdin.write('x'.repeat(2 ** 20), () => resolve()))
    child.kill('SIGINT')
    expect(await ended).toBe(130)
  })

  // The model would go on for minutes.
  it('answers Ctrl-C with exit code 130', { timeout: 30_000 }, async () => {
    const { code, out, err } = await torchless(
      [model, golden.prompt, '--json', '--ignore-eos', '--max-tokens', '100000', '--max-seq-len', '100000'],
      {
        signal: send => setTimeout(send, 2500),
      },
    )
    expect(code).toBe(130)
    expect(err).not.toMatch(/ at /)
    expect(JSON.parse(out.trim().split('\n').at(-1)!)).toMatchObject({ done: true, finish: 'abort' })
  })
})

it('with weights on disk the text is the same', async () => {
  const args = ['the world', '--temperature', '0', '--max-tokens', '20']
  const { out } = await torchless([model, ...args])
  for (const flags of [['--lazy'], ['--lazy-memory', '64K']]) {
    const lazy = await torchless([model, ...args, ...flags])
    expect({ code: lazy.code, out: lazy.out }).toEqual({ code: 0, out })
  }
})

describe('mistakes end with one line and an exit code', () => {
  const cases: [string, () => string[], number, RegExp][] = [
    ['unknown flag', () => [model, 'x', '--nonsense'], 2, /nonsense/],
    ['misspelt flag', () => [model, 'x', '--temperatur', '1'], 2, /temperatur'.*mean --temperature/],
    [
      'missing text',
      () => ['perplexity', model, '--file', 'missing.txt'],
      1,
      /error: missing\.txt: no such file/,
    ],
    [
      'missing file to cut',
      () => ['tokenize', model, '--file', 'missing.txt'],
      1,
      /error: missing\.txt: no such file/,
    ],
    [
      'missing text to read',
      () => ['imatrix', model, 'x.gguf', '--file', 'missing.txt'],
      1,
      /error: missing\.txt: no such file/,
    ],
    ['number out of range', () => [model, 'x', '--temperature', '-1'], 2, /temperature/],
    ['no number', () => [model, 'x', '--top-k', 'many'], 2, /top-k/],
    ['unknown backend', () => [model, 'x', '--backend', 'abacus'], 2, /backend/],
    ['no size', () => [model, 'x', '--lazy-memory', '48X'], 2, /lazy-memory.*48M or 1\.5G/],
    [
      'too little memory',
      () => [model, 'x', '--lazy-memory', '1K'],
      2,
      /lazyMemory: expected at least \d+ bytes/,
    ],
    [
      'a context that no machine holds',
      () => [model, 'x', '--max-seq-len', '1000000000'],
      1,
      /needs \d+ MiB of memory .* what would fit: a context of \d+ tokens/,
    ],
    ['missing file', () => ['missing.gguf', 'x'], 1, /missing\.gguf: no such file/],
    [
      'prompt too long',
      () => [model, 'a b c d e f g h i j k l', '--max-seq-len', '4'],
      1,
      /context holds 4 tokens/,
    ],
    ['a text for a model without a tokenizer', () => [mute, 'x'], 1, /mute\.gguf has no tokenizer/],
    ['a chat with one', () => [mute, '--chat'], 1, /mute\.gguf has no tokenizer/],
    ['logits without tokens', () => ['logits', model], 2, /--tokens or --prompt/],
    ['token out of range', () => ['logits', model, '--tokens', '999999'], 2, /token ids/],
  ]

  it.each(cases)('%s', async (_, args, exit, message) => {
    const { code, out, err } = await torchless(args())
    expect(err).toMatch(message)
    expect(err.trimEnd().split('\n')).toHaveLength(1)
    expect({ code, out }).toEqual({ code: exit, out: '' })
  })

  it.each([
    ['commander finds', ['x', '--temperature', '-1'], /^option '--temperature <t>' argument '-1' is invalid/],
    ['it finds itself', ['x', '--system', 'y'], /^--system: only in a chat/],
  ])('as JSON too, what %s', async (_, args, message) => {
    const { code, out } = await torchless([...args, '--json'])
    expect(JSON.parse(out)).toEqual({
      error: { name: 'UsageError', message: expect.stringMatching(message) },
    })
    expect(code).toBe(2)
  })

  it.runIf(existsSync('/dev/full'))('a disk that is full', async () => {
    const child = spawnSync('sh', [
      '-c',
      '"$0" dist/cli/main.js --list-backends >/dev/full',
      process.execPath,
    ])
    expect(child.stderr.toString()).toMatch(/^error: ENOSPC[^\n]*\n$/)
    expect(child.status).toBe(1)
  })

  it('malformed model, as JSON too, and with a stack trace for --debug', async () => {
    const path = join(folder, 'broken.gguf')
    writeFileSync(path, 'GGUF and then nothing that makes sense')
    const plain = await torchless([path, 'x', '--json'])
    expect(JSON.parse(plain.out)).toEqual({
      error: { name: 'ModelFormatError', message: expect.stringContaining(path) },
    })
    expect(plain.code).toBe(1)
    expect((await torchless([path, 'x', '--debug'])).err).toMatch(/\n\s+at /)
  })
})

describe('other commands', () => {
  it('inspect', async () => {
    const found = JSON.parse((await torchless(['inspect', model, '--json'])).out)
    expect(found).toMatchObject({ format: 'gguf', architecture: 'llama', contextLength: expect.any(Number) })
    expect(found.memory.kvPerToken).toBeGreaterThan(0)
    expect(found.memory.eager).toBeGreaterThan(0)
    const less = JSON.parse((await torchless(['inspect', model, '--json', '--lazy-memory', '64K'])).out)
    expect(less.memory.lazy).toBeLessThan(found.memory.lazy)
    expect(found.metadata['general.architecture']).toBe('llama')
    expect(found.tensors[0]).toEqual({
      name: expect.any(String),
      type: expect.any(String),
      shape: expect.any(Array),
      offset: expect.any(Number),
      bytes: expect.any(Number),
    })
    expect((await torchless(['inspect', model, '--program'])).out).toMatch(/matmul\(/)
    expect((await torchless(['inspect', model, '--tensors'])).out).toMatch(/token_embd\.weight/)
  })

  it('tokenize there and back', async () => {
    const { tokens, pieces } = JSON.parse((await torchless(['tokenize', model, golden.prompt, '--json'])).out)
    expect(tokens).toEqual(golden.promptTokens)
    expect(pieces).toHaveLength(tokens.length)
    const plain = JSON.parse(
      (await torchless(['tokenize', model, golden.prompt, '--no-special', '--json'])).out,
    )
    expect(plain.tokens).toEqual(golden.promptTokens.slice(1))
    const { out } = await torchless(['tokenize', model, '--ids', plain.tokens.join(',')])
    expect(out).toBe(`${golden.prompt}\n`)
  })

  it.each(['deepseek-llm', 'deepseek-coder', 'llama-spm'])('tokenize as the library does: %s', async name => {
    const { metadata } = name === 'llama-spm' ? vocabularies.spm() : vocabularies.bpe()
    const values = name === 'llama-spm' ? metadata : { ...metadata, 'tokenizer.ggml.pre': name }
    const path = join(folder, `${name}.gguf`)
    writeFileSync(path, await ggufBytes({ metadata: values, tensors: [] }))
    // Characters that patterns name as they are.
    const text = 'Été Café ÀÉ the▁world 中文と한국어 ⁴ … Ǆ 𐐀𐐨 100'
    const { out } = await torchless(['tokenize', path, text, '--no-special', '--json'])
    const tokenizer = tokenizerFromGguf(new Map<string, unknown>(Object.entries(values)) as never, name)
    expect(JSON.parse(out).tokens).toEqual([...tokenizer.encode(text)])
  })

  it('logits', async () => {
    const ids = golden.promptTokens.join(',')
    const all = JSON.parse((await torchless(['logits', model, '--tokens', ids, '--all', '--json'])).out)
    expect(all.tokens).toEqual(golden.promptTokens)
    expect(all.positions).toEqual(golden.promptTokens.map((_, i) => i))
    expect(all.logits).toHaveLength(golden.promptTokens.length)
    const top = JSON.parse(
      (await torchless(['logits', model, '--prompt', golden.prompt, '--top', '3', '--json'])).out,
    )
    expect(top.top[0]).toHaveLength(3)
    expect(top.top[0][0]).toEqual({
      id: golden.tokens[0],
      piece: expect.any(String),
      // One row of the vocabulary's matrix is multiplied in another way than many.
      logit: expect.closeTo(Math.max(...all.logits.at(-1)), 3),
    })
  })

  it('template', async () => {
    const path = join(folder, 'template.gguf')
    const source =
      "{% for m in messages %}{{ '<s>' + m.content + '</s>' }}{% endfor %}{{ tools | tojson if tools }}"
    const metadata = { ...vocabularies.spm().metadata, 'tokenizer.chat_template': source }
    writeFileSync(path, await ggufBytes({ metadata, tensors: [] }))
    const [messages, tools] = [join(folder, 'messages.json'), join(folder, 'tools.json')]
    writeFileSync(messages, JSON.stringify([{ role: 'user', content: 'the </s>' }]))
    writeFileSync(tools, '{"tools": [1]}')
    expect(await torchless(['template', path, '--messages', messages])).toEqual({
      code: 0,
      out: '<s>the </s></s>',
      err: '',
    })
    const object = JSON.stringify({ messages: [{ role: 'user', content: 'the </s>' }] })
    const piped = ['template', path, '--messages', '-', '--json', '--tools', tools]
    const { prompt, tokens } = JSON.parse((await torchless(piped, { input: object })).out)
    expect(prompt).toBe('<s>the </s></s>[1]')
    // BOS once; of the two </s> only the template's own is one.
    expect(tokens.filter((id: number) => id === 1)).toEqual([1])
    expect(tokens.filter((id: number) => id === 2)).toEqual([2])
    const bad: [string, RegExp][] = [
      ['nonsense', /standard input: no JSON/],
      ['5', /standard input: expected a list of messages .*found 5/],
      ['[5]', /messages\[0\]: expected an object with role and content, found 5/],
      ['[{"content":"x"}]', /messages\[0\]\.role: expected a text, found nothing/],
      ['[{"role":"user","content":5}]', /messages\[0\]\.content: .*found 5/],
      ['[{"role":"user"}]', /no operation \+ of|has no attribute/],
    ]
    for (const [input, message] of bad) {
      const { code, out, err } = await torchless(['template', path, '--messages', '-'], { input })
      expect(err).toMatch(message)
      expect(err.trimEnd().split('\n')).toHaveLength(1)
      expect({ code, out }).toEqual({ code: 1, out: '' })
    }
    expect((await torchless(['template', path])).code).toBe(2)
    expect((await torchless(['template', path, '--messages', 'missing.json'])).err).toMatch(/no such file/)
    const none = await torchless(['template', model, '--messages', messages, '--json'])
    expect(JSON.parse(none.out).error.name).toBe('UnsupportedModelError')
  })

  it('perplexity', async () => {
    const file = join(folder, 'text.txt')
    writeFileSync(file, `${golden.prompt}${golden.text} `.repeat(6))
    const { ppl, tokens } = JSON.parse(
      (await torchless(['perplexity', model, '--file', file, '--ctx', '32', '--json'])).out,
    )
    expect(ppl).toBeGreaterThan(1)
    expect(tokens % 15).toBe(0)
  })

  it('bench, for people and for programs', async () => {
    const flags = [model, '-p', '16', '-n', '4', '-d', '3', '-b', '2', '-r', '2', '-t', '1']
    const { code, out } = await torchless(['bench', ...flags, '--roofline'])
    expect(code).toBe(0)
    expect(out).toMatch(/prompt of 16 .*tokens\/s.*\n4 tokens at depth 3, batch 2 .*GB\/s/)
    expect(out).toMatch(/memory reads .*GB\/s, 8-bit products .*GMAC\/s/)
    expect(JSON.parse((await torchless(['bench', ...flags, '--json'])).out)).toMatchObject({
      model,
      backend: 'cpu',
      threads: 1,
      prefill: { tokens: 16, median: expect.any(Number), min: expect.any(Number), max: expect.any(Number) },
      decode: { tokens: 4, depth: 3, batch: 2, gbPerSecond: expect.any(Number) },
      machine: { readGbPerSecond: expect.any(Number), int8GmacPerSecond: expect.any(Number) },
      hash: expect.stringMatching(/^[\da-f]{8}$/),
    })
  })

  it('--list-backends', async () => {
    expect((await torchless(['--list-backends'])).out).toMatch(
      /cpu: usable, taken by auto\n.*\nreference: usable/,
    )
  })

  it.each([[[]], [['inspect']], [['tokenize']], [['template']], [['logits']], [['perplexity']]])(
    'help of %j shows an example',
    async command => {
      const { code, out } = await torchless([...command, '--help'])
      expect(out).toMatch(/Examples?:\n {2}\$ torchless/)
      expect(code).toBe(0)
    },
  )
})

describe('compiled code', () => {
  it('is kept in the cache folder, used by later processes, and made anew where it is damaged', async () => {
    const caches = mkdtempSync(join(folder, 'caches-'))
    const version = async (root = caches) => {
      // Of the three systems.
      const env = { XDG_CACHE_HOME: root, HOME: root, LOCALAPPDATA: root }
      const { code, out, err } = await torchless(['--version'], { env })
      expect({ code, err }).toEqual({ code: 0, err: '' })
      return out
    }
    const kept = () => {
      const [file, ...others] = readdirSync(caches, { recursive: true, withFileTypes: true }).filter(entry =>
        entry.isFile(),
      )
      expect(others).toEqual([])
      return join(file!.parentPath, file!.name)
    }
    const first = await version()
    const written = statSync(kept())
    expect(written.size).toBeGreaterThan(100_000)
    // It would have been written again if it had not been used.
    expect(await version()).toBe(first)
    expect(statSync(kept()).mtimeMs).toBe(written.mtimeMs)

    writeFileSync(kept(), readFileSync(kept()).subarray(0, written.size / 2))
    expect(await version()).toBe(first)
    expect(statSync(kept()).size).toBeGreaterThan(100_000)

    const file = join(folder, 'no-folder')
    writeFileSync(file, '')
    expect(await version(file)).toBe(first)
  })
})
