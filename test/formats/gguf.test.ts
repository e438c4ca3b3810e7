// Reading and writing GGUF: every type of value, version 2, split models, and what the writer refuses.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InvalidOptionError, ModelFormatError, SourceError } from '../../src/errors.ts'
import * as gguf from '../../src/formats/gguf.ts'
import { type GgufContents, ggufBytes, openGguf, type WritableTensor } from '../../src/formats/gguf.ts'
import type { ModelFile } from '../../src/formats/model-file.ts'
import { bytesSource, type Source } from '../../src/io/source.ts'
import * as raw from './raw.ts'

const open = (bytes: Uint8Array) => openGguf(bytesSource('tiny.gguf', bytes))
const f32Tensor = (name: string, shape: number[], first = 0): WritableTensor => {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => first + i)
  return { name, type: 'F32', shape, data: new Uint8Array(values.buffer) }
}
/** Characters, parts of some, a text of 244 bytes and the last of all characters. */
const PARTS: readonly (readonly number[])[] = [
  ...['a', '▁', 'ß', '🦙', '\0', '\ufeff', 'x'.repeat(244), '\u{10ffff}'].map(text => [
    ...new TextEncoder().encode(text),
  ]),
  ...[0x80, 0x96, 0xbf, 0xc3, 0xe2, 0xf0, 0xf4, 0xff].map(byte => [byte]),
]
const read = async (model: ModelFile, name: string) => {
  const { source, offset, bytes } = model.tensors.get(name)!
  return new Float32Array((await source.read(offset, bytes)).buffer)
}

