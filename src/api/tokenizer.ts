// Tokenizers from whatever file holds one: a GGUF model, HuggingFace's tokenizer.json, SentencePiece's tokenizer.model. What a
// file is, its first bytes say.
import { ModelFormatError } from '../errors.ts'
import type { ModelFile } from '../formats/model-file.ts'
import type { Source } from '../io/source.ts'
import { hasTokenizer, tokenizerFromGguf } from '../tokenizer/gguf.ts'
import { tokenizerFromJson } from '../tokenizer/hf.ts'
import { tokenizerFromSentencePiece } from '../tokenizer/sentencepiece.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { type ModelLocation, openModelFile, openSource, sibling } from './open.ts'

/** No tokenizer is near; of a larger file the first byte misled. */
const MOST_BYTES = 2 ** 28

/**
 * The tokenizer alone, without loading any weights: of a GGUF file, of a tokenizer.json (with the tokenizer_config.json beside
 * it, if there is one) or of a tokenizer.model. Rejects with SourceError, ModelFormatError or UnsupportedModelError.
 */
export async function loadTokenizer(location: ModelLocation): Promise<Tokenizer> {
  const source = await openSource(location)
  try {
    const start = new TextDecoder('latin1').decode(await source.read(0, Math.min(source.size, 64)))
    if (start.startsWith('GGUF')) return await ofModel(location)
    const bytes = await whole(source)
    if (!/^(?:\xef\xbb\xbf)?\s*\{/.test(start)) return tokenizerFromSentencePiece(bytes, source.name)
    return tokenizerFromJson(parse(bytes, source.name), await configBeside(location), source.name)
  } finally {
    await source.close()
  }
}

/** The tokenizer that a model file carries, if it does. */
export function tokenizerOf({ metadata, sources }: ModelFile): Tokenizer | undefined {
  return hasTokenizer(metadata) ? tokenizerFromGguf(metadata, sources[0]!.name) : undefined
}

async function ofModel(location: ModelLocation): Promise<Tokenizer> {
  const file = await openModelFile(location)
  try {
    return tokenizerFromGguf(file.metadata, file.sources[0]!.name)
  } finally {
    await file.close()
  }
}

async function configBeside(location: ModelLocation): Promise<unknown> {
  if (location instanceof Blob) return undefined
  const source = await openSource(sibling(location, 'tokenizer_config.json')).catch(() => undefined)
  if (!source) return undefined
  try {
    return parse(await whole(source), source.name)
  } finally {
    await source.close()
  }
}

async function whole(source: Source): Promise<Uint8Array> {
  if (source.size > MOST_BYTES)
    throw new ModelFormatError({
      file: source.name,
      field: 'size',
      expected: `a GGUF file, or a tokenizer of at most ${MOST_BYTES} bytes`,
      found: `${source.size}`,
    })
  return source.read(0, source.size)
}

function parse(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    throw new ModelFormatError({ file, field: 'text', expected: 'JSON', found }, { cause: error })
  }
}
