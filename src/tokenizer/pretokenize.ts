// Splits text into the words that byte-level BPE merges within: one entry for each `tokenizer.ggml.pre`, with the
// patterns that the models' own tokenizer.json files have.
import { characterLength, Matcher } from './matcher.ts'

/** A pattern; or one whose matches are cut into threes, counted from their end (as digits in 1 234 567). */
export type SplitStep = string | { readonly threes: string }

export interface Pretokenizer {
  /** Each splits what the ones before it left whole; what lies between two matches is a part, too. */
  readonly patterns: readonly SplitStep[]
  /** A word that is a piece is that piece, whatever the merges would make of it. */
  readonly ignoreMerges?: boolean
  /** Whether texts begin with BOS where the file does not say. */
  readonly addBos?: boolean
}

/** `String.raw`, short: the patterns are regular expressions. */
const re = String.raw

const SPACES = re`\s+(?!\S)|\s+`
const LINES = re`\s*[\r\n]+|${SPACES}`
const ENDINGS = re`'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]`
const UPPER = re`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
const LOWER = re`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
const CJK = re`[一-龥ࠀ-一가-\ud7ff]+`
const CHINESE_JAPANESE = re`[一-龥\u3040-ゟ゠-ヿ]+`
const ASCII_MARKS = re`!"#$%&'()*+,\-.\/:;<=>?@\[\\\]^_${'`'}{|}~`
/** Letters that have case, as DeepSeek LLM lists them. */
const CASED = re`A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ\u1f5f-\u1f7dᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌ\u1fd0-\u1fd3\u1fd6-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃`
/** Scripts that AFMoE keeps apart: Chinese, Japanese, Thai, Lao, Khmer, Myanmar, Korean. */
const ASIAN = re`[一-鿿㐀-䶿\uf900-\ufaff\u3040-ゟ゠-ヿ･-ﾟ⼀-\u2fdfเ-\u0e7f\u0e80-\u0effក-\u17ffက-႟ꩠ-ꩿꧠ-\ua9ff가-\ud7afᄀ-ᇿ]+`

export const GPT2 = re`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|${SPACES}`
/** GPT-4's, which takes one other character into a word; its followers differ in how they cut numbers. */
const gpt4 = (digits: string, spaces = LINES) =>
  re`${ENDINGS}|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|${spaces}`
/** GPT-4o's, which begins a word where small letters are followed by a capital. */
const gpt4o = (digits: string, endings = '', upper = UPPER, lower = LOWER) =>
  re`[^\r\n\p{L}\p{N}]?${upper}*${lower}+${endings}|[^\r\n\p{L}\p{N}]?${upper}+${lower}*${endings}|${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${LINES}`
/** DeepSeek V3's words; its followers differ in line ends. */
const deepseek3 = (rest: string) =>
  re`[${ASCII_MARKS}][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+${rest}|${SPACES}`
/**
 * Long runs of spaces in blocks of powers of two. Behind a block there is no line end to be found in the same run: it
 * is not looked for again, which would take forever.
 */
const BLOCKS_OF_SPACES = re`(?<![^\S\r\n]{512})\s*[\r\n]+|${[512, 256, 128, 64, 32, 16, 8, 4].map(n => re`\s{${n}}(?!\S)|`).join('')}\s{1,2}(?!\S)|\s`
const WORDS_AND_MARKS = ' ?[^(\\s|.,!?…。，、।۔،)]+'
const NOT_HAN_UPPER = re`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]`
const NOT_HAN_LOWER = re`[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]`

