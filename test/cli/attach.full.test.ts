// The chat server as a command, and `torchless attach` in a terminal and piped.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { torchless } from '../support/command.ts'
import { LineClient } from '../support/line-client.ts'
import { Pty } from '../support/pty.ts'

const greedy = ['--temperature', '0', '--max-tokens', '24'] as const
const prompt = /\n?> $/

let folder: string
let socket: string
let server: Server
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'torchless-attach-'))
  socket = join(folder, 'chat.sock')
  server = await serve(socket, [...greedy, '--chat-save-root', join(folder, 'saves'), '--debug'])
})
afterAll(async () => {
  await server.end('SIGTERM')
  await rm(folder, { recursive: true })
})

interface Server {
  readonly err: () => string
  end(signal: NodeJS.Signals): Promise<number | null>
}

async function serve(path: string, args: readonly string[] = []): Promise<Server> {
  const child: ChildProcess = spawn(process.execPath, ['dist/cli/main.js', '--socket', path, ...args])
  let err = ''
  const code = new Promise<number | null>(resolve => child.on('close', resolve))
  await new Promise<void>((resolve, reject) => {
    child.stderr!.on('data', (data: Buffer) => {
      err += data
      if (err.includes('listening on')) resolve()
    })
    child.on('close', () => reject(new Error(err)))
  })
  return {
    err: () => err,
    end(signal) {
      child.kill(signal)
      return code
    },
  }
}

const attach = (lines: readonly string[], ...args: string[]) =>
  torchless(['attach', socket, '--user', 'ann', ...args], { input: lines.map(line => `${line}\n`).join('') })

describe('piped', () => {
  test('a message a line, as in a chat; commands change the conversation', async () => {
    const local = await torchless([...greedy, '--chat'], { input: 'Once upon a time\n' })
    const { code, out, err } = await attach([
      'Once upon a time',
      '/save trip',
      '/temperature 0.5',
      '/system Be brief.',
      '/settings',
      '/clear',
      '/context',
      '/load trip',
      '/saves',
      '/max-tokens 2',
      '/retry',
      '/debug on',
      'More',
      'Explain @tsconfig.build.json:1-2',
    ])
    expect(out.split('\n')[0]).toBe(local.out.replace(/\n$/, ''))
    expect(code).toBe(0)
    for (const expected of [
      '2 messages saved to trip',
      'temperature is 0.5',
      'system prompt: Be brief.',
      /temperature +0\.5/,
      /user +ann/,
      'the conversation is forgotten',
      '2 messages loaded',
      /^trip$/m,
      'cut after 2 tokens',
      /[1-9]\d* tokens reused, \d+ computed/,
      'tsconfig.build.json:1-2: 2 lines',
    ])
      expect(err).toMatch(expected)
    expect(await readdir(join(folder, 'saves', 'ann'))).toEqual(['trip.json'])
  })

  test('mistakes change nothing and cost the exit code', async () => {
    const { code, err } = await attach([
      '/top-k -1',
      '/load ../ann/trip',
      '/load none',
      '/model x',
      '/nothing',
    ])
    expect(code).toBe(1)
    for (const expected of ['/top-k: ', 'save: expected', 'none: no such save', '/model is no command'])
      expect(err).toContain(expected)
  })

  test('as JSON', async () => {
    const { out } = await attach(['Tell me a story about a fox.'], '--json')
    const lines = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines.at(-1)).toMatchObject({ done: true, finish: 'length', usage: { completion: 24 } })
    expect(lines.slice(0, -1).every(({ text }) => typeof text === 'string')).toBe(true)
  })
})

