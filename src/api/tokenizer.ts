// Tokenizers from whatever file holds one: a model, HuggingFace's tokenizer.json, SentencePiece's tokenizer.model, llama2.c's
// tokenizer.bin. What a file is, its content says.
import * as z from 'zod'
import { ModelFormatError, UnsupportedModelError } from '../errors.ts'
import { llama2cTokenizer } from '../formats/llama2c.ts'
import type { FormatName, ModelFile } from '../formats/model-file.ts'
import { detectFormat } from '../formats/readers.ts'
import type { Source } from '../io/source.ts'
import { hasTokenizer, tokenizerFromGguf } from '../tokenizer/gguf.ts'
import { tokenizerFromJson } from '../tokenizer/hf.ts'
import { tokenizerFromSentencePiece } from '../tokenizer/sentencepiece.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { type ModelLocation, openModelFile, openSource, sibling } from './open.ts'
import { checkOptions, formatOption } from './options.ts'

/** No tokenizer is near; of a larger file the first byte misled. */
const MOST_BYTES = 2 ** 28

const schema = z.strictObject({ format: formatOption })

/**
 * The tokenizer alone, without loading any weights: of a model file, of a tokenizer.json (with the tokenizer_config.json beside
 * it, if there is one), of a tokenizer.model or of llama2.c's tokenizer.bin. Rejects with SourceError, ModelFormatError or
 * UnsupportedModelError.
 */
export async function loadTokenizer(
  location: ModelLocation,
  options: { readonly format?: FormatName | undefined } = {},
): Promise<Tokenizer> {
  const { format } = checkOptions('loadTokenizer', schema, options)
  const source = await openSource(location)
  try {
    if (format !== undefined || (await detectFormat(source))) return await ofModel(location, format)
    const bytes = await whole(source)
    if (/^(?:\xef\xbb\xbf)?\s*\{/.test(new TextDecoder('latin1').decode(bytes.subarray(0, 64))))
      return tokenizerFromJson(parse(bytes, source.name), await configBeside(location), source.name)
    const metadata = llama2cTokenizer(bytes)
    return metadata
      ? tokenizerFromGguf(new Map(Object.entries(metadata)), source.name)
      : tokenizerFromSentencePiece(bytes, source.name)
  } finally {
    await source.close()
  }
}

/** The tokenizer that a model file carries or has beside it, if it does. */
export function tokenizerOf({ metadata, sources, tokenizer }: ModelFile): Tokenizer | undefined {
  if (tokenizer) {
    const { json, sentencePiece, config, ends, name } = tokenizer
    return json === undefined
      ? tokenizerFromSentencePiece(sentencePiece!, name, { config, ends })
      : tokenizerFromJson(json, config, name, ends)
  }
  return hasTokenizer(metadata) ? tokenizerFromGguf(metadata, sources[0]!.name) : undefined
}

/** What all say that need one. */
export function noTokenizer(file: string): never {
  throw new UnsupportedModelError(
    `${file} has no tokenizer: only token ids can go in and come out, unless another file's is named`,
  )
}

async function ofModel(location: ModelLocation, format: FormatName | undefined): Promise<Tokenizer> {
  const file = await openModelFile(location, format)
  try {
    const { name } = file.sources[0]!
    return tokenizerOf(file) ?? noTokenizer(name)
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
      expected: `a model, or a tokenizer of at most ${MOST_BYTES} bytes`,
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
