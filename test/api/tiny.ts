// The tiny model of these tests, and the text that llama.cpp lets it write.
import { ggufBytes, type WritableValue } from '../../src/formats/gguf.ts'
import { llamaGoldens } from '../fixtures/load.ts'
import { fixtures, tinyLlama } from '../fixtures/models.ts'

export const golden = llamaGoldens().greedy.find(({ model }) => model === 'plain')!
export const greedy = { temperature: 0, maxTokens: golden.tokens.length } as const
const tiny = tinyLlama(fixtures.plain)

/** The model file, with some metadata changed; undefined takes a key away. */
export async function tinyBlob(changes: Record<string, WritableValue | undefined> = {}): Promise<Blob> {
  const metadata = Object.fromEntries(
    Object.entries({ ...tiny.metadata, ...changes }).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value]],
    ),
  )
  return new Blob([Uint8Array.from(await ggufBytes({ metadata, tensors: tiny.tensors }))])
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error
  }
  throw new Error(`expected a rejection, found ${String(value)}`)
}
