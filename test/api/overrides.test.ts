// What a user says of a model against what its file says: another architecture, another tokenizer.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ggufBytes } from '../../src/formats/gguf.ts'
import {
  InvalidOptionError,
  loadModel,
  loadTokenizer,
  ModelFormatError,
  UnsupportedModelError,
} from '../../src/index.ts'
import { fixtures, tinyLlama } from '../fixtures/models.ts'
import { temporaryFolder } from '../support/fixture-file.ts'
import { golden, greedy, rejection, tinyBlob } from './tiny.ts'

const folder = temporaryFolder()
const reference = { backend: 'reference' } as const

/** The tiny model by another name, all keys included. */
async function renamed(name: string): Promise<Blob> {
  const { metadata, tensors } = tinyLlama(fixtures.plain)
  const entries = Object.entries(metadata).map(
    ([key, value]) => [key.replace(/^llama\./, `${name}.`), value] as const,
  )
  const file = { metadata: { ...Object.fromEntries(entries), 'general.architecture': name }, tensors }
  return new Blob([Uint8Array.from(await ggufBytes(file))])
}

/** Words of a few letters, with spaces kept, in HuggingFace's format. */
const words = {
  added_tokens: [{ id: 5, content: '<end>', special: true }],
  model: {
    type: 'BPE',
    vocab: { a: 0, b: 1, ' ': 2, ab: 3, '<unk>': 4 },
    merges: ['a b'],
    unk_token: '<unk>',
  },
  decoder: { type: 'Fuse' },
}

function written(name: string, value: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
  return path
}

describe('architecture', () => {
  test('a file of an unknown one that is a llama', async () => {
    const file = await renamed('mystery')
    const error = await rejection(loadModel(file, reference))
    expect(error).toBeInstanceOf(UnsupportedModelError)
    expect(String(error)).toMatch(/architecture: expected one of llama, .*, found mystery/)
    const model = await loadModel(file, { ...reference, architecture: 'llama' })
    expect(model.architecture).toBe('llama')
    expect(await model.generate(golden.prompt, greedy).text()).toBe(golden.text)
    await model.dispose()
  })

  test('one that the file cannot be', async () => {
    const error = await rejection(loadModel(await tinyBlob(), { ...reference, architecture: 'deepseek2' }))
    expect(error).toBeInstanceOf(UnsupportedModelError)
    expect(String(error)).toMatch(/llama\.attention\./)
  })

  test('one that there is not', async () => {
    const error = await rejection(loadModel(await tinyBlob(), { ...reference, architecture: 'abacus' }))
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(String(error)).toMatch(/architecture: expected one of "llama".*found "abacus"/)
  })
})

describe('tokenizer', () => {
  test('of a tokenizer.json, with what its config says', async () => {
    const path = written('tokenizer.json', words)
    written('tokenizer_config.json', { eos_token: '<end>' })
    const tokenizer = await loadTokenizer(path)
    expect(tokenizer.encode('ab ba')).toEqual([3, 2, 1, 0])
    expect(tokenizer.decode([3, 2, 1, 0])).toBe('ab ba')
    expect([...tokenizer.endOfGeneration]).toEqual([5])
  })

  test('instead of the model’s own', async () => {
    const model = await loadModel(await tinyBlob(), { ...reference, tokenizer: written('other.json', words) })
    expect(model.tokenizer.encode('ab')).toEqual([3])
    await model.dispose()
  })

  test('for a model that has none', async () => {
    const bare = await tinyBlob({ 'tokenizer.ggml.model': undefined })
    const model = await loadModel(bare, { ...reference, tokenizer: await tinyBlob() })
    expect(await model.generate(golden.prompt, greedy).text()).toBe(golden.text)
    await model.dispose()
  })

  test.each([
    ['JSON that is cut off', '{"model": {"type"', /text: expected JSON/],
    ['JSON of something else', '{}', /model/],
    ['no format at all', 'once upon a time', /./],
    ['nothing', '', /./],
  ])('%s', async (_, text, message) => {
    const error = await rejection(loadTokenizer(written('wrong', text)))
    expect(error).toBeInstanceOf(ModelFormatError)
    expect(String(error)).toMatch(message)
  })
})