const gpt2: Pretokenizer = { patterns: [GPT2] }
const llama3: Pretokenizer = { patterns: [gpt4(re`\p{N}{1,3}`)], ignoreMerges: true, addBos: true }
const dbrx: Pretokenizer = { patterns: [gpt4(re`\p{N}{1,3}`)] }
const qwen2: Pretokenizer = { patterns: [gpt4(re`\p{N}`)] }
const gpt4oWords: Pretokenizer = { patterns: [gpt4o(re`\p{N}{1,3}`, `(?:${ENDINGS})?`)] }
const digitsApart: Pretokenizer = { patterns: [re`\p{N}`, GPT2] }
const bloom: Pretokenizer = { patterns: [WORDS_AND_MARKS] }
const bailing: Pretokenizer = {
  patterns: [
    re`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|${SPACES}`,
  ],
}
const deepseekV3: Pretokenizer = {
  patterns: [re`\p{N}{1,3}`, CHINESE_JAPANESE, deepseek3(re`[\r\n]*|\s*[\r\n]+`)],
}
/** The last three digits of a number stay together, then the three before them, and so on. */
const tinyAya: Pretokenizer = {
  patterns: [{ threes: re`(?<!\d)\d++(?!\w)` }, gpt4o(re`\p{N}{1,3}`, `(?:${ENDINGS})?`)],
}
/** Written as SentencePiece writes, with ▁ for spaces: merges go over whole lines. */
const lines: Pretokenizer = { patterns: [re`[^\n]+|\n+`] }