describe('values', () => {
  test('every type, as it lies in the file', async () => {
    const { array, bool, f32, f64, i16, i32, i64, i8, string, u16, u32, u64, u8 } = raw.type
    const minus = raw.u64(-2n)
    const model = await open(
      raw.rawGguf({
        metadata: [
          raw.entry('u8', u8, raw.bytes(200)),
          raw.entry('i8', i8, raw.bytes(200)),
          raw.entry('u16', u16, raw.u16(50_000)),
          raw.entry('i16', i16, raw.u16(50_000)),
          raw.entry('u32', u32, raw.u32(3e9)),
          raw.entry('i32', i32, raw.u32(3e9)),
          raw.entry('f32', f32, raw.f32(0.5)),
          raw.entry('f64', f64, raw.f64(0.1)),
          raw.entry('bool', bool, raw.bytes(1)),
          raw.entry('string', string, raw.str('größer 🦙')),
          raw.entry('u64', u64, raw.u64(2n ** 53n - 1n)),
          raw.entry('u64 unsafe', u64, raw.u64(2n ** 53n)),
          raw.entry('u64 largest', u64, raw.u64(-1n)),
          raw.entry('i64', i64, minus),
          raw.entry('i64 least', i64, raw.u64(-(2n ** 63n))),
          raw.entry('strings', array, raw.u32(string), raw.u64(2), raw.str(''), raw.str('▁a')),
          raw.arrayEntry('bools', bool, [raw.bytes(1, 0)], 2),
          raw.arrayEntry('u8s', u8, [raw.bytes(255)]),
          raw.arrayEntry('i8s', i8, [raw.bytes(255)]),
          raw.arrayEntry('u16s', u16, [raw.u16(65_535)]),
          raw.arrayEntry('i16s', i16, [raw.u16(65_535)]),
          raw.arrayEntry('u32s', u32, [raw.u32(7), raw.u32(2 ** 32 - 1)]),
          raw.arrayEntry('i32s', i32, [raw.u32(7), raw.u32(2 ** 32 - 1)]),
          raw.arrayEntry('f32s', f32, [raw.f32(0.25)]),
          raw.arrayEntry('f64s', f64, [raw.f64(0.1)]),
          raw.arrayEntry('u64s', u64, [minus]),
          raw.arrayEntry('i64s', i64, [minus]),
          raw.arrayEntry('empty', f32, []),
          raw.arrayEntry('no strings', string, []),
        ],
      }),
    )
    expect(Object.fromEntries(model.metadata)).toEqual({
      u8: 200,
      i8: -56,
      u16: 50_000,
      i16: -15_536,
      u32: 3e9,
      i32: 3e9 - 2 ** 32,
      f32: 0.5,
      f64: 0.1,
      bool: true,
      string: 'größer 🦙',
      u64: 2 ** 53 - 1,
      'u64 unsafe': 2n ** 53n,
      'u64 largest': 2n ** 64n - 1n,
      i64: -2,
      'i64 least': -(2n ** 63n),
      strings: ['', '▁a'],
      bools: [true, false],
      u8s: Uint8Array.of(255),
      i8s: Int8Array.of(-1),
      u16s: Uint16Array.of(65_535),
      i16s: Int16Array.of(-1),
      u32s: Uint32Array.of(7, 2 ** 32 - 1),
      i32s: Int32Array.of(7, -1),
      f32s: Float32Array.of(0.25),
      f64s: Float64Array.of(0.1),
      u64s: BigUint64Array.of(2n ** 64n - 2n),
      i64s: BigInt64Array.of(-2n),
      empty: new Float32Array(0),
      'no strings': [],
    })
  })

  test('pieces of characters become U+FFFD, and a byte order mark stays', async () => {
    const text = [raw.u64(3), raw.bytes(0x61, 0xe2, 0x96)]
    const model = await open(
      raw.rawGguf({
        metadata: [
          raw.entry('piece', raw.type.string, ...text),
          raw.arrayEntry('pieces', raw.type.string, [...text, raw.str('\uFEFFx')], 2),
        ],
      }),
    )
    expect(model.metadata.get('piece')).toBe('a\uFFFD')
    expect(model.metadata.get('pieces')).toEqual(['a\uFFFD', '\uFEFFx'])
  })

  test('texts of an array are those that each would be alone', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.array(fc.constantFrom(...PARTS), { maxLength: 6 }), { maxLength: 8 }), {
          maxLength: 3,
        }),
        async arrays => {
          const texts = arrays.map(array => array.map(parts => Uint8Array.from(parts.flat())))
          const metadata = texts.map((texts, i) =>
            raw.arrayEntry(
              `texts ${i}`,
              raw.type.string,
              texts.map(text => raw.bytes(...raw.u64(text.length), ...text)),
              texts.length,
            ),
          )
          const model = await open(raw.rawGguf({ metadata }))
          const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
          for (const [i, array] of texts.entries())
            expect(model.metadata.get(`texts ${i}`)).toEqual(array.map(text => decoder.decode(text)))
        },
      ),
    ))

  test('metadata is a Map to look at', async () => {
    const { metadata } = await open(await ggufBytes({ metadata: { a: 1, b: ['x'] }, tensors: [] }))
    const entries: [string, unknown][] = [
      ['a', 1],
      ['b', ['x']],
    ]
    expect([...metadata]).toEqual(entries)
    expect([...metadata.entries()]).toEqual(entries)
    expect([...metadata.keys()]).toEqual(['a', 'b'])
    expect([...metadata.values()]).toEqual([1, ['x']])
    expect([metadata.size, metadata.has('b'), metadata.has('c'), metadata.get('c')]).toEqual([
      2,
      true,
      false,
      undefined,
    ])
    const seen: unknown[] = []
    metadata.forEach((value, key, map) => {
      seen.push([key, value, map === metadata])
    })
    expect(seen).toEqual([
      ['a', 1, true],
      ['b', ['x'], true],
    ])
    expect(metadata.get('b')).toBe(metadata.get('b'))
  })
})

