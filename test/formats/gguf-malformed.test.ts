// Each way in which a GGUF file can be wrong, and the error that says so: the field, what was expected and found.
import { describe, expect, test } from 'vitest'
import { ModelFormatError, SourceError, UnsupportedModelError } from '../../src/errors.ts'
import { openGguf } from '../../src/formats/gguf.ts'
import { bytesSource, type Source } from '../../src/io/source.ts'
import { ggmlTypeName, quantByGgmlId } from '../../src/quant/quants.ts'
import {
  arrayEntry,
  bytes,
  concat,
  entry,
  type RawFile,
  rawGguf,
  str,
  tensor,
  type,
  u32,
  u64,
} from './raw.ts'

const open = (content: Uint8Array) => openGguf(bytesSource('bad.gguf', content))

async function problemOf(content: Uint8Array): Promise<[string, string, string]> {
  const error = await open(content).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ModelFormatError)
  const { file, field, expected, found, message } = error as ModelFormatError
  expect(file).toBe('bad.gguf')
  expect(message).toBe(`bad.gguf: ${field}: expected ${expected}, found ${found}`)
  return [field, expected, found]
}

type Case = [RawFile, field: string, expected: string, found: string]

function check(cases: Record<string, Case>): void {
  test.each(Object.entries(cases))('%s', async (_, [file, ...problem]) => {
    expect(await problemOf(rawGguf(file))).toEqual(problem)
  })
}

const HUGE = 2n ** 63n
const key = 'metadata "k"'
const noRoom = (most: number) => `at most ${most}, as the file has no room for more`

describe('header', () => {
  check({
    'another format': [{ magic: 'GGML' }, 'magic', '"GGUF"', '0x4c4d4747'],
    'version 1': [{ version: 1 }, 'version', '2 or 3, little-endian', '1'],
    'version 4': [{ version: 4 }, 'version', '2 or 3, little-endian', '4'],
    'version 0': [{ version: 0 }, 'version', '2 or 3, little-endian', '0'],
    'a big-endian file': [{ version: 3 << 24 }, 'version', '2 or 3, little-endian', 'a big-endian file'],
    'a huge tensor count': [{ tensorCount: HUGE }, 'tensor count', noRoom(0), `${HUGE}`],
    'a huge metadata count': [{ metadataCount: -1n }, 'metadata count', noRoom(0), `${2n ** 64n - 1n}`],
    'a tensor count beyond the file': [
      { tensorCount: 7, data: new Uint8Array(200) },
      'tensor count',
      noRoom(6),
      '7',
    ],
    'a metadata count beyond the file': [
      { metadataCount: 16, data: new Uint8Array(200) },
      'metadata count',
      noRoom(14),
      '16',
    ],
    'more tensors than any model has': [
      { tensorCount: 300_000, data: new Uint8Array(10_000_000) },
      'tensor count',
      'at most 262144, as no model has more',
      '300000',
    ],
  })

  test('an empty file', async () => {
    expect(await problemOf(new Uint8Array(0))).toEqual([
      'magic',
      '4 bytes at offset 0',
      'the end of the file at 0',
    ])
  })
})