/** By the value of `tokenizer.ggml.pre`. */
export const pretokenizers: Readonly<Record<string, Pretokenizer>> = {
  default: { patterns: [re`[\p{P}$+<=>^~|]+`, GPT2, re`\p{N}+`, '[0-9][0-9][0-9]'] },
  'gpt-2': gpt2,
  'phi-2': gpt2,
  'jina-es': gpt2,
  'jina-de': gpt2,
  'jina-v1-en': gpt2,
  'jina-v2-es': gpt2,
  'jina-v2-de': gpt2,
  'jina-v2-code': gpt2,
  'roberta-bpe': gpt2,
  'modern-bert': gpt2,
  gigachat: gpt2,
  'a.x-4.0': gpt2,
  mellum: gpt2,
  mpt: gpt2,
  olmo: gpt2,
  jais: gpt2,
  trillion: gpt2,
  exaone4: gpt2,
  'granite-docling': gpt2,
  'llama-bpe': llama3,
  llama3,
  'llama-v3': llama3,
  falcon3: llama3,
  'falcon-h1': llama3,
  pixtral: llama3,
  'midm-2.0': llama3,
  lfm2: llama3,
  'jina-v5-nano': llama3,
  dbrx,
  'smaug-bpe': dbrx,
  'chatglm-bpe': dbrx,
  glm4: dbrx,
  minicpm5: { patterns: [re`\p{N}{1,3}`, gpt4(re`\p{N}+`)], ignoreMerges: true },
  'jais-2': { patterns: [gpt4(re`\p{N}{1,3}`, BLOCKS_OF_SPACES)] },
  qwen2,
  'deepseek-r1-qwen': qwen2,
  kormo: qwen2,
  f2llmv2: qwen2,
  stablelm2: qwen2,
  hunyuan: qwen2,
  'solar-open': qwen2,
  megrez: qwen2,
  'grok-2': qwen2,
  laguna: { patterns: [re`[^\n]+|\n+`, gpt4(re`\p{N}`)] },
  qwen35: {
    patterns: [re`${ENDINGS}|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|${LINES}`],
  },
  'seed-coder': {
    patterns: [re`${ENDINGS}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|${LINES}`],
  },
  ufakzeka: { patterns: [re`[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|${LINES}`] },
  'exaone-moe': {
    patterns: [
      re`${ENDINGS}|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|${SPACES}`,
    ],
  },
  bailingmoe: bailing,
  bailingmoe2: bailing,
  'llada-moe': bailing,
  tekken: { patterns: [gpt4o(re`\p{N}`)], ignoreMerges: true, addBos: true },
  'gpt-4o': gpt4oWords,
  llama4: gpt4oWords,
  kanana2: gpt4oWords,
  talkie: gpt4oWords,
  'minimax-m2': gpt4oWords,
  'granite-embed-multi-97m': { ...gpt4oWords, ignoreMerges: true },
  tiny_aya: tinyAya,
  cohere2moe: tinyAya,
  'kimi-k2': {
    patterns: [
      re`\p{Han}+|${gpt4o(re`\p{N}{1,3}`, `(?:${ENDINGS})?`, NOT_HAN_UPPER, NOT_HAN_LOWER).replace(re`[\r\n/]*`, re`[\r\n]*`)}`,
    ],
  },
  youtu: {
    patterns: [
      '[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥\u3040-ゟ゠-ヿ]+',
      gpt4o(re`\p{N}`, `(?:${ENDINGS})?`),
    ],
    ignoreMerges: true,
  },
  'deepseek-llm': {
    patterns: [
      re`[\r\n]`,
      re`\s?[${CASED}]+`,
      re`\s?[!-\/:-~！-／：-～‘-‟\u3000-。]+`,
      // Spaces at the end; the first of them is looked for, so that it is looked for once.
      re`(?<!\s)\s+\z`,
      CJK,
      re`\p{N}+`,
    ],
  },
  'deepseek-coder': { patterns: [re`[\r\n]`, re`\s?\p{L}+`, re`\s?\p{P}+`, CJK, re`\p{N}`] },
  'deepseek-v3': deepseekV3,
  'hunyuan-dense': deepseekV3,
  hy_v4: deepseekV3,
  'joyai-llm': deepseekV3,
  spark2_5: { patterns: [re`\p{N}{1,3}`, CHINESE_JAPANESE, deepseek3(re`|[\r\n]`), re`\p{N}`] },
  afmoe: { patterns: [{ threes: re`\p{N}+` }, ASIAN, deepseek3(re`[\r\n]*|\s*[\r\n]+`)] },
  falcon: { patterns: [re`[\p{P}$+<=>^~|${'`'}]+`, GPT2, '[0-9][0-9][0-9]'] },
  smollm: digitsApart,
  starcoder: digitsApart,
  refact: digitsApart,
  'command-r': digitsApart,
  codeshell: digitsApart,
  exaone: digitsApart,
  'minerva-7b': digitsApart,
  mellum2: digitsApart,
  chameleon: {
    patterns: [
      '<sentinel:[0-9]+>',
      'IMGIMG[A-I]{1,4}Z',
      re`[\t\n]|    |  `,
      re`\p{N}`,
      re`[\p{P}!-\/:-@\[-${'`'}\{-~]`,
      GPT2,
    ],
    addBos: true,
  },
  superbpe: { patterns: [re`\p{N}+`, { threes: re`\d+` }] },
  bloom,
  'poro-chat': bloom,
  'gpt3-finnish': bloom,
  viking: { patterns: [WORDS_AND_MARKS, re`\p{N}`] },
  gemma4: lines,
  'granite-embed-multi-311m': lines,
  'sarvam-moe': lines,
}

interface Splitter {
  readonly matcher: Matcher
  readonly threes: boolean
}

/** Cuts texts into words by one pattern after the other. */
export class WordSplitter {
  readonly #splitters: readonly Splitter[]

  /** Throws RangeError naming what is not supported of a pattern. */
  constructor(steps: readonly SplitStep[]) {
    this.#splitters = steps.map(step => {
      const threes = typeof step !== 'string'
      return { matcher: new Matcher(threes ? step.threes : step), threes }
    })
  }

  /** Calls `visit` for each word of the text, in order; together they are the text. */
  split(text: string, visit: (word: string) => void): void {
    this.#split(text, 0, visit)
  }

  #split(text: string, index: number, visit: (word: string) => void): void {
    const splitter = this.#splitters[index]
    if (text === '') return
    if (!splitter) {
      visit(text)
      return
    }
    const { matcher, threes } = splitter
    let done = 0
    for (let at = 0; at < text.length && matcher.find(text, at); ) {
      const { begin, end } = matcher
      if (begin > done) this.#split(text.slice(done, begin), index + 1, visit)
      if (threes) for (const part of inThrees(text.slice(begin, end))) this.#split(part, index + 1, visit)
      else this.#split(text.slice(begin, end), index + 1, visit)
      done = end
      at = end > begin ? end : end + characterLength(text, end)
    }
    this.#split(text.slice(done), index + 1, visit)
  }
}

/** Three characters each, but for the first part. */
function* inThrees(text: string): Generator<string> {
  const characters = Array.from(text)
  const first = characters.length % 3
  if (first > 0) yield characters.slice(0, first).join('')
  for (let i = first; i < characters.length; i += 3) yield characters.slice(i, i + 3).join('')
}
