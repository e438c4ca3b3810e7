// Loading a model: from every kind of place, and with a clear word where it cannot be.
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { ggufBytes, type WritableValue } from '../../src/formats/gguf.ts'
import {
  InvalidOptionError,
  type LoadOptions,
  loadModel,
  ModelFormatError,
  SourceError,
  UnsupportedModelError,
} from '../../src/index.ts'
import { fixtures, tinyLlama } from '../fixtures/models.ts'
import { fixtureFile, temporaryFolder } from '../support/fixture-file.ts'
import { golden, greedy, rejection, tinyBlob } from './tiny.ts'

const folder = temporaryFolder()
let path: string
let bytes: Uint8Array<ArrayBuffer>

beforeAll(async () => {
  path = await fixtureFile(folder, golden.model)
  bytes = Uint8Array.from(await readFile(path))
})

/** Answers the server's address. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const ranges: RequestListener = (request, response) => {
  const [first, last] = /^bytes=(\d+)-(\d+)$/
    .exec(request.headers.range ?? '')!
    .slice(1)
    .map(Number)
  response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${bytes.length}` })
  response.end(bytes.subarray(first, last! + 1))
}

/** Writes the model as two files; answers the path of the first. */
async function splitModel(name: string): Promise<string> {
  const { metadata, tensors } = tinyLlama(fixtures[golden.model])
  const halves = [tensors.slice(0, 9), tensors.slice(9)]
  const paths = halves.map((_, i) => join(folder, `${name}-0000${i + 1}-of-00002.gguf`))
  for (const [i, half] of halves.entries()) {
    const split = { 'split.no': i, 'split.count': 2, 'split.tensors.count': tensors.length }
    await writeFile(
      paths[i]!,
      await ggufBytes({ metadata: { ...(i === 0 && metadata), ...split }, tensors: half }),
    )
  }
  return paths[0]!
}

describe('a model is loaded from', () => {
  const places: Record<string, () => Promise<string | URL | Blob>> = {
    'a path': async () => path,
    'a file URL': async () => pathToFileURL(path),
    'a Blob': async () => new Blob([bytes]),
    'a File': async () => new File([bytes], 'picked.gguf'),
    'an HTTP URL': async () => new URL('/models/plain.gguf?token=secret', await serve(ranges)),
    'the path of the first of several files': () => splitModel('two parts'),
    'the URL of the first of several files': async () => pathToFileURL(await splitModel('two parts')),
  }
  test.each(Object.entries(places))('%s', async (_, place) => {
    const model = await loadModel(await place())
    expect(await model.generate(golden.prompt, greedy).text()).toBe(golden.text)
    expect(model.name).not.toContain('secret')
    await model.dispose()
  })

  test('but not from one Blob of several', async () => {
    const first = new File([await readFile(await splitModel('apart'))], 'apart-00001-of-00002.gguf')
    await expect(loadModel(first)).rejects.toThrow(InvalidOptionError)
  })

  test('and says what it is', async () => {
    await using model = await loadModel(path, { backend: 'reference' })
    expect(model).toMatchObject({
      name: path,
      architecture: 'llama',
      contextLength: 256,
      trainedContextLength: 256,
      vocabularySize: 355,
      backend: 'reference',
      hasTokenizer: true,
    })
    await using short = await loadModel(path, { maxSeqLen: 32 })
    expect([short.contextLength, short.trainedContextLength]).toEqual([32, 256])
  })
})

test('a model without a tokenizer takes token ids, and says what it cannot do', async () => {
  await using model = await loadModel(await tinyBlob({ 'tokenizer.ggml.model': undefined }))
  expect(model.hasTokenizer).toBe(false)
  const { ids } = await model.logits(golden.promptTokens, { want: 'argmax' })
  expect(ids).toEqual(Int32Array.of(golden.tokens[0]!))
  expect(() => model.tokenizer).toThrow(UnsupportedModelError)
  expect(() => model.generate('text')).toThrow(/has no tokenizer/)
})

