// The built-in model's vocabulary: bytes, what is frequent in its data, words of code, and the marks of conversations, thoughts and
// edits.
// Later data (sums, edits) is told in the same pieces.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WritableValue } from '../src/formats/gguf.ts'
import { ALPHABET } from '../src/tokenizer/alphabet.ts'
import { tokenizerFromGguf } from '../src/tokenizer/gguf.ts'
import { pretokenizers, WordSplitter } from '../src/tokenizer/pretokenize.ts'
import { TokenType } from '../src/tokenizer/token-type.ts'
import type { Tokenizer } from '../src/tokenizer/tokenizer.ts'
import { trainMerges } from './bpe.ts'
import { codeWords } from './chat/words.ts'
import { widened } from './widen.ts'

/** Pieces learnt from texts and marks; those for words of code come on top. */
const LEARNT = 2048
/** Ends a text, and begins the next. */
export const END_OF_TEXT = '<|endoftext|>'
const PRE = 'qwen2'
const CONTROL = [END_OF_TEXT, '<|im_start|>', '<|im_end|>']
const MARKS = ['<think>', '</think>', '<<<<<<< SEARCH', '=======', '>>>>>>> REPLACE']

const CHAT_TEMPLATE =
  "{%- for message in messages -%}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}" +
  "{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"

/** The tokenizer's keys of a GGUF file. */
export function trainTokenizer(texts: Iterable<string>): Record<string, WritableValue> {
  const merges = trainMerges(countWords(texts), LEARNT - ALPHABET.length - CONTROL.length - MARKS.length)
  const learnt = [...ALPHABET, ...merges.map(([left, right]) => left + right)]
  const tokens = [...learnt, ...CONTROL, ...MARKS]
  const typeOf = (id: number) =>
    id < learnt.length
      ? TokenType.normal
      : id < learnt.length + CONTROL.length
        ? TokenType.control
        : TokenType.userDefined
  const keys = {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': PRE,
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': Int32Array.from(tokens, (_, id) => typeOf(id)),
    'tokenizer.ggml.merges': merges.map(halves => halves.join(' ')),
    'tokenizer.ggml.bos_token_id': tokens.indexOf(END_OF_TEXT),
    'tokenizer.ggml.eos_token_id': tokens.indexOf(END_OF_TEXT),
    'tokenizer.ggml.eot_token_id': tokens.indexOf('<|im_end|>'),
    'tokenizer.ggml.add_bos_token': true,
    'tokenizer.chat_template': CHAT_TEMPLATE,
  }
  return widened(keys, codeWords())
}

/** The file in which the data's tokenizer stands. */
const fileIn = (folder: string) => join(folder, 'tokenizer.json')

/** Leaves the keys of a GGUF file in `folder`. */
export function writeTokenizer(folder: string, keys: Readonly<Record<string, WritableValue>>): void {
  const plain = (_: string, value: unknown) => (value instanceof Int32Array ? Array.from(value) : value)
  writeFileSync(fileIn(folder), JSON.stringify(keys, plain))
}

/** What writeTokenizer left in `folder`. */
export function readTokenizerKeys(folder: string): Record<string, WritableValue> {
  const keys = JSON.parse(readFileSync(fileIn(folder), 'utf8'))
  return { ...keys, 'tokenizer.ggml.token_type': Int32Array.from(keys['tokenizer.ggml.token_type']) }
}

export function readTokenizer(folder: string): Tokenizer {
  return tokenizerFromGguf(new Map(Object.entries(readTokenizerKeys(folder))), fileIn(folder))
}

/** Words in GPT-2's letters for bytes, and how often they occur. */
function countWords(texts: Iterable<string>): Map<string, number> {
  const splitter = new WordSplitter(pretokenizers[PRE]!.patterns)
  const counts = new Map<string, number>()
  for (const text of texts) splitter.split(text, word => void counts.set(word, (counts.get(word) ?? 0) + 1))
  const written = (word: string) =>
    Array.from(new TextEncoder().encode(word), byte => ALPHABET[byte]).join('')
  return new Map([...counts].map(([word, count]) => [written(word), count]))
}
