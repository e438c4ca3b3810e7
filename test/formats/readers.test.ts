// What a file is, its content says; who says otherwise is told.
import { describe, expect, test } from 'vitest'
import { contentsOf } from '../../src/formats/contents.ts'
import { openGguf } from '../../src/formats/gguf.ts'
import type { FormatName } from '../../src/formats/model-file.ts'
import { nativeBytes } from '../../src/formats/native.ts'
import { formatNames, readers } from '../../src/formats/readers.ts'
import { InvalidOptionError, inspectModel, ModelFormatError } from '../../src/index.ts'
import { bytesSource } from '../../src/io/source.ts'
import { rejection } from '../api/tiny.ts'
import { fixtureBytes } from '../fixtures/models.ts'

const gguf = await fixtureBytes('plain')
const native = await nativeBytes(contentsOf(await openGguf(bytesSource('m', gguf))))
/** Of one layer, all ones: seven numbers and the weights that follow from them. */
const llama2c = new Uint8Array(
  Float32Array.of(...new Array<number>(7 + 3 * 2 + 2 * 2 + 4 * 4 + 3 * 2 + 2 + 2).fill(1)).buffer,
)
new Int32Array(llama2c.buffer).set([2, 1, 1, 1, 1, 3, 1])
const files: Record<string, Uint8Array> = { gguf, native, llama2c }

describe.each(Object.entries(files))('a file of format %s', (name, bytes) => {
  const blob = new Blob([Uint8Array.from(bytes)])

  test('is found out, by one reader only', async () => {
    const found = readers.filter(reader => reader.detects(bytes.subarray(0, 256), bytes.length))
    expect(found.map(reader => reader.name)).toEqual([name])
    expect((await inspectModel(new File([blob], 'model.safetensors'))).format).toBe(name)
  })

  test.each(formatNames)('asked for as %s', async format => {
    if (format === name) expect((await inspectModel(blob, { format })).format).toBe(name)
    else {
      const error = await rejection(inspectModel(blob, { format }))
      expect(error).toBeInstanceOf(ModelFormatError)
      expect(error).toMatchObject({ expected: `a file of format ${format}, as asked for`, found: name })
    }
  })
})

test('what no reader knows', async () => {
  const blob = new Blob(['not a model, in no format'])
  const error = await rejection(inspectModel(blob))
  expect(error).toBeInstanceOf(ModelFormatError)
  expect(String(error)).toMatch(
    /expected a model file of format gguf, native, safetensors, llama2c.*found "not a mo"/,
  )
  // Asked for, each says what it misses.
  for (const format of formatNames)
    expect(await rejection(inspectModel(blob, { format }))).toBeInstanceOf(ModelFormatError)
})

test('a format that there is not', async () => {
  const error = await rejection(inspectModel(new Blob([]), { format: 'abacus' as FormatName }))
  expect(error).toBeInstanceOf(InvalidOptionError)
  expect(String(error)).toMatch(/format: .*abacus/)
})
