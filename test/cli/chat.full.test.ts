// The chat as people and programs meet it: in a terminal, and piped.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { torchless } from '../support/command.ts'
import { Pty, type PtyOptions } from '../support/pty.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'torchless-chat-'))
})
afterAll(() => rm(folder, { recursive: true }))

const greedy = ['--temperature', '0', '--max-tokens', '24'] as const
const cut = /cut after 24 tokens\r\n/
const prompt = /\n?> $/

describe('in a terminal', () => {
  let next = 0
  async function open(args: readonly string[] = [], options: PtyOptions = {}): Promise<Pty> {
    const state = options.env?.XDG_STATE_HOME ?? join(folder, `state${next++}`)
    const pty = new Pty([...greedy, ...args], { ...options, env: { XDG_STATE_HOME: state, ...options.env } })
    onTestFinished(() => pty.kill('SIGKILL'))
    await pty.until(prompt)
    return pty
  }

  test('no prompt begins a chat; Ctrl-D leaves it', async () => {
    const pty = await open()
    pty.type('Tell me a story about a fox.\r')
    const shown = await pty.until(cut)
    const { out } = await torchless([...greedy, '--chat'], { input: 'Tell me a story about a fox.\n' })
    const words = (text: string) => text.split(/\s+/).filter(Boolean)
    expect(words(shown).join(' ')).toContain(words(out).join(' '))
    await pty.until(prompt)
    pty.type('\u0004')
    expect(await pty.exit).toBe(0)
  })

  test('lines are edited, commands completed and remembered', async () => {
    const state = join(folder, 'remembered')
    const pty = await open([], { env: { XDG_STATE_HOME: state } })
    pty.type('/tempe')
    await pty.until(/\/tempe/)
    pty.type('\t')
    await pty.until(/rature/)
    pty.type('1.5')
    await pty.until(/1\.5/)
    // Home, a word on, a word back, to the end, two letters off.
    pty.type('\u0001\u001bf\u001bb\u0005\u007f\u007f.25\r')
    await pty.until(/temperature is 1\.25\r\n/)
    pty.type(' /top-k 3\r')
    await pty.until(/> $/)
    pty.type('/quit\r')
    expect(await pty.exit).toBe(0)
    const path = join(state, 'torchless', 'history')
    expect(await readFile(path, 'utf8')).toBe('/temperature 1.25\n/quit\n')
    expect((await stat(path)).mode & 0o777).toBe(0o600)

    const again = await open([], { env: { XDG_STATE_HOME: state } })
    again.type('\u001b[A\u001b[A\r')
    await again.until(/temperature is 1\.25\r\n/)
  })

  test('Tab knows arguments and files', async () => {
    await writeFile(join(folder, 'a-conversation.json'), '{}')
    const pty = await open()
    pty.type('/template chat')
    await pty.until(/chat/)
    pty.type('\t')
    await pty.until(/ml/)
    pty.type('\r')
    await pty.until(/prompts are written as chatml\r\n/)
    pty.type(`/load ${folder}/a-con`)
    await pty.until(/a-con/)
    pty.type('\t')
    await pty.until(/json/)
    pty.type('\r')
    await pty.until(/error: .*a-conversation\.json: format: expected "torchless chat"/)
  })

  test('Ctrl-C stops a reply and keeps what came', async () => {
    const pty = await open(['--max-tokens', '400', '--temperature', '5', '--seed', '1'])
    pty.type('Once upon a time\r')
    await pty.until(/time\s+\S+\s+\S+/)
    pty.type('\u0003')
    await pty.until(/stopped\r\n[\s\S]*> $/)
    pty.type('/context\r')
    await pty.until(/tokens used/)
    pty.type(`/save ${folder}/stopped.json\r`)
    await pty.until(/2 messages saved/)
    const { messages } = JSON.parse(await readFile(join(folder, 'stopped.json'), 'utf8'))
    expect(messages[1].role).toBe('assistant')
    expect(messages[1].content.length).toBeGreaterThan(3)
  })

  test('Ctrl-C clears the line, and twice in a row leaves', async () => {
    const pty = await open()
    pty.type('nonsense\u0003')
    await pty.until(/\^C\r\n> $/)
    pty.type('\u0003')
    await pty.until(/Ctrl-C again or Ctrl-D leaves\r\n> $/)
    // What is typed between them makes them two.
    pty.type('x\u007f')
    pty.type('\u0003')
    await pty.until(/Ctrl-C again or Ctrl-D leaves\r\n> $/)
    pty.type('\u0003')
    expect(await pty.exit).toBe(130)
  })

  test('what is pasted is one message, sent by Enter', async () => {
    const pty = await open()
    pty.type('\u001b[200~Once\rupon\ra time\u001b[201~')
    await pty.until(/a time$/)
    pty.type('\r')
    await pty.until(cut)
    await pty.until(prompt)
    pty.type(`/save ${folder}/pasted.json\r`)
    await pty.until(/2 messages saved/)
    const { messages } = JSON.parse(await readFile(join(folder, 'pasted.json'), 'utf8'))
    expect(messages[0].content).toBe('Once\nupon\na time')
  })

  test('replies are as wide as the terminal', async () => {
    const pty = await open(['--max-tokens', '120'], { columns: 60 })
    pty.resize(30)
    pty.type('Tell me a story about a red fox\r')
    const shown = await pty.until(/cut after 120 tokens|\r\n> $/)
    const lines = shown.split('\r\n').slice(1, -2)
    expect(lines.length).toBeGreaterThan(4)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(30)
  })

  test('a dumb terminal gets no escape sequences', async () => {
    const pty = await open([], { env: { TERM: 'dumb' } })
    pty.type('Tell me a story about a fox.\r')
    await pty.until(cut)
    await pty.until(/> $/)
    expect(pty.raw).toBe(stripVTControlCharacters(pty.raw))
    pty.type('\u0004')
    expect(await pty.exit).toBe(0)
  })

  test('a signal that ends it leaves the terminal as it was', async () => {
    const pty = await open()
    pty.kill('SIGTERM')
    expect(await pty.exit).toBe(143)
    expect(pty.raw).toContain('\u001b[?2004l')
  })

  test('what is out of the ordinary is asked for', async () => {
    const path = join(folder, 'outside.txt')
    await writeFile(path, 'Once\n')
    const pty = await open(['--max-tokens', '3'])
    pty.type(`Tell @${path}\r`)
    await pty.until(/lies outside of this folder; show it to the model\? \(y\/n\) /)
    pty.type('y\r')
    await pty.until(/1 lines, 5 bytes/)
    await pty.until(prompt)
    pty.type(`Tell @${path}:1\r`)
    await pty.until(/\(y\/n\) /)
    pty.type('n\r')
    await pty.until(/is not shown: it lies outside/)
  })

  test('thinking is counted, shown on demand', async () => {
    const pty = await open(['--thinking-budget', '6', '--temperature', '5', '--seed', '3'])
    pty.type('/template deepseek-r1\r')
    await pty.until(/deepseek-r1\r\n/)
    pty.type('Once\r')
    await pty.until(/thinking, \d+ tokens/)
    await pty.until(cut)
    pty.type('/thinking on\r')
    await pty.until(/thinking is shown/)
    pty.type('/retry\r')
    const shown = await pty.until(cut)
    expect(shown).not.toContain('thinking, ')
    expect(shown).toMatch(/\S\r\n\r\n\S/)
  })
})

