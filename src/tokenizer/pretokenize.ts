// Splits text into the words that byte-level BPE merges within: one entry for each `tokenizer.ggml.pre`, with the
// patterns that the models' own tokenizer.json files have.
import { unicodePattern } from './unicode.ts'

export interface Pretokenizer {
  /** Each splits what the ones before it left whole; what lies between two matches is a part, too. */
  readonly patterns: readonly string[]
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
const CJK = '[一-龥ࠀ-一가-퟿]+'
const ASCII_MARKS = re`!"#$%&'()*+,\-.\/:;<=>?@\[\\\]^_${'`'}{|}~`

const GPT2 = re`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|${SPACES}`
/** GPT-4's, which takes one other character into a word; its followers differ in how they cut numbers. */
const gpt4 = (digits: string) =>
  re`${ENDINGS}|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|${LINES}`
/** GPT-4o's, which begins a word where small letters are followed by a capital. */
const gpt4o = (digits: string, endings = '') =>
  re`[^\r\n\p{L}\p{N}]?${UPPER}*${LOWER}+${endings}|[^\r\n\p{L}\p{N}]?${UPPER}+${LOWER}*${endings}|${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${LINES}`

const llama3: Pretokenizer = { patterns: [gpt4(re`\p{N}{1,3}`)], ignoreMerges: true, addBos: true }
const gpt2: Pretokenizer = { patterns: [GPT2] }
const qwen2: Pretokenizer = { patterns: [gpt4(re`\p{N}`)] }
const digitsApart: Pretokenizer = { patterns: [re`\p{N}`, GPT2] }

/** By the value of `tokenizer.ggml.pre`. */
export const pretokenizers: Readonly<Record<string, Pretokenizer>> = {
  default: { patterns: [re`[\p{P}$+<=>^~|]+`, GPT2, re`\p{N}+`, '[0-9][0-9][0-9]'] },
  'gpt-2': gpt2,
  'phi-2': gpt2,
  'llama-bpe': llama3,
  llama3,
  'llama-v3': llama3,
  qwen2,
  'deepseek-r1-qwen': qwen2,
  qwen35: {
    patterns: [re`${ENDINGS}|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|${LINES}`],
  },
  tekken: { patterns: [gpt4o(re`\p{N}`)], ignoreMerges: true, addBos: true },
  'gpt-4o': { patterns: [gpt4o(re`\p{N}{1,3}`, `(?:${ENDINGS})?`)] },
  llama4: { patterns: [gpt4o(re`\p{N}{1,3}`, `(?:${ENDINGS})?`)] },
  'deepseek-coder': { patterns: [re`[\r\n]`, re`\s?\p{L}+`, re`\s?\p{P}+`, CJK, re`\p{N}`] },
  'deepseek-v3': {
    patterns: [
      re`\p{N}{1,3}`,
      '[一-龥぀-ゟ゠-ヿ]+',
      re`[${ASCII_MARKS}][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|${LINES}`,
    ],
  },
  falcon: { patterns: [re`[\p{P}$+<=>^~|${'`'}]+`, GPT2, '[0-9][0-9][0-9]'] },
  smollm: digitsApart,
  starcoder: digitsApart,
  refact: digitsApart,
  'command-r': digitsApart,
}

/** The longest word that is looked for where the runtime's matcher cannot hold a longer one. */
const LONGEST = 1 << 20

/** Cuts texts into words by one pattern after the other. */
export class WordSplitter {
  readonly #patterns: readonly RegExp[]

  constructor({ patterns }: Pretokenizer) {
    this.#patterns = patterns.map(unicodePattern)
  }

  /** Calls `visit` for each word of the text, in order; together they are the text. */
  split(text: string, visit: (word: string) => void): void {
    this.#split(text, 0, visit)
  }

  #split(text: string, index: number, visit: (word: string) => void): void {
    const pattern = this.#patterns[index]
    if (text === '') return
    if (!pattern) {
      visit(text)
      return
    }
    let done = 0
    for (let at = 0; at < text.length; ) {
      const end = matchEnd(pattern, text, at)
      if (end <= at) {
        at += text.codePointAt(at)! > 0xffff ? 2 : 1
        continue
      }
      this.#split(text.slice(done, at), index + 1, visit)
      this.#split(text.slice(at, end), index + 1, visit)
      at = done = end
    }
    this.#split(text.slice(done), index + 1, visit)
  }
}

/** Where the match that begins at `at` ends, or -1. */
function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  try {
    return pattern.test(text) ? pattern.lastIndex : -1
  } catch (error) {
    // A single word of millions of characters: the matcher's stack has a fixed size.
    if (!(error instanceof RangeError)) throw error
    pattern.lastIndex = 0
    return pattern.test(text.slice(at, at + LONGEST)) ? at + pattern.lastIndex : -1
  }
}
