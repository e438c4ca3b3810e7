// The chat server with the built-in model: many users at once, those who vanish, do not read, or talk nonsense.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Chat, ChatOptions, Model } from '../../../src/api/index.ts'
import { builtinModel, loadModel } from '../../../src/index.ts'
import { Connection } from '../../../src/server/socket/connection.ts'
import { MAX_LINE, parseAnswer } from '../../../src/server/socket/protocol.ts'
import { SaveRoot } from '../../../src/server/socket/saves.ts'
import { ChatServer } from '../../../src/server/socket/server.ts'
import { Random, range } from '../../conformance/random.ts'
import { LineClient } from '../../support/line-client.ts'

const greedy = { temperature: 0, maxTokens: 16 } as const
let model: Model
let folder: string
let next = 0
beforeAll(async () => {
  model = await loadModel(builtinModel.location, { repeatable: true })
  folder = await mkdtemp(join(tmpdir(), 'torchless-server-'))
})
afterAll(async () => {
  await model.dispose()
  await rm(folder, { recursive: true })
})

async function serve(chat: ChatOptions = greedy, most?: number) {
  const path = join(folder, `s${next++}`)
  const root = `${path}-saves`
  const log: string[] = []
  const parts = { model, chat, saves: await SaveRoot.open(root), log: (line: string) => void log.push(line) }
  const server = new ChatServer(parts, most)
  await server.listen(path)
  onTestFinished(() => server.close())
  return { server, path, log, root }
}

/** What the model says to these messages when nobody else is there. */
async function alone(options: ChatOptions, ...messages: readonly string[]): Promise<string[]> {
  const chat = model.chat(options)
  const replies: string[] = []
  for (const message of messages) replies.push((await chat.send(message)).text)
  chat.dispose()
  return replies
}

const openings = [
  'Once',
  'A cat',
  'The sun',
  'Tom and Sue',
  'One day',
  'My dog',
  'In a house',
  'Rain',
  'We',
  'Why',
]

describe('many users at once', () => {
  test.each([
    ['greedy', greedy],
    ['seeded', { temperature: 1.5, seed: 7, maxTokens: 16 }],
  ] as const)('ten, each with the text that they would have alone: %s', async (_, options) => {
    const expected: string[][] = []
    for (const opening of openings) expected.push(await alone(options, opening, 'And then?'))
    const { path } = await serve(options)
    const texts = await Promise.all(
      openings.map(async (opening, i) => {
        const user = await LineClient.hello(path, `user${i}`)
        const first = await user.ask({ say: opening }, 'done')
        const second = await user.ask({ say: 'And then?' }, 'done')
        user.socket.destroy()
        return [first.text, second.text]
      }),
    )
    expect(texts).toEqual(expected)
    expect(new Set(texts.flat()).size).toBeGreaterThan(4)
  })

  test('more than a step holds: forty', async () => {
    const options = { ...greedy, maxTokens: 6 }
    const [expected] = await alone(options, 'Once')
    const { path } = await serve(options)
    const replies = await Promise.all(
      range(40).map(async i => (await LineClient.hello(path, `u${i}`)).ask({ say: 'Once' }, 'done')),
    )
    expect(new Set(replies.map(({ text }) => text))).toEqual(new Set([expected]))
  })

  test('a long reply does not keep a short one waiting', async () => {
    const { path } = await serve()
    const [long, short] = [await LineClient.hello(path, 'long'), await LineClient.hello(path, 'short')]
    long.say({ set: { maxTokens: 400, temperature: 5, seed: 1 } }, { say: 'Once' })
    await long.until('settings')
    await long.until('text')
    let done = false
    const ended = long.until('done').then(() => {
      done = true
    })
    expect((await short.ask({ say: 'Once' }, 'done')).text).toBe((await alone(greedy, 'Once'))[0])
    expect(done).toBe(false)
    long.say({ abort: true })
    await ended
  })

  test('several connections of one user are several conversations', async () => {
    const { path } = await serve()
    const [one, two] = [await LineClient.hello(path), await LineClient.hello(path)]
    await one.ask({ say: 'Once' }, 'done')
    expect((await two.ask({ context: true }, 'context')).last.context.used).toBe(0)
    expect((await two.ask({ retry: true }, 'done')).last.error.name).toBe('InvalidOptionError')
  })
})

