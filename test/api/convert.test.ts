// Models written in another format are the same models.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openModelFile } from '../../src/api/open.ts'
import {
  convertModel,
  InvalidOptionError,
  loadModel,
  UnsupportedModelError,
  type WritableFormat,
} from '../../src/index.ts'
import { llamaGoldens } from '../fixtures/load.ts'
import { fixtureBytes } from '../fixtures/models.ts'
import { fixtureFile, temporaryFolder } from '../support/fixture-file.ts'
import { expectGolden } from '../support/golden.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)

/** All that a file holds. */
async function everything(path: string) {
  const file = await openModelFile(path)
  const tensors = await Promise.all(
    Array.from(file.tensors.values(), async ({ name, type, shape, source, offset, bytes }) => ({
      ...{ name, type, shape },
      data: Buffer.from(await source.read(offset, bytes)).toString('base64'),
    })),
  )
  const answer = { metadata: new Map(file.metadata), types: new Map(file.types), tensors }
  await file.close()
  return answer
}

test.each(['plain', 'mixture', 'deepseek-v2-lite', 'gemma3'] as const)(
  '%s to native and back',
  async name => {
    const gguf = await fixtureFile(folder, name)
    const steps: number[] = []
    await convertModel(gguf, at(`${name}.bin`), {
      to: 'native',
      onProgress: (done, total) => {
        expect(done).toBeLessThanOrEqual(total)
        steps.push(done)
      },
    })
    expect(steps).toEqual([...steps].sort((a, b) => a - b))
    expect(steps.at(-1)).toBe(readFileSync(at(`${name}.bin`)).length)
    await convertModel(at(`${name}.bin`), at(`${name}.back`), { to: 'gguf' })
    const before = await everything(gguf)
    expect(await everything(at(`${name}.bin`))).toEqual(before)
    expect(await everything(at(`${name}.back`))).toEqual(before)
  },
)

// Rows of queries and keys move to another order, and back to GGUF's.
test.each(['plain', 'head-size', 'Q8_0', 'tied'] as const)('%s to torchless-rs and back', async name => {
  const gguf = await fixtureFile(folder, name)
  const options = { backend: 'reference' } as const
  await convertModel(gguf, at(`${name}.rs`), { to: 'torchless-rs' })
  await expectGolden(at(`${name}.rs`), llamaGoldens().models[name], 1e-6, options)
  await convertModel(at(`${name}.rs`), at(`${name}.native`), { to: 'native' })
  await expectGolden(at(`${name}.native`), llamaGoldens().models[name], 1e-6, options)
  await convertModel(at(`${name}.native`), at(`${name}.back`), { to: 'gguf' })
  await expectGolden(at(`${name}.back`), llamaGoldens().models[name], 1e-6, options)
  const file = await openModelFile(at(`${name}.back`))
  expect([file.format, file.metadata.has('llama.rope.layout')]).toEqual(['gguf', false])
  await file.close()
})

test('int8 for torchless-rs', async () => {
  await convertModel(await fixtureFile(folder, 'plain'), at('int8'), { to: 'torchless-rs-int8' })
  const model = await loadModel(at('int8'), { backend: 'reference' })
  expect(model.architecture).toBe('llama')
  await model.dispose()
})

describe('a file that is not finished', () => {
  test('is not there after an abort, and what was there is', async () => {
    const from = await fixtureFile(folder, 'plain')
    await writeFile(at('kept.bin'), 'old')
    const controller = new AbortController()
    const reason = new Error('enough')
    const onProgress = () => controller.abort(reason)
    for (const name of ['kept.bin', 'never.bin']) {
      const aborted = convertModel(from, at(name), { to: 'native', signal: controller.signal, onProgress })
      await expect(aborted).rejects.toBe(reason)
    }
    expect(readFileSync(at('kept.bin'), 'utf8')).toBe('old')
    expect(readdirSync(folder).filter(name => /never|part/.test(name))).toEqual([])
  })

  test('nor where the format cannot hold the model', async () => {
    const from = await fixtureFile(folder, 'yarn-rope')
    await expect(convertModel(from, at('yarn.rs'), { to: 'torchless-rs' })).rejects.toThrow(
      UnsupportedModelError,
    )
    expect(readdirSync(folder).filter(name => /yarn\.rs/.test(name))).toEqual([])
  })

  test('a model may replace itself', async () => {
    writeFileSync(at('self'), await fixtureBytes('plain'))
    const before = await everything(at('self'))
    await convertModel(at('self'), at('self'), { to: 'native' })
    expect(await everything(at('self'))).toEqual(before)
  })
})

test('a format that is not written', async () => {
  const converted = convertModel('torchless-tiny', at('x'), { to: 'llama2c' as WritableFormat })
  await expect(converted).rejects.toThrow(InvalidOptionError)
})

describe('a folder as HuggingFace has them', () => {
  test('is GGUF and native again, rows of queries and keys where GGUF has them', async () => {
    const gguf = await fixtureFile(folder, 'plain')
    await convertModel(gguf, at('checkpoint'), { to: 'safetensors' })
    expect(readdirSync(at('checkpoint')).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.model',
      'tokenizer_config.json',
    ])
    await convertModel(at('checkpoint'), at('checkpoint.gguf'), { to: 'gguf' })
    await convertModel(at('checkpoint'), at('checkpoint.bin'), { to: 'native' })
    const { tensors } = await everything(gguf)
    const byName = (found: typeof tensors) => new Map(found.map(tensor => [tensor.name, tensor]))
    expect(byName((await everything(at('checkpoint.gguf'))).tensors)).toEqual(byName(tensors))
    const options = { backend: 'reference' } as const
    for (const name of ['checkpoint', 'checkpoint.gguf', 'checkpoint.bin'])
      await expectGolden(at(name), llamaGoldens().models.plain, 1e-6, options)
  })

  test('of block formats has their values in F32', async () => {
    const gguf = await fixtureFile(folder, 'Q4_0')
    await convertModel(gguf, at('floats'), { to: 'safetensors' })
    const { tensors } = await everything(at('floats'))
    expect(new Set(tensors.map(({ type }) => type))).toEqual(new Set(['F32']))
    await expectGolden(at('floats'), llamaGoldens().models.Q4_0, 1e-6, { backend: 'reference' })
  })

  test('that has anything in it is left alone', async () => {
    const gguf = await fixtureFile(folder, 'plain')
    await convertModel(gguf, at('taken'), { to: 'safetensors' })
    const before = readFileSync(join(at('taken'), 'config.json'))
    await expect(convertModel(gguf, at('taken'), { to: 'safetensors' })).rejects.toThrow(/cannot be written/)
    expect(readFileSync(join(at('taken'), 'config.json'))).toEqual(before)
    expect(readdirSync(folder).filter(name => name.includes('.part-'))).toEqual([])
  })

  test('vectors of 16 bits are F32 in GGUF, as other readers expect', async () => {
    const gguf = await fixtureFile(folder, 'BF16')
    await convertModel(gguf, at('halves'), { to: 'safetensors' })
    await convertModel(at('halves'), at('halves.gguf'), { to: 'gguf' })
    const types = new Set((await everything(at('halves.gguf'))).tensors.map(({ type }) => type))
    expect(types).toEqual(new Set(['BF16', 'F32']))
  })
})
