// A tokenizer of HuggingFace's or SentencePiece's files in GGUF's keys (`tokenizer.ggml.*`), as far as these can say it.

import { piecesFromJson } from './hf-models.ts'
import { pretokenizerFromJson } from './hf-pretokenizers.ts'
import { Json } from './json.ts'
import { halves, type Merge } from './merges.ts'
import { pretokenizers, WordSplitter } from './pretokenize.ts'
import { readSentencePiece } from './sentencepiece.ts'
import { TokenType } from './token-type.ts'

export type GgufKeys = Record<
  string,
  string | number | boolean | string[] | Float32Array | Int32Array | Uint8Array
>

/** The files, where they are there. */
export interface TokenizerSources {
  /** tokenizer.json and tokenizer_config.json, parsed. */
  readonly json?: unknown
  readonly config?: unknown
  /** Bytes of tokenizer.model. */
  readonly sentencePiece?: Uint8Array | undefined
  readonly name: string
}

/** Texts in which what pre-tokenizers differ in is to be seen: marks, numbers, cases, lines, scripts. */
const PROBE =
  `It's 3.14159 o'CLOCK, I'LL say: don't!! "HTTPServer" x_y camelCase  two   spaces\n\n\n  \n\tTab\r\nend 1234567 12 345\n` +
  `ÄÖÜ naïve ﬁ Привет мир! 你好，世界。 日本語テスト 한국어 ไทย عربي हिन्दी é̀ 🙂👩‍👩‍👧 ½ ² ① Ⅷ $5.00 €9 a+b==c <br/> /*x*/ foo(bar)[0] #1 don’t 've 'RE   `

/** The names of pre-tokenizers by which llama.cpp's converter knows models, to be preferred among equals. */
const USUAL = [
  'gpt-2',
  'llama-bpe',
  'qwen2',
  'tekken',
  'gpt-4o',
  'deepseek-llm',
  'deepseek-coder',
  'deepseek-v3',
]

/**
 * The keys without those of single tokens' ids; undefined for a tokenizer that GGUF has no keys for. Throws ModelFormatError or
 * UnsupportedModelError naming what is wrong with a file.
 */
export function ggufKeys({ json, config, sentencePiece, name }: TokenizerSources): GgufKeys | undefined {
  const root = json === undefined ? undefined : new Json(json, name)
  const added = [
    ...(root?.optional('added_tokens')?.items() ?? []),
    ...addedInConfig(new Json(config ?? {}, name)),
  ]
  if (sentencePiece) return fromSentencePiece(sentencePiece, added, name)
  return root && fromJson(root, added)
}

/** Tokens that only tokenizer_config.json lists, as tokenizer.json would. */
function addedInConfig(config: Json): Json[] {
  const decoder = config.optional('added_tokens_decoder')
  if (!decoder) return []
  return decoder.entries().map(([id]) => {
    const token = decoder.get(id)
    const value = { ...Object.fromEntries(token.entries()), id: Number(id) }
    return token.with(value)
  })
}

function fromSentencePiece(bytes: Uint8Array, added: readonly Json[], name: string): GgufKeys {
  const { pieces, types, scores, trainer, normalizer } = readSentencePiece(bytes, name)
  const unigram = trainer.modelType === 1
  putAdded(added, pieces, types)
  return {
    ...common(unigram ? 't5' : 'llama', pieces, types),
    'tokenizer.ggml.pre': 'default',
    'tokenizer.ggml.scores': Float32Array.from(pieces, (_, id) => scores[id] ?? 0),
    'tokenizer.ggml.add_space_prefix': normalizer.addDummyPrefix,
    ...(unigram && {
      'tokenizer.ggml.remove_extra_whitespaces': normalizer.removeExtraSpaces,
      ...(normalizer.charsmap.length > 0 && { 'tokenizer.ggml.precompiled_charsmap': normalizer.charsmap }),
    }),
  }
}