describe('a user', () => {
  test('who vanishes in mid-reply costs nobody anything', async () => {
    const chats: Chat[] = []
    const watched = new Proxy(model, {
      get(target, key) {
        if (key !== 'chat') return Reflect.get(target, key, target)
        return (options: ChatOptions) => {
          const chat = target.chat(options)
          chats.push(chat)
          return chat
        }
      },
    })
    const path = join(folder, `s${next++}`)
    const log: string[] = []
    const parts = { model: watched, chat: { temperature: 5, maxTokens: 400 }, saves: undefined }
    const server = new ChatServer({ ...parts, log: line => void log.push(line) })
    await server.listen(path)
    onTestFinished(() => server.close())
    const other = await LineClient.hello(path, 'other')
    const gone = await LineClient.hello(path, 'gone')
    gone.say({ say: 'Once' })
    await gone.until('text')
    gone.socket.destroy()
    const reply = other.ask({ set: { maxTokens: 5 } }, 'settings')
    while (!log.includes('connection 2 (gone) has left')) await new Promise(resolve => setTimeout(resolve, 5))
    await reply
    expect(() => chats.at(-1)!.context()).toThrow('chat was disposed')
    expect(() => chats.at(-2)!.context()).not.toThrow()
    expect((await other.ask({ say: 'Once' }, 'done')).last.usage.completion).toBe(5)
    expect(log).toEqual([
      'connection 1 (other) is here',
      'connection 2 (gone) is here',
      'connection 2 (gone) has left',
    ])
  })

  test('who does not read rests, and holds up nobody', async () => {
    const { path } = await serve()
    /** A socket whose other side reads nothing until `read` is called. */
    const held: (() => void)[] = []
    const written: string[] = []
    let reading = false
    const socket = new Duplex({
      highWaterMark: 100,
      allowHalfOpen: true,
      read() {},
      write(chunk, _, done) {
        written.push(String(chunk))
        if (reading) done()
        else held.push(done)
      },
    })
    const slow = new Connection({ model, chat: greedy, saves: undefined, log() {} }, socket, 'slow')
    socket.push('{"hello":1,"user":"slow"}\n{"say":"Once"}\n'.concat('{"settings":true}\n'.repeat(500)))
    const other = await LineClient.hello(path, 'other')
    for (let i = 0; i < 3; i++) await other.ask({ say: 'Once' }, 'done')
    expect(socket.writableLength).toBeLessThan(1000)
    // What was sent ahead waits outside.
    expect(socket.isPaused()).toBe(true)
    expect(written.join('')).not.toContain('done')

    reading = true
    for (const done of held) done()
    socket.push(null)
    await slow.closed
    const lines = written.join('').trim().split('\n')
    const text = lines.map(line => JSON.parse(line).text ?? '').join('')
    expect(text).toBe((await alone(greedy, 'Once'))[0])
    expect(lines.filter(line => line.includes('"settings"'))).toHaveLength(500)
  })

  test('may say all at once, end, and read the answers', async () => {
    const { path } = await serve()
    const user = new LineClient(path)
    user.socket.end('{"hello":1,"user":"ann"}\r\n\n{"say":"Once","id":"a"}\n{"saves":true,"id":2}')
    const hello = await user.until('hello')
    expect(hello.last).toMatchObject({ hello: 1, user: 'ann', contextLength: 512, saves: true })
    const said = await user.until('done')
    expect(said.text).toBe((await alone(greedy, 'Once'))[0])
    expect(said.lines.every(({ id }) => id === 'a')).toBe(true)
    expect(await user.next()).toEqual({ id: 2, saves: [] })
    expect(await user.next()).toBeUndefined()
  })

  test('ends a reply, or one that has not begun', async () => {
    const { path } = await serve({ maxTokens: 400 })
    const user = await LineClient.hello(path)
    user.say({ say: 'Tell me a story about a fox.' })
    await user.until('text')
    const { last } = await user.ask({ abort: true }, 'done')
    expect(last).toMatchObject({ finish: 'abort' })
    expect(last.usage.completion).toBeGreaterThan(0)
    const { context } = (await user.ask({ context: true }, 'context')).last
    user.say({ say: 'Twice' }, { say: 'Thrice' }, { abort: true }, { context: true })
    for (let i = 0; i < 2; i++)
      expect((await user.until('done')).last).toMatchObject({ finish: 'abort', usage: { completion: 0 } })
    expect((await user.until('context')).last.context).toEqual(context)
    user.say({ set: { maxTokens: 3 } }, { say: 'Once' }, { abort: true })
  })

  test('changes the conversation as the commands of a chat do', async () => {
    const { path } = await serve()
    const user = await LineClient.hello(path)
    const told = await user.ask({ system: 'Be brief.' }, 'settings')
    expect(told.last.settings).toMatchObject({ system: 'Be brief.', options: { temperature: 0 } })
    const set = await user.ask({ set: { maxTokens: 4, topK: 3 } }, 'settings')
    expect(set.last.settings.options).toMatchObject({ maxTokens: 4, topK: 3 })
    for (const wrong of [
      { maxTokens: -1 },
      { topP: 3 },
      { temperature: 'hot' },
      { heat: 1 },
      { topK: -1, seed: 3 },
    ])
      expect((await user.ask({ set: wrong }, 'settings')).last.error.name).toBe('InvalidOptionError')
    expect((await user.ask({ settings: true }, 'settings')).last).toEqual(set.last)
    expect((await user.ask({ set: { topK: null } }, 'settings')).last.settings.options).toMatchObject({
      maxTokens: 4,
    })
    const first = await user.ask({ say: 'Once' }, 'done')
    expect(first.text).toBe((await alone({ ...greedy, maxTokens: 4, system: 'Be brief.' }, 'Once'))[0])
    expect((await user.ask({ retry: true }, 'done')).text).toBe(first.text)
    const { context } = (await user.ask({ context: true }, 'context')).last
    expect(context.nextDropped).toEqual([])
    await user.ask({ clear: true }, 'cleared')
    expect((await user.ask({ context: true }, 'context')).last.context.used).toBeLessThan(context.used)
    await user.ask({ system: null }, 'settings')
    expect((await user.ask({ context: true }, 'context')).last.context.used).toBe(0)
  })

  test("keeps what the server's schema asks for, which is nobody else's to know or to change", async () => {
    const { path } = await serve({ ...greedy, schema: { enum: ['yes', 'no'] } })
    const user = await LineClient.hello(path)
    const { last } = await user.ask({ settings: true }, 'settings')
    expect(parseAnswer(JSON.stringify(last))).toEqual(last)
    expect(Object.keys(last.settings.options)).not.toContain('schema')
    for (const wrong of [{ schema: null }, { grammar: 'root ::= "a"' }])
      expect((await user.ask({ set: wrong }, 'settings')).last.error.name).toBe('InvalidOptionError')
    await user.ask({ set: { maxTokens: 8 } }, 'settings')
    expect((await user.ask({ say: 'Well?' }, 'done')).text).toMatch(/^"(yes|no)"$/)
  })

  test('is told what left the context', async () => {
    const { path } = await serve()
    const user = await LineClient.hello(path)
    await user.ask({ say: `Old ${'story '.repeat(150)}` }, 'done')
    const { lines } = await user.ask({ say: `New ${'story '.repeat(200)}` }, 'done')
    const [dropped] = lines.filter(line => 'dropped' in line)
    expect(dropped.dropped.map(({ role }: { role: string }) => role)).toEqual(['user', 'assistant'])
    const { last } = await user.ask({ say: 'story '.repeat(600) }, 'done')
    expect(last.error.name).toBe('ContextOverflowError')
    expect((await user.ask({ say: 'Once' }, 'done')).last.done).toBe(true)
  })
})