describe('metadata', () => {
  check({
    'a key twice': [
      { metadata: [entry('k', type.u8, bytes(1)), entry('k', type.u8, bytes(1))] },
      key,
      'each key once',
      'a second one',
    ],
    'an empty key': [{ metadata: [entry('', type.u32, u32(1))] }, 'metadata 0 key length', '1 to 65535', '0'],
    'a key of 64 KB': [
      { metadata: [entry('k'.repeat(65_536), type.u8, bytes(1))] },
      'metadata 0 key length',
      '1 to 65535',
      '65536',
    ],
    'a key beyond the file': [
      { metadata: [concat(u64(HUGE), bytes(1, 2, 3, 4, 5, 6))] },
      'metadata 0 key length',
      noRoom(32),
      `${HUGE}`,
    ],
    'a key that is not UTF-8': [
      { metadata: [concat(u64(2), bytes(0x61, 0xff), u32(type.u8), bytes(0))] },
      'metadata 0 key',
      'valid UTF-8',
      '"a\uFFFD"',
    ],
    'an unknown type': [
      { metadata: [entry('k', 13, bytes(0))] },
      `${key} type`,
      'a value type from 0 to 12',
      '13',
    ],
    'a string beyond the file': [
      { metadata: [entry('k', type.string, u64(100))] },
      `${key} length`,
      noRoom(19),
      '100',
    ],
    'a bool of 2': [{ metadata: [entry('k', type.bool, bytes(2))] }, key, '0 or 1, for false or true', '2'],
    'a bool of 255 in an array': [
      { metadata: [arrayEntry('k', type.bool, [bytes(1, 255)], 2)] },
      `${key} element 1`,
      '0 or 1, for false or true',
      '255',
    ],
    'an array of arrays': [
      { metadata: [arrayEntry('k', type.array, [u32(type.u8), u64(1), bytes(1)], 1)] },
      `${key} element type`,
      'no array within an array',
      'array',
    ],
    'an array of an unknown type': [
      { metadata: [arrayEntry('k', 99, [])] },
      `${key} element type`,
      'a value type from 0 to 12',
      '99',
    ],
    'an array beyond the file': [
      { metadata: [arrayEntry('k', type.f64, [u64(0)], 4)] },
      `${key} count`,
      noRoom(1),
      '4',
    ],
    'an array whose bytes overflow': [
      { metadata: [arrayEntry('k', type.u64, [], 2n ** 61n + 1n)] },
      `${key} count`,
      noRoom(1),
      `${2n ** 61n + 1n}`,
    ],
    'a string beyond the file in an array': [
      { metadata: [arrayEntry('k', type.string, [str('ab'), u64(HUGE)], 2)] },
      `${key} element 1 length`,
      noRoom(29),
      `${HUGE}`,
    ],
    'an array whose last string is beyond the file': [
      { metadata: [arrayEntry('k', type.string, [str('x'.repeat(20))], 4)] },
      `${key} element 3 length`,
      '8 bytes at offset 93',
      'the end of the file at 96',
    ],
    'a key with what would disturb a terminal': [
      { metadata: [entry('\u001B[2J\n\u202E', 13, bytes(0))] },
      'metadata "\\u001b[2J\\n\\u{202e}" type',
      'a value type from 0 to 12',
      '13',
    ],
  })

  test('a boolean array larger than any model has', async () => {
    const count = 2 ** 20 + 1
    const metadata = [arrayEntry('k', type.bool, [new Uint8Array(count)], count)]
    const [field, , found] = await problemOf(rawGguf({ metadata }))
    expect([field, found]).toEqual([`${key} count`, `${count}`])
  })
})

describe('alignment', () => {
  const expected = 'a power of two up to 65536'
  const field = 'metadata "general.alignment"'
  const alignment = (typeId: number, ...value: Uint8Array[]): RawFile => ({
    metadata: [entry('general.alignment', typeId, ...value)],
  })
  check({
    zero: [alignment(type.u32, u32(0)), field, expected, '"0"'],
    'no power of two': [alignment(type.u32, u32(48)), field, expected, '"48"'],
    huge: [alignment(type.u32, u32(2 ** 31)), field, expected, '"2147483648"'],
    'huge in 64 bits': [alignment(type.u64, u64(HUGE)), field, expected, `"${HUGE}"`],
    negative: [alignment(type.i32, u32(2 ** 32 - 32)), field, expected, '"-32"'],
    'a string': [alignment(type.string, str('32')), field, expected, '"32"'],
    'an array': [alignment(type.array, u32(type.string), u64(1), str('32')), field, expected, 'an array'],
  })
})

