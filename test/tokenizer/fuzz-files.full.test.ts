// Damages tokenizer files of every kind at random, but repeatably, byte by byte: each mutant is a tokenizer that works, or is refused
// with a typed error. TORCHLESS_FUZZ sets how many mutants there are.
import { expect, test } from 'vitest'
import { loadTokenizer, ModelFormatError, type Tokenizer, UnsupportedModelError } from '../../src/index.ts'
import { charsmapBytes } from '../fixtures/charsmap.ts'
import { fixtureBytes } from '../fixtures/models.ts'
import { sentencePieceBytes } from '../fixtures/sentencepiece.ts'
import { tokenizerJson } from '../fixtures/tokenizer-json.ts'
import { mutate, random } from '../formats/mutate.ts'

const mutants = Number(process.env.TORCHLESS_FUZZ ?? 3000)
const text = "Hello, the world's 12345 \n\n  中文😀<tool></s>é a\u0301"

const pieces = ['<unk>', '\n<s>\n', '\n</s>\n', '<0x0A>', ' ', 't', 'h', 'e', 'th', 'the', ' the', 'größer']
const utf8 = new TextEncoder()

/** As llama2.c lays it out: the longest piece's bytes, then of each piece its score, its bytes and they themselves. */
function tokenizerBin(): Uint8Array {
  const numbers = (...values: number[]) => new Uint8Array(Int32Array.of(...values).buffer)
  const entries = pieces.map((piece, i) => {
    const bytes = utf8.encode(piece)
    return [new Uint8Array(Float32Array.of(-i).buffer), numbers(bytes.length), bytes]
  })
  return new Uint8Array(Buffer.concat([numbers(10), ...entries.flat()]))
}

const files: Record<string, () => Uint8Array | Promise<Uint8Array>> = {
  'tokenizer.json': () => utf8.encode(JSON.stringify(tokenizerJson)),
  'tokenizer.model': () =>
    sentencePieceBytes({
      pieces: pieces.map((piece, i) => ({ text: piece, score: -i, type: i === 0 ? 2 : 1 })),
      charsmap: charsmapBytes([['H', 'h']]),
    }),
  'tokenizer.bin': tokenizerBin,
  'model.gguf': () => fixtureBytes('F32'),
}

function use(tokenizer: Tokenizer): void {
  const ids = tokenizer.encode(text, { bos: true, eos: true, special: true })
  expect(ids.every(id => Number.isInteger(id) && id >= 0 && id < tokenizer.size)).toBe(true)
  expect(tokenizer.decode(ids)).toBeTypeOf('string')
}

test.each(Object.entries(files))('%s', async (name, make) => {
  const whole = await make()
  const header = Math.min(whole.length, 2 ** 14)
  use(await loadTokenizer(new File([Uint8Array.from(whole)], name)))
  const outcomes: Record<string, number> = {}
  // A model's metadata is long.
  for (let seed = 0; seed < mutants / (name === 'model.gguf' ? 10 : 1); seed++) {
    const mutant = mutate(whole, header, random(seed))
    let outcome = 'loads'
    try {
      use(await loadTokenizer(new File([Uint8Array.from(mutant)], name)))
    } catch (error) {
      if (!(error instanceof ModelFormatError || error instanceof UnsupportedModelError))
        throw new Error(`seed ${seed}`, { cause: error })
      outcome = error.name
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  }
  expect(outcomes).toMatchObject({ loads: expect.any(Number), ModelFormatError: expect.any(Number) })
})