describe('saves', () => {
  test('are taken up again by their user, later and elsewhere', async () => {
    const { path, root } = await serve()
    const ann = await LineClient.hello(path, 'ann')
    await ann.ask({ system: 'Be brief.' }, 'settings')
    const first = await ann.ask({ say: 'Once' }, 'done')
    await ann.ask({ set: { maxTokens: 5 } }, 'settings')
    expect((await ann.ask({ save: 'trip', settings: true }, 'saved')).last.saved).toEqual({
      name: 'trip',
      messages: 2,
      replaced: false,
    })
    expect((await ann.ask({ save: 'trip.json', settings: true }, 'saved')).last.saved.replaced).toBe(true)
    const again = await LineClient.hello(path, 'ann')
    expect((await again.ask({ saves: true }, 'saves')).last.saves).toEqual(['trip'])
    expect((await again.ask({ load: 'trip' }, 'loaded')).last.loaded).toEqual({ name: 'trip', messages: 2 })
    const { settings } = (await again.ask({ settings: true }, 'settings')).last
    expect(settings).toMatchObject({ system: 'Be brief.', options: { maxTokens: 5, temperature: 0 } })
    const more = await again.ask({ say: 'And then?' }, 'done')
    const chat = model.chat({ ...greedy, system: 'Be brief.' })
    expect((await chat.send('Once')).text).toBe(first.text)
    expect((await chat.send('And then?', { maxTokens: 5 })).text).toBe(more.text)
    chat.dispose()

    const bob = await LineClient.hello(path, 'bob')
    expect((await bob.ask({ saves: true }, 'saves')).last.saves).toEqual([])
    expect((await bob.ask({ load: 'trip' }, 'loaded')).last.error.message).toBe('trip: no such save')
    for (const name of ['../ann/trip', '/etc/passwd', '..'])
      for (const request of [{ load: name }, { save: name }])
        expect((await bob.ask(request, 'saved')).last.error.name).toBe('InvalidOptionError')
    expect(await readdir(root)).toEqual(['ann'])
  })

  test('that are damaged change nothing', async () => {
    const { path, root } = await serve()
    const user = await LineClient.hello(path, 'ann')
    await user.ask({ say: 'Once' }, 'done')
    await user.ask({ save: 'a' }, 'saved')
    const before = (await user.ask({ context: true }, 'context')).last.context
    await writeFile(join(root, 'ann', 'a.json'), '{"format":"torchless chat","version":1}')
    expect((await user.ask({ load: 'a' }, 'loaded')).last.error.name).toBe('ModelFormatError')
    expect((await user.ask({ context: true }, 'context')).last.context).toEqual(before)
  })

  test('turn off what was off, and are refused where replies cannot be drawn so', async () => {
    const { path, root } = await serve()
    const user = await LineClient.hello(path, 'ann')
    await user.ask({ save: 'plain', settings: true }, 'saved')
    await user.ask({ set: { topK: 3, stop: 'x' } }, 'settings')
    await user.ask({ load: 'plain' }, 'loaded')
    const { settings } = (await user.ask({ settings: true }, 'settings')).last
    expect(settings.options).not.toHaveProperty('topK')
    expect(settings.options).toMatchObject({ temperature: 0, stop: ['x'] })
    const file = join(root, 'ann', 'plain.json')
    await writeFile(file, (await readFile(file, 'utf8')).replace('"temperature": 0', '"temperature": -1'))
    expect((await user.ask({ load: 'plain' }, 'loaded')).last.error.message).toContain(
      'temperature: expected',
    )
    expect((await user.ask({ settings: true }, 'settings')).last.settings).toEqual(settings)
  })

  test('are refused where there is no place for them', async () => {
    const path = join(folder, `s${next++}`)
    const server = new ChatServer({ model, chat: greedy, saves: undefined, log() {} })
    await server.listen(path)
    onTestFinished(() => server.close())
    const user = await LineClient.hello(path)
    expect((await user.ask({ save: 'a' }, 'saved')).last.error.message).toContain('--chat-save-root')
  })
})