describe('tensors', () => {
  const t = 'tensor "t"'
  check({
    'a name twice': [
      { tensors: [tensor('t'), tensor('t', { offset: 32 })] },
      t,
      'each name once',
      'a second one',
    ],
    'an empty name': [{ tensors: [tensor('')] }, 'tensor 0 name length', '1 to 65535', '0'],
    'no dimension': [{ tensors: [tensor('t', { dims: [], count: 0 })] }, `${t} dimensions`, '1 to 4', '0'],
    'five dimensions': [
      { tensors: [tensor('t', { dims: [1, 1, 1, 1, 1] })] },
      `${t} dimensions`,
      '1 to 4',
      '5',
    ],
    'a dimension of 0': [{ tensors: [tensor('t', { dims: [4, 0] })] }, `${t} dimension 1`, 'at least 1', '0'],
    'a dimension of 2^63': [
      { tensors: [tensor('t', { dims: [HUGE] })] },
      `${t} dimension 0`,
      `at most ${2 ** 53 - 1}, as a tensor has less than 2^53 elements`,
      `${HUGE}`,
    ],
    'dimensions whose product overflows': [
      { tensors: [tensor('t', { dims: [2 ** 32, 2 ** 32] })] },
      `${t} dimension 1`,
      `at most ${2 ** 21 - 1}, as a tensor has less than 2^53 elements`,
      `${2 ** 32}`,
    ],
    'an unknown type': [
      { tensors: [tensor('t', { typeId: 12_345 })] },
      `${t} type`,
      'a known tensor type',
      '12345',
    ],
    'an offset that is not aligned': [
      { tensors: [tensor('t', { offset: 16 })] },
      `${t} offset`,
      'a multiple of the alignment 32',
      '16',
    ],
    'an offset beyond the file': [
      { tensors: [tensor('t', { offset: 32 })] },
      `${t} offset`,
      '16 bytes at 96, within the file',
      'the end of the file at 96',
    ],
    'a huge offset': [
      { tensors: [tensor('t', { offset: -32n })] },
      `${t} offset`,
      noRoom(96),
      `${2n ** 64n - 32n}`,
    ],
    'data beyond the file': [
      { tensors: [tensor('t', { dims: [9] })] },
      `${t} offset`,
      '36 bytes at 64, within the file',
      'the end of the file at 96',
    ],
    'the most data that counts': [
      { tensors: [tensor('t', { dims: [2 ** 53 - 1] })] },
      `${t} offset`,
      `${4 * (2 ** 53 - 1)} bytes at 64, within the file`,
      'the end of the file at 96',
    ],
    'two at one place': [
      { tensors: [tensor('t'), tensor('u')] },
      'tensor "u" offset',
      'at least 16, where tensor "t" ends',
      '0',
    ],
    'two that overlap': [
      { tensors: [tensor('t', { offset: 32 }), tensor('u', { dims: [9] })], data: new Uint8Array(64) },
      `${t} offset`,
      'at least 36, where tensor "u" ends',
      '32',
    ],
  })

  test('rows that are no whole blocks', async () => {
    expect(await problemOf(rawGguf({ tensors: [tensor('t', { dims: [48, 2], typeId: 8 })] }))).toEqual([
      `${t} dimension 0`,
      'a multiple of 32, the block length of Q8_0',
      '48',
    ])
  })

  test('a type that torchless does not compute with is named', async () => {
    const id = [...Array(64).keys()].find(i => ggmlTypeName(i) !== undefined && !quantByGgmlId(i))!
    const error = await open(rawGguf({ tensors: [tensor('t', { typeId: id })] })).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(UnsupportedModelError)
    expect(String(error)).toContain(`bad.gguf: tensor "t" is of type ${ggmlTypeName(id)}, `)
  })
})

describe('truncated', () => {
  const whole = rawGguf({
    metadata: [
      entry('general.name', type.string, str('name')),
      arrayEntry('list', type.string, [str('a'), str('bc')]),
      arrayEntry('numbers', type.f32, [u32(1), u32(2)]),
      entry('flag', type.bool, bytes(1)),
      entry('large', type.u64, u64(1)),
    ],
    tensors: [tensor('t'), tensor('u', { dims: [2, 2], offset: 32 })],
    data: new Uint8Array(48),
  })

  test('whole, it opens', async () => {
    expect((await open(whole)).tensors.size).toBe(2)
  })

  test('anywhere, it is a ModelFormatError', async () => {
    for (let length = 0; length < whole.length; length++) await problemOf(whole.subarray(0, length))
  })

  test('a source that fails says so itself', async () => {
    const source: Source = {
      ...bytesSource('gone.gguf', whole),
      read: async () => {
        throw new SourceError('gone.gguf', 'no more')
      },
    }
    await expect(openGguf(source)).rejects.toThrow(SourceError)
  })

  test('a source that claims to be huge is read no further than metadata can reach', async () => {
    let most = 0
    const head = rawGguf({ metadata: [entry('k', type.string, u64(2 ** 40))] })
    const source: Source = {
      ...bytesSource('huge.gguf', head),
      size: 2 ** 42,
      read: async (offset, length) => {
        most = Math.max(most, offset + length)
        const content = new Uint8Array(length)
        if (offset === 0) content.set(head)
        return content
      },
    }
    await expect(openGguf(source)).rejects.toThrow(
      'huge.gguf: metadata "k": expected metadata and tensor list within 67108864 bytes, found 1099511627776 bytes at offset 45',
    )
    expect(most).toBe(2 ** 20)
  })
})