describe('piped', () => {
  const chat = (lines: readonly string[], ...args: string[]) =>
    torchless([...greedy, '--chat', ...args], { input: lines.map(line => `${line}\n`).join('') })

  test('a message a line, answers alone on stdout', async () => {
    const { code, out, err } = await chat(['Once upon a time', '/settings', '/retry'], '--quiet')
    expect(code).toBe(0)
    const [first, second, ...rest] = out.split('\n')
    expect(first).toBe(second)
    expect(rest).toEqual([''])
    expect(err).toContain('temperature       0')
  })

  test('commands change what they say; mistakes change nothing', async () => {
    const { code, err } = await chat([
      '/temperature hot',
      '/top-k 5',
      '/top-p 0.5',
      '/top-p off',
      '/max-tokens 3',
      '/system Be brief.',
      '/debug on',
      '/temprature 1',
      '/model nothing.gguf',
      '/template latin',
      '/load package.json',
      '/load nothing.json',
      '/load test',
      '/template own',
      'Once',
      '/settings',
    ])
    expect(code).toBe(1)
    for (const expected of [
      '/temperature: Expected a number from 0. Found hot.',
      '/temprature is no command; /temperature is; /help lists them',
      'nothing.gguf: no such file',
      '/template: expected one of',
      'package.json: format: expected "torchless chat"',
      'nothing.json: no such file',
      'test: it is a folder',
      "prompts are written by the model's own template",
      'cut after 3 tokens',
      /0 tokens reused, \d+ computed at .* tokens\/s; 3 generated/,
      'system prompt     Be brief.',
      'top-k             5',
      'top-p             off',
      'temperature       0\n',
    ])
      expect(err).toMatch(expected)
  })

  test('a conversation is saved with its settings, and taken up again', async () => {
    const path = join(folder, 'full.json')
    const saved = await chat(['Once upon a time', '/temperature 0.5', `/fullsave ${path}`, `/save ${path}`])
    expect(saved.err).toContain('2 messages saved')
    expect(saved.err).toContain('which was replaced')
    await chat(['Once upon a time', '/top-k 7', `/fullsave ${path}`])
    const { err, out } = await chat(['/top-p 0.5', `/load ${path}`, '/settings', 'And then?', '/context'])
    expect(err).toContain('2 messages loaded')
    expect(err).toContain('top-k             7')
    expect(err).toContain('top-p             off')
    expect(out.length).toBeGreaterThan(20)
    expect(err).toMatch(/next to go: 2 messages from "Once upon a time" on/)
  })

  test('another model takes the conversation over; lazy weights say the same', async () => {
    const { out, err } = await chat(['Once upon a time', '/lazy on', '/retry', '/model', '/lazy off'])
    const [first, second] = out.split('\n')
    expect(first!.length).toBeGreaterThan(10)
    expect(second).toBe(first)
    expect(err).toContain('weights stay on disk')
    expect(err).toContain('torchless-tiny.gguf (llama, context of 512 tokens)')
    expect(err).toContain('weights are in memory')
  })

  test('what is thought is shown beside the answers, not among them', async () => {
    const lines = ['/template deepseek-r1', 'Once upon a time']
    const args = ['--thinking-budget', '6', '--temperature', '5', '--seed', '3'] as const
    const [hidden, shown, json] = await Promise.all([
      chat(lines, ...args),
      chat(lines, ...args, '--show-thinking'),
      chat(lines, ...args, '--json'),
    ])
    expect(shown.out).toBe(hidden.out)
    const thought = json.out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).thinking ?? '')
      .join('')
    expect(thought.length).toBeGreaterThan(5)
    expect(shown.err).toContain(thought)
    expect(hidden.err).not.toContain(thought)
  })

  test('as JSON, a line a piece and one at the end', async () => {
    const { out } = await chat(['Tell me a story about a fox.'], '--json')
    const lines = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines.at(-1)).toMatchObject({
      done: true,
      finish: 'length',
      usage: { completion: 24, thinking: 0 },
    })
    expect(lines.slice(0, -1).every(({ text }) => typeof text === 'string')).toBe(true)
  })

  test('a message that does not fit is one line, and the chat goes on', async () => {
    const { code, out, err } = await chat(['story '.repeat(600), 'Once upon a time'])
    expect(err).toContain('the context holds 512 tokens')
    expect(out.length).toBeGreaterThan(20)
    expect(code).toBe(1)
  })

  test('as JSON, what fails is a line in place of the last one', async () => {
    const { code, out } = await chat(['story '.repeat(600), '/top-k -1', 'Once upon a time'], '--json')
    const lines = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
      .filter(line => !('text' in line))
    expect(lines).toEqual([
      { error: { name: 'ContextOverflowError', message: expect.stringContaining('512 tokens') } },
      { error: { name: 'UsageError', message: expect.stringContaining('/top-k: Expected') } },
      expect.objectContaining({ done: true }),
    ])
    expect(code).toBe(1)
  })

  test('files that a message refers to are shown to the model, once', async () => {
    const { err } = await chat([
      'Explain @tsconfig.build.json:1-2',
      'And @tsconfig.build.json:1-2 again',
      'And @/etc/hostname',
      'And @nothing.ts',
    ])
    expect(err).toMatch(/tsconfig\.build\.json:1-2: 2 lines, \d+ bytes/)
    expect(err).toContain('tsconfig.build.json:1-2: unchanged, the conversation holds it')
    expect(err).toContain('/etc/hostname is not shown: it lies outside of this folder')
    expect(err).toContain('nothing.ts is not shown: there is no such file')
  })

  test('an interrupt ends it', async () => {
    const child = spawn(process.execPath, ['dist/cli/main.js', '--chat', '--debug'])
    onTestFinished(() => void child.kill('SIGKILL'))
    let err = ''
    const ended = new Promise<number | null>(resolve => child.on('close', resolve))
    await new Promise<void>(resolve =>
      child.stderr.on('data', (data: Buffer) => {
        err += data
        if (err.includes('model loaded')) resolve()
      }),
    )
    child.stdin.write('/settings\n')
    await new Promise<void>(resolve => child.stderr.once('data', () => resolve()))
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(err).not.toMatch(/^ +at /m)
  })

  test('an interrupt stops a reply and all that was to follow', async () => {
    const args = ['--chat', '--json', '--max-tokens', '480', '--temperature', '5', '--seed', '1']
    const child = spawn(process.execPath, ['dist/cli/main.js', ...args])
    onTestFinished(() => void child.kill('SIGKILL'))
    let out = ''
    const ended = new Promise<number | null>(resolve => child.on('close', resolve))
    child.stdin.end('Once upon a time\nAnd then?\n')
    await new Promise<void>(resolve =>
      child.stdout.on('data', (data: Buffer) => {
        out += data
        resolve()
      }),
    )
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    const done = out.split('\n').filter(line => line.includes('"done"'))
    expect(done.map(line => JSON.parse(line))).toEqual([expect.objectContaining({ finish: 'abort' })])
  })

  test('what only begins like a command is a message', async () => {
    const { err } = await chat(['/usr/bin/x is a path', '/nothing'])
    expect(err).toContain('/nothing is no command')
    expect(err).not.toContain('usr is no command')
  })

  test.each(['--system=x', '--show-thinking', '--thinking-budget=3'])('%s is for chats', async flag => {
    const { code, err } = await torchless(['Once upon a time', flag])
    expect(code).toBe(2)
    expect(err).toContain('only in a chat')
  })

  test('options that make no sense in a chat', async () => {
    const { code, err } = await chat([], '--ignore-eos')
    expect(code).toBe(2)
    expect(err).toContain('--ignore-eos')
  })
})