describe('nonsense', () => {
  test.each([
    ['no hello', '{"say":"Once"}\n', 'expected hello first, found say'],
    ['another version', '{"hello":2,"user":"ann"}\n', 'expected version 1, found 2'],
    ['a name that is none', '{"hello":1,"user":"../ann"}\n', 'user: expected'],
    ['another language', 'GET / HTTP/1.1\r\n\r\n', 'expected a JSON value a line'],
  ])('at the beginning is told and closed: %s', async (_, text, words) => {
    const { path } = await serve()
    const user = new LineClient(path)
    user.socket.write(text)
    expect((await user.next()).error.message).toContain(words)
    expect(await user.next()).toBeUndefined()
  })

  test('later is told, and the connection goes on', async () => {
    const { path } = await serve()
    const user = await LineClient.hello(path)
    const long = `{"say":"${'x'.repeat(MAX_LINE)}"}\n`
    for (const text of [
      '{\n',
      '[]\n',
      '{"shout":1}\n',
      '{"hello":1,"user":"ann"}\n',
      long,
      Buffer.of(0xff, 10),
    ]) {
      user.socket.write(text)
      expect((await user.next()).error.name).toBe('ProtocolError')
    }
    expect((await user.ask({ saves: true, id: 1 }, 'saves')).last).toEqual({ id: 1, saves: [] })
  })

  test('of every kind leaves the server well', async () => {
    const { path, log } = await serve()
    const random = new Random('nonsense')
    const good =
      '{"hello":1,"user":"ann"}\n{"say":"Once","id":1}\n{"save":"a"}\n{"set":{"topK":1}}\n{"abort":true}\n'
    for (let i = 0; i < 150; i++) {
      const bytes = Buffer.from(good)
      for (let j = 0; j <= random.below(6); j++) bytes[random.below(bytes.length)] = random.below(256)
      const user = new LineClient(path)
      user.socket.on('error', () => {})
      user.socket.write(bytes.subarray(0, 1 + random.below(bytes.length)))
      if (random.below(2) === 0) user.socket.end()
      else user.socket.destroy()
    }
    const user = await LineClient.hello(path, 'well')
    expect((await user.ask({ say: 'Once' }, 'done')).text).toBe((await alone(greedy, 'Once'))[0])
    expect(log.filter(line => !/is here$|has left$/.test(line))).toEqual([])
  })
})