describe('writing and reading back', () => {
  test('values: their own type or the one that their kind has', async () => {
    const metadata = {
      'whole number': 7,
      'large number': 2 ** 40,
      negative: -7,
      'large negative': -(2 ** 40),
      fraction: 0.5,
      bigint: 2n ** 60n,
      'negative bigint': -(2n ** 60n),
      bool: false,
      string: 'é',
      strings: ['a', '', '🦙'],
      bools: [true, false],
      none: [],
      u8s: Uint8Array.of(1, 2, 3),
      i8s: Int8Array.of(-1),
      u16s: Uint16Array.of(1),
      i16s: Int16Array.of(-1),
      u32s: Uint32Array.of(1),
      i32s: Int32Array.of(-1),
      f32s: Float32Array.of(0.5, 1.5),
      f64s: Float64Array.of(0.1),
      u64s: BigUint64Array.of(1n),
      i64s: BigInt64Array.of(-1n),
    }
    const model = await open(await ggufBytes({ metadata, tensors: [] }))
    expect(Object.fromEntries(model.metadata)).toEqual(metadata)
    const again = await open(await ggufBytes({ metadata: model.metadata, tensors: [] }))
    expect(Object.fromEntries(again.metadata)).toEqual(metadata)
  })

  test('the type that a value is told to have is the one in the file', async () => {
    const { type } = raw
    const values: [gguf.WritableValue, number, Uint8Array][] = [
      [gguf.u8(200), type.u8, raw.bytes(200)],
      [gguf.i8(-56), type.i8, raw.bytes(200)],
      [gguf.u16(1), type.u16, raw.u16(1)],
      [gguf.i16(-1), type.i16, raw.u16(65_535)],
      [gguf.u32(1), type.u32, raw.u32(1)],
      [gguf.i32(1), type.i32, raw.u32(1)],
      [gguf.f32(10_000), type.f32, raw.f32(10_000)],
      [gguf.f64(0.1), type.f64, raw.f64(0.1)],
      [gguf.u64(1), type.u64, raw.u64(1)],
      [gguf.i64(-1n), type.i64, raw.u64(-1n)],
      [7, type.u32, raw.u32(7)],
      [-7, type.i32, raw.u32(2 ** 32 - 7)],
      [2 ** 40, type.u64, raw.u64(2 ** 40)],
      [-(2 ** 40), type.i64, raw.u64(-(2 ** 40))],
      [0.5, type.f32, raw.f32(0.5)],
      [1n, type.u64, raw.u64(1)],
      [true, type.bool, raw.bytes(1)],
      ['a', type.string, raw.str('a')],
    ]
    for (const [value, id, bytes] of values)
      expect(await ggufBytes({ metadata: { key: value }, tensors: [] })).toEqual(
        raw.rawGguf({ metadata: [raw.entry('key', id, bytes)] }),
      )
    expect(await ggufBytes({ metadata: { key: gguf.array('i8', [1, -1]) }, tensors: [] })).toEqual(
      raw.rawGguf({ metadata: [raw.arrayEntry('key', type.i8, [raw.bytes(1, 255)], 2)] }),
    )
  })

  test.each([1, 8, 32, 4096])('tensors of odd sizes, aligned to %d', async alignment => {
    const tensors = [
      f32Tensor('a', [3]),
      f32Tensor('b', [2, 3, 5], 100),
      { name: 'c', type: 'F16', shape: [1], data: raw.bytes(1, 2) } as const,
      { name: 'q', type: 'Q8_0', shape: [3, 32], data: new Uint8Array(102).fill(5) } as const,
      f32Tensor('d', [1, 1, 1, 7], 200),
    ]
    const bytes = await ggufBytes({ metadata: { name: 'odd' }, tensors, alignment })
    const model = await open(bytes)
    expect(model.metadata.get('general.alignment')).toBe(alignment)
    expect(bytes.length % alignment).toBe(0)
    for (const { name, shape, data, type } of tensors) {
      const tensor = model.tensors.get(name)!
      expect({ ...tensor, source: 0 }).toMatchObject({
        name,
        type,
        shape,
        bytes: (data as Uint8Array).length,
      })
      expect(tensor.offset % alignment).toBe(0)
      expect(await tensor.source.read(tensor.offset, tensor.bytes)).toEqual(data)
    }
    await model.close()
    await expect(model.sources[0]!.read(0, 1)).rejects.toThrow(SourceError)
  })

  test('the alignment of the metadata is the alignment of the file', async () => {
    const tensors = [f32Tensor('a', [1]), f32Tensor('b', [1], 9)]
    const model = await open(await ggufBytes({ metadata: { 'general.alignment': 64 }, tensors }))
    expect(model.tensors.get('b')!.offset - model.tensors.get('a')!.offset).toBe(64)
    expect([...(await read(model, 'b'))]).toEqual([9])
  })

  test('data that is made when its turn comes, whole or in pieces', async () => {
    const order: string[] = []
    const { data } = f32Tensor('', [4]) as { data: Uint8Array }
    const whole = async () => {
      order.push('whole')
      return data
    }
    async function* inPieces() {
      order.push('pieces')
      yield data.subarray(0, 5)
      yield data.subarray(5)
    }
    const tensors: WritableTensor[] = [
      { name: 'whole', type: 'F32', shape: [4], data: whole },
      { name: 'pieces', type: 'F32', shape: [4], data: inPieces },
    ]
    const model = await open(await ggufBytes({ metadata: {}, tensors }))
    expect(order).toEqual(['whole', 'pieces'])
    expect([...(await read(model, 'whole'))]).toEqual([0, 1, 2, 3])
    expect([...(await read(model, 'pieces'))]).toEqual([0, 1, 2, 3])
  })

  const tensor = f32Tensor('t', [4])
  const refused: Record<string, [Partial<GgufContents>, string]> = {
    'too few bytes': [
      { tensors: [{ ...tensor, shape: [5] }] },
      'tensor t: expected 20 bytes of data, found 16',
    ],
    'too many bytes': [
      { tensors: [{ ...tensor, shape: [3] }] },
      'tensor t: expected 12 bytes of data, found 16 or more',
    ],
    'a name twice': [{ tensors: [tensor, tensor] }, 'tensor t: there is another one of this name'],
    'no name': [{ tensors: [{ ...tensor, name: '' }] }, 'tensor : the name is empty'],
    'no dimension': [{ tensors: [{ ...tensor, shape: [] }] }, 'tensor t: 0 dimensions'],
    'five dimensions': [{ tensors: [{ ...tensor, shape: [1, 1, 1, 1, 4] }] }, 'tensor t: 5 dimensions'],
    'an empty dimension': [{ tensors: [{ ...tensor, shape: [0] }] }, 'tensor t: the shape [0]'],
    'an alignment that is no power of two': [{ alignment: 48 }, 'general.alignment is 48'],
    'an alignment of another type': [{ metadata: { 'general.alignment': 'x' } }, 'general.alignment is x'],
    'an empty key': [{ metadata: { '': 1 } }, 'a metadata key is empty'],
  }
  test.each(Object.entries(refused))('refuses %s', async (_, [contents, message]) => {
    const error = await ggufBytes({ metadata: {}, tensors: [], ...contents }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(String(error)).toContain(message)
  })

  test.each([
    ['u8', 256],
    ['u8', -1],
    ['i8', 128],
    ['u32', 2 ** 32],
    ['u32', 0.5],
    ['i32', -(2 ** 31) - 1],
    ['u64', -1],
    ['i64', 2n ** 63n],
    ['f32', 1n],
    ['bool', 1],
    ['string', 1],
  ] as const)('refuses to write as %s: %s', (type, value) => {
    expect(() => gguf.array(type, [value])).toThrow(`"${value}" cannot be written as ${type}`)
  })
})

test('version 2 lies in the file as version 3 does', async () => {
  const model = await open(
    raw.rawGguf({ version: 2, tensors: [raw.tensor('t', { dims: [4, 1] })], data: new Uint8Array(16) }),
  )
  expect(model.tensors.get('t')!.shape).toEqual([1, 4])
})

test('a vocabulary longer than the first piece that is read', async () => {
  const strings = Array.from({ length: 60_000 }, (_, i) => `token number ${i} of many`)
  const metadata = { strings, scores: Float32Array.from(strings, (_, i) => i), last: 'end' }
  const bytes = await ggufBytes({ metadata, tensors: [f32Tensor('t', [5])] })
  expect(bytes.length).toBeGreaterThan(2 ** 21)
  const reads: number[] = []
  const inner = bytesSource('large.gguf', bytes)
  const source: Source = {
    ...inner,
    read: (offset, length) => {
      reads.push(length)
      return inner.read(offset, length)
    },
  }
  const model = await openGguf(source)
  expect(model.metadata.get('strings')).toEqual(strings)
  expect(model.metadata.get('scores')).toEqual(metadata.scores)
  expect(model.metadata.get('last')).toBe('end')
  expect(reads).toEqual([2 ** 20, 2 ** 20, bytes.length - 2 ** 21])
  expect([...(await read(model, 't'))]).toEqual([0, 1, 2, 3, 4])
})

describe('split models', () => {
  const folder = (files: Record<string, Uint8Array>) => {
    const closed: string[] = []
    const openSource = async (name: string): Promise<Source> => {
      const bytes = files[name]
      if (!bytes) throw new SourceError(name, 'no such file')
      return {
        ...bytesSource(`models/${name}`, bytes),
        close: async () => {
          closed.push(name)
        },
      }
    }
    return { openSource, closed }
  }
  const split = (no: number, count: number, tensors: number) => ({
    'split.no': gguf.u16(no),
    'split.count': gguf.u16(count),
    'split.tensors.count': gguf.i32(tensors),
  })
  const names = [1, 2, 3].map(i => `m-0000${i}-of-00003.gguf`) as [string, string, string]
  const parts = async (changes: Record<number, Partial<GgufContents>> = {}) =>
    Object.fromEntries(
      await Promise.all(
        names.map(async (name, i) => {
          const metadata = { ...(i === 0 && { 'general.name': 'M' }), ...split(i, 3, 4) }
          const tensors = i === 0 ? [] : [f32Tensor(`a${i}`, [i]), f32Tensor(`b${i}`, [3], i)]
          return [name, await ggufBytes({ metadata, tensors, ...changes[i] })] as const
        }),
      ),
    )
  const problem = async (files: Record<string, Uint8Array>, first: string = names[0]) => {
    const { openSource, closed } = folder(files)
    const opened: string[] = []
    const error = await openGguf(await openSource(first), name => {
      opened.push(name)
      return openSource(name)
    }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ModelFormatError)
    expect(closed).toEqual(opened.filter(name => files[name]))
    const { file, field, expected, found } = error as ModelFormatError
    return [file, field, expected, found]
  }

  test('are joined from their first part', async () => {
    const { openSource, closed } = folder(await parts())
    const model = await openGguf(await openSource(names[0]), openSource)
    expect(model.metadata.get('general.name')).toBe('M')
    expect(model.sources.map(source => source.name)).toEqual(names.map(name => `models/${name}`))
    expect([...model.tensors.keys()]).toEqual(['a1', 'b1', 'a2', 'b2'])
    expect([...(await read(model, 'b2'))]).toEqual([2, 3, 4])
    expect(model.tensors.get('b2')!.source).toBe(model.sources[2])
    await model.close()
    expect(closed).toEqual(names)
  })

  test('of one part are whole', async () => {
    const model = await open(await ggufBytes({ metadata: split(0, 1, 1), tensors: [f32Tensor('t', [1])] }))
    expect(model.tensors.size).toBe(1)
  })

  test('are opened by the first part only', async () => {
    expect(await problem(await parts(), names[1])).toEqual([
      `models/${names[1]}`,
      'metadata "split.no"',
      '0: open the first part, "m-00001-of-00003.gguf"',
      '1',
    ])
  })

  test('need a way to open files', async () => {
    const { openSource } = folder(await parts())
    await expect(openGguf(await openSource(names[0]))).rejects.toThrow(
      'metadata "split.count": expected 1, as there is no way here to open the other parts, found 3',
    )
  })

  test('lack a part', async () => {
    const { [names[2]]: _, ...files } = await parts()
    expect(await problem(files)).toEqual([
      `models/${names[0]}`,
      'metadata "split.count"',
      `the part "${names[2]}" beside this one`,
      `${names[2]}: no such file`,
    ])
  })

  test('have a part of another place, count or model', async () => {
    const tensors = [f32Tensor('t', [1])]
    expect(await problem(await parts({ 1: { metadata: split(2, 3, 4) } }))).toEqual([
      `models/${names[1]}`,
      'metadata "split.no"',
      '1',
      '2',
    ])
    expect(await problem(await parts({ 2: { metadata: split(2, 4, 4) } }))).toEqual([
      `models/${names[2]}`,
      'metadata "split.count"',
      '3',
      '4',
    ])
    expect(await problem(await parts({ 2: { metadata: {} } }))).toEqual([
      `models/${names[2]}`,
      'metadata "split.no"',
      '2',
      'none',
    ])
    expect(await problem(await parts({ 2: { tensors } }))).toEqual([
      `models/${names[0]}`,
      'metadata "split.tensors.count"',
      '3, the tensors of all parts',
      '4',
    ])
    expect(await problem(await parts({ 1: { tensors }, 2: { tensors } }))).toEqual([
      `models/${names[2]}`,
      'tensor "t"',
      'each name once in all parts',
      'a second one',
    ])
  })

  test('have a malformed part', async () => {
    const files = await parts()
    files[names[1]] = files[names[1]]!.subarray(0, 50)
    expect((await problem(files))[0]).toBe(`models/${names[1]}`)
  })

  test('are named by their place', async () => {
    const { [names[0]]: first } = await parts()
    for (const name of ['m.gguf', 'm-00001-of-00004.gguf', 'm-00002-of-00003.gguf'])
      expect(await problem({ [name]: first! }, name)).toEqual([
        `models/${name}`,
        'file name',
        '...-00001-of-00003.gguf, as it is split into 3 files',
        `"${name}"`,
      ])
  })

  test.each([
    [gguf.f32(1.5), '"1.5"'],
    ['three', '"three"'],
    [gguf.i32(-1), '"-1"'],
    [gguf.u32(100_000), '"100000"'],
    [Int32Array.of(3), 'an array'],
  ])('have a count that is none: %o', async (value, found) => {
    const metadata = { ...split(0, 3, 4), 'split.count': value }
    expect(await problem(await parts({ 0: { metadata } }))).toEqual([
      `models/${names[0]}`,
      'metadata "split.count"',
      'an integer from 0 to 99999',
      found,
    ])
  })
})
