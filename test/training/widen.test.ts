import { beforeAll, describe, expect, it } from 'vitest'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf.ts'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { codeWords } from '../../training/chat/words.ts'
import { trainTokenizer } from '../../training/tokenizer.ts'
import { widened } from '../../training/widen.ts'

const read = (keys: ReturnType<typeof trainTokenizer>): Tokenizer =>
  tokenizerFromGguf(new Map(Object.entries(keys)), 'the test')

describe('a vocabulary with pieces for words', () => {
  let narrow: ReturnType<typeof trainTokenizer>
  let wide: ReturnType<typeof trainTokenizer>
  const words = ['meadow', ' meadow', 'Meadow', 'mead', 'zebra', ' zoo']

  beforeAll(() => {
    narrow = trainTokenizer(['the cat sat on the mat', 'once upon a time there was a cat'])
    wide = widened(narrow, words)
  })

  it('has each of them as one', () => {
    const tokenizer = read(wide)
    for (const word of words) expect(tokenizer.encode(word), word).toHaveLength(1)
    expect(tokenizer.encode('zebraMeadow').map(id => tokenizer.decode([id]))).toEqual(['zebra', 'Meadow'])
  })

  it('has the old ones where they were, and no piece or merge twice', () => {
    for (const key of ['tokenizer.ggml.tokens', 'tokenizer.ggml.merges']) {
      const [old, made] = [narrow[key] as string[], wide[key] as string[]]
      expect(made.slice(0, old.length)).toEqual(old)
      expect(new Set(made).size).toBe(made.length)
    }
  })

  it('cuts other texts as before, and joins them again', () => {
    const [before, after] = [read(narrow), read(wide)]
    for (const text of ['the mat', 'on the mat a cow', '<|im_start|>']) {
      expect(after.encode(text, { special: true })).toEqual(before.encode(text, { special: true }))
      expect(after.decode(after.encode(text))).toBe(text)
    }
  })

  it('is the same when it is widened again', () => {
    expect(widened(wide, words)).toEqual(wide)
  })
})

it('words of code are whole in every form that names and requests give them', () => {
  const words = new Set(codeWords())
  for (const word of ['graph', ' graph', 'Graph', 'GRAPH', 'return', ' return', ' Rename', 'utils'])
    expect(words.has(word), word).toBe(true)
})