function fromJson(root: Json, added: readonly Json[]): GgufKeys | undefined {
  const model = root.get('model')
  if (model.optional('type') && model.get('type').value !== 'BPE') return undefined
  if (Array.isArray(model.get('vocab').value)) return undefined
  const pieces = piecesFromJson(model, added)
  const types = pieces.map(() => TokenType.normal as number)
  putAdded(added, pieces, types)
  const merges = model.get('merges').array().filter(isMerge)
  const pretokenizer = pretokenizerFromJson(root.optional('pre_tokenizer'))
  if (!pretokenizer.byteLevel) return likeSentencePiece(root, pieces, types, merges)
  const ignoreMerges = model.flagOr('ignore_merges', false)
  const pre = knownPretokenizer(pretokenizer.cut, ignoreMerges)
  return pre === undefined
    ? undefined
    : {
        ...common('gpt2', pieces, types),
        'tokenizer.ggml.pre': pre,
        'tokenizer.ggml.merges': merges.map(merge => (typeof merge === 'string' ? merge : merge.join(' '))),
      }
}

function isMerge(merge: unknown): merge is Merge {
  return (
    (typeof merge === 'string' && merge.indexOf(' ', 1) > 0) || (Array.isArray(merge) && merge.length === 2)
  )
}

/** SentencePiece's BPE as LLaMA's and Gemma's tokenizer.json have it: bytes for what is no piece, ▁ for spaces. */
function likeSentencePiece(
  root: Json,
  pieces: string[],
  types: number[],
  merges: readonly Merge[],
): GgufKeys | undefined {
  if (!root.get('model').flagOr('byte_fallback', false)) return undefined
  const unknown = root.get('model').optional('unk_token')?.text()
  pieces.forEach((piece, id) => {
    if (/^<0x[0-9A-F]{2}>$/.test(piece)) types[id] = TokenType.byte
    else if (piece === unknown) types[id] = TokenType.unknown
  })
  return {
    ...common('llama', pieces, types),
    'tokenizer.ggml.pre': 'default',
    'tokenizer.ggml.scores': scoresOfMerges(pieces, merges),
    'tokenizer.ggml.add_space_prefix': beginsWithSpace(root),
  }
}

/** Whether ▁ comes before a text: the normalizer or the pre-tokenizer puts it there. */
function beginsWithSpace(root: Json): boolean {
  const text = JSON.stringify([root.optional('normalizer')?.value, root.optional('pre_tokenizer')?.value])
  return /"type":"Prepend"|"prepend_scheme":"(?:first|always)"|"add_prefix_space":true/.test(text)
}

/** Scores are the order of merges: that is the order of scores that the merges were once made from. */
export function scoresOfMerges(pieces: readonly string[], merges: readonly Merge[]): Float32Array {
  const ranks = new Map<string, number>()
  for (const [rank, merge] of merges.entries()) {
    const whole = (typeof merge === 'string' ? halves(merge) : merge).join('')
    if (!ranks.has(whole)) ranks.set(whole, rank)
  }
  return Float32Array.from(pieces, piece => -(ranks.get(piece) ?? merges.length))
}

function common(model: string, pieces: string[], types: readonly number[]): GgufKeys {
  return {
    'tokenizer.ggml.model': model,
    'tokenizer.ggml.tokens': pieces,
    'tokenizer.ggml.token_type': Int32Array.from(types),
  }
}

/** Added tokens are found before anything is merged: control tokens where they are special. */
function putAdded(added: readonly Json[], pieces: string[], types: number[]): void {
  // The config may list tokens behind holes; holes cost memory.
  const limit = pieces.length + added.length + 2 ** 16
  for (const token of added) {
    const id = token.get('id').count(limit)
    pieces[id] = token.get('content').text()
    if (types[id] !== TokenType.unknown)
      types[id] = token.flagOr('special', false) ? TokenType.control : TokenType.userDefined
  }
  for (let id = 0; id < pieces.length; id++)
    if (!pieces[id]) {
      pieces[id] = `[PAD${id}]`
      types[id] = TokenType.unused
    }
}

/** The name under which GGUF knows a pre-tokenizer: what cuts difficult texts in the same places is the same. */
function knownPretokenizer(
  cut: (text: string, first: boolean, visit: (word: string) => void) => void,
  ignoreMerges: boolean,
): string | undefined {
  const wanted: string[] = []
  cut(PROBE, true, word => wanted.push(word))
  const others = Object.keys(pretokenizers).filter(name => !USUAL.includes(name))
  return [...USUAL, ...others].find(name => {
    const { patterns, ignoreMerges: ignores = false } = pretokenizers[name]!
    if (ignores !== ignoreMerges) return false
    const words: string[] = []
    new WordSplitter(patterns).split(PROBE, word => words.push(word))
    return words.length === wanted.length && words.every((word, i) => word === wanted[i])
  })
}
