// Lines and requests of the chat server's protocol: what is read, and what is refused with which words.
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../src/errors.ts'
import { LineReader } from '../../../src/server/socket/lines.ts'
import { parseAnswer, parseRequest } from '../../../src/server/socket/protocol.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('lines', () => {
  const text = 'one\r\n\nzwei größer 🙂\nthree'
  const expected = ['one', '', 'zwei größer 🙂', 'three']

  function read(pieces: readonly Uint8Array[], most?: number): (string | ProtocolError | undefined)[] {
    const reader = new LineReader(most)
    return [...pieces.flatMap(piece => reader.push(piece)), reader.end()]
  }

  test('are the same wherever the bytes are cut', () => {
    const whole = bytes(text)
    for (let i = 0; i <= whole.length; i++)
      expect(read([whole.subarray(0, i), whole.subarray(i)])).toEqual(expected)
    expect(read([...whole].map(byte => Uint8Array.of(byte)))).toEqual(expected)
  })

  test('that are too long are errors, and the next ones are read', () => {
    for (const pieces of [['12345\n1234\n'], ['123', '45', '\n12', '34\n'], [...'12345\n1234\n']])
      expect(read(pieces.map(bytes), 4)).toEqual([expect.any(ProtocolError), '1234', undefined])
    expect(read([bytes('12345')], 4)).toEqual([expect.any(ProtocolError)])
  })

  test('that are no UTF-8 are errors', () => {
    expect(read([Uint8Array.of(0xff, 10, 65, 10)])).toEqual([expect.any(ProtocolError), 'A', undefined])
    expect(read([Uint8Array.of(0xc3)])).toEqual([expect.any(ProtocolError)])
  })

  test('do not change with the buffer that they came in', () => {
    const reader = new LineReader()
    const buffer = bytes('ab')
    reader.push(buffer)
    buffer.fill(0)
    expect(reader.push(bytes('c\n'))).toEqual(['abc'])
  })
})

describe('requests', () => {
  test.each([
    ['{"hello":1,"user":"ann","id":7}', { kind: 'hello', hello: 1, user: 'ann', id: 7 }],
    ['{"say":"","id":"x"}', { kind: 'say', say: '', id: 'x' }],
    ['{"save":"a"}', { kind: 'save', save: 'a', settings: false }],
    ['{"settings":true,"save":"a"}', { kind: 'save', save: 'a', settings: true }],
    ['{"settings":true}', { kind: 'settings', settings: true }],
    ['{"system":null}', { kind: 'system', system: null }],
    [
      '{"set":{"topK":3,"stop":["a"],"seed":null}}',
      { kind: 'set', set: { topK: 3, stop: ['a'], seed: null } },
    ],
  ])('%s', (line, expected) => expect(parseRequest(line)).toEqual(expected))

  test.each([
    ['', 'JSON'],
    ['say', 'JSON'],
    ['null', 'object'],
    ['[{"say":"a"}]', 'object'],
    ['"say"', 'object'],
    ['{}', 'expected one of hello, say'],
    ['{"shout":"a"}', 'found shout'],
    ['{"say":1}', 'say: '],
    ['{"say":"a","loud":true}', 'loud'],
    ['{"retry":false}', 'retry: '],
    ['{"hello":1}', 'hello.user: '],
    ['{"save":"a","settings":1}', 'save.settings: '],
    ['{"set":{"seed":{}}}', 'set.seed: '],
    ['{"say":"a","id":{}}', 'say.id: '],
    [`{"say":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, 'say: '],
    ['{"__proto__":{"say":"a"}}', 'found'],
  ])('%s is none', (line, words) => {
    expect(() => parseRequest(line)).toThrow(ProtocolError)
    expect(() => parseRequest(line)).toThrow(words)
  })
})

test('answers of later versions are passed over, wrong ones are refused', () => {
  expect(parseAnswer('{"id":1,"text":"a","more":1}')).toEqual({ text: 'a' })
  expect(parseAnswer('{"news":"a"}')).toBeUndefined()
  expect(() => parseAnswer('{"text":1}')).toThrow(ProtocolError)
  expect(() => parseAnswer('text')).toThrow(ProtocolError)
})