describe('the server', () => {
  test('has room for so many connections', async () => {
    const { path } = await serve(greedy, 2)
    const users = [await LineClient.hello(path), await LineClient.hello(path)]
    const late = new LineClient(path)
    expect((await late.next()).error.message).toBe('there are 2 connections already')
    expect(await late.next()).toBeUndefined()
    users[0]!.socket.end()
    await users[0]!.closed
    const user = await LineClient.hello(path)
    expect((await user.ask({ saves: true }, 'saves')).last.saves).toEqual([])
  })

  test('tells its users when it ends', async () => {
    const { server, path } = await serve({ maxTokens: 400 })
    const [busy, idle, silent] = [
      await LineClient.hello(path),
      await LineClient.hello(path),
      new LineClient(path),
    ]
    busy.say({ say: 'Tell me a story about a fox.' }, { say: 'Twice' })
    await busy.until('text')
    await server.close()
    expect((await busy.until('done')).last.finish).toBe('abort')
    for (const user of [busy, idle, silent]) {
      expect(await user.next()).toEqual({ error: { name: 'ProtocolError', message: 'the server ends' } })
      expect(await user.next()).toBeUndefined()
    }
    expect(await readdir(folder)).not.toContain(path)
  })

  test('begins with options that are none: at once', async () => {
    const server = new ChatServer({ model, chat: { topK: 0.5 }, saves: undefined, log() {} })
    await expect(server.listen(join(folder, 'never'))).rejects.toThrow()
    expect(await readdir(folder)).not.toContain('never')
  })
})