describe('in a terminal', () => {
  async function open(path = socket, ...args: string[]): Promise<Pty> {
    const env = { XDG_STATE_HOME: join(folder, 'state') }
    const pty = new Pty(['attach', path, '--user', 'bob', ...args], { env })
    onTestFinished(() => pty.kill('SIGKILL'))
    await pty.until(prompt)
    return pty
  }

  test('Tab completes what the server knows; Ctrl-C stops a reply and keeps what came; Ctrl-D leaves', async () => {
    const pty = await open()
    pty.type('/save')
    await pty.until(/\/save/)
    pty.type('s\r')
    await pty.until(/nothing is saved\r\n/)
    pty.type('/lazy\r')
    await pty.until(/\/lazy is no command/)
    pty.type('/max-tok')
    await pty.until(/max-tok/)
    pty.type('\t')
    await pty.until(/ens/)
    pty.type('400\r')
    await pty.until(/max-tokens is 400\r\n/)
    pty.type('/temperature 5\r')
    await pty.until(/temperature is 5\r\n/)
    pty.type('Once upon a time\r')
    // Behind the line, which the terminal may have been given more than once.
    await pty.until(/time\r+\n\s*[^>\s]\S*\s+\S+/)
    pty.type('\u0003')
    await pty.until(/stopped\r\n[\s\S]*> $/)
    pty.type('/save stopped\r')
    await pty.until(/2 messages saved to stopped\r\n/)
    const { messages } = JSON.parse(await readFile(join(folder, 'saves', 'bob', 'stopped.json'), 'utf8'))
    expect(messages[1].content.length).toBeGreaterThan(3)
    pty.type('\u0004')
    expect(await pty.exit).toBe(0)
  })

  test('a server that goes is told, and ends it', async () => {
    const path = join(folder, 'short.sock')
    const short = await serve(path, greedy)
    const pty = await open(path)
    await short.end('SIGKILL')
    pty.type('Once upon a time\r')
    await pty.until(/error: .*short\.sock: the server has gone/)
    expect(await pty.exit).toBe(1)
  })
})

describe('the server', () => {
  test('says that it listens, and with --debug who comes and goes', async () => {
    expect(statSync(socket).mode & 0o777).toBe(0o600)
    await attach([])
    expect(server.err()).toContain(`listening on ${socket}`)
    expect(server.err()).toMatch(/connection \d+ \(ann\) is here\n[\s\S]*connection \d+ \(ann\) has left\n/)
  })

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('after %s aborts replies, removes the socket and ends with %d', async (signal, code) => {
    const path = join(folder, 'signal.sock')
    const one = await serve(path, ['--temperature', '5', '--max-tokens', '400'])
    const user = await LineClient.hello(path)
    user.say({ say: 'Once' })
    await user.until('text')
    const ended = one.end(signal)
    expect((await user.until('done')).last.finish).toBe('abort')
    expect((await user.next()).error.message).toBe('the server ends')
    expect(await ended).toBe(code)
    expect(existsSync(path)).toBe(false)
  })

  test('takes the socket over from one that was killed, not from one that lives', async () => {
    const path = join(folder, 'killed.sock')
    const killed = await serve(path, greedy)
    const busy = await torchless(['--socket', path])
    expect(busy).toMatchObject({ code: 1, err: expect.stringContaining(`${path}: somebody listens there`) })
    await killed.end('SIGKILL')
    expect(existsSync(path)).toBe(true)
    const next = await serve(path, greedy)
    const user = await LineClient.hello(path)
    expect((await user.ask({ say: 'Once' }, 'done')).last.done).toBe(true)
    user.socket.destroy()
    await next.end('SIGTERM')
  })

  test('leaves a file alone that is no socket', async () => {
    const path = join(folder, 'file')
    await writeFile(path, 'precious')
    const { code, err } = await torchless(['--socket', path])
    expect(code).toBe(1)
    expect(err).toContain('is no socket')
    expect(await readFile(path, 'utf8')).toBe('precious')
  })
})

describe('mistakes', () => {
  test.each([
    [['--chat-save-root', 'x'], 2, 'only with --socket'],
    [['--socket', 's', 'model.gguf', 'prompt'], 2, 'expected no prompt'],
    [['--socket', 's', '--json'], 2, '--json: not with --socket'],
    [['--socket', 's', '--chat-save-root', 'package.json'], 1, 'no folder for saves'],
    [['attach', 'no.sock'], 1, 'no such socket'],
  ] as const)('%j', async (args, code, words) => {
    const result = await torchless(args)
    expect(result.err).toContain(words)
    expect(result.code).toBe(code)
  })

  test('a name that is none', async () => {
    const { code, err } = await torchless(['attach', socket, '--user', 'Ann Other'], { input: 'Hello\n' })
    expect(code).toBe(1)
    expect(err).toContain('user: expected')
  })
})