describe('what cannot be loaded says why', () => {
  test('a missing file', async () => {
    const missing = join(folder, 'missing.gguf')
    const expected = new SourceError(missing, 'no such file')
    expect(await rejection(loadModel(missing))).toEqual(expected)
    expect(await rejection(loadModel(pathToFileURL(missing)))).toEqual(expected)
  })

  test('a folder', async () => {
    const error = await rejection(loadModel(folder))
    expect(error).toBeInstanceOf(SourceError)
    expect(String(error)).toMatch(/is a folder: expected model\.safetensors, its index.*found \d+ others/)
  })

  test('a missing URL', async () => {
    const url = new URL('/x.gguf', await serve((_, response) => response.writeHead(404).end()))
    const expected = new SourceError(url.href, 'the server answered 404 Not Found')
    expect(await rejection(loadModel(url))).toEqual(expected)
  })

  test('a missing part', async () => {
    const first = await splitModel('lonely')
    const alone = join(folder, 'alone-00001-of-00002.gguf')
    await writeFile(alone, await readFile(first))
    const error = await rejection(loadModel(alone))
    expect(error).toBeInstanceOf(ModelFormatError)
    expect(String(error)).toContain('alone-00002-of-00002.gguf')
  })

  test.each(['', 'GGU', 'GGUF', 'not a model'])('a file with %j in it', async content => {
    const error = await rejection(loadModel(new File([content], 'text.gguf')))
    expect(error).toBeInstanceOf(ModelFormatError)
    expect(error).toMatchObject({ file: 'text.gguf' })
  })

  test('a model that ends too early', async () => {
    await expect(loadModel(new Blob([bytes.subarray(0, -1)]))).rejects.toThrow(ModelFormatError)
  })

  const unsupported: [string, Record<string, WritableValue | undefined>, RegExp][] = [
    ['an unknown architecture', { 'general.architecture': 'abacus' }, /architecture: .*found abacus/],
    ['no architecture', { 'general.architecture': undefined }, /general\.architecture: .*found nothing/],
    ['an unknown tokenizer', { 'tokenizer.ggml.model': 'abacus' }, /tokenizer\.ggml\.model: .*found abacus/],
    [
      'tensors of other shapes',
      { 'llama.feed_forward_length': 64 },
      /blk\.0\.ffn_gate\.weight: .*\[64, 64\]/,
    ],
    ['layers that are not there', { 'llama.block_count': 3 }, /blk\.2\.attn_norm\.weight: /],
    ['no context length', { 'llama.context_length': undefined }, /llama\.context_length: /],
  ]
  test.each(unsupported)('%s', async (_, changes, message) => {
    const error = await rejection(loadModel(await tinyBlob(changes)))
    expect(error).toBeInstanceOf(UnsupportedModelError)
    expect(String(error)).toMatch(message)
  })

  test.each([
    [{ backend: 'abacus' }, /backend: /],
    [{ maxSeqLen: 0 }, /maxSeqLen: /],
    [{ maxSeqLen: 1.5 }, /maxSeqLen: /],
    [{ kvDType: 'f64' }, /kvDType: /],
    [{ contextLength: 64 }, /contextLength/],
    [null, /options: /],
  ])('the options %j', async (options, message) => {
    const error = await rejection(loadModel(path, options as LoadOptions))
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(String(error)).toMatch(message)
  })
})

test('a split model whose name has a # in it, by its URL', async () => {
  const model = await loadModel(pathToFileURL(await splitModel('part #1')))
  await model.dispose()
})

test('a file URL that no path stands for is a SourceError', async () => {
  expect(await rejection(loadModel(new URL('file:///a%2Fb.gguf')))).toBeInstanceOf(SourceError)
})

test('a mistake in an option is told with what was found', async () => {
  expect(String(await rejection(loadModel(path, { maxSeqLen: -7 })))).toMatch(/maxSeqLen: .*-7/)
})
