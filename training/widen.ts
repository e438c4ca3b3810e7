// Gives a byte-level BPE vocabulary pieces for words that its merges cut into several: words of code, which stories hardly have. A
// name is then copied word by word, not letter by letter, and is cut in the same way wherever it stands.
import type { WritableValue } from '../src/formats/gguf.ts'
import { tokenizerFromGguf } from '../src/tokenizer/gguf.ts'
import { TokenType } from '../src/tokenizer/token-type.ts'

type Keys = Readonly<Record<string, WritableValue>>

/**
 * The tokenizer's keys of a GGUF file with pieces behind those that are there, so that every one of `words` is one. New merges come
 * after the old ones: texts without such words are cut as before.
 */
export function widened(keys: Keys, words: readonly string[]): Record<string, WritableValue> {
  const pieces = [...(keys['tokenizer.ggml.tokens'] as string[])]
  const merges = [...(keys['tokenizer.ggml.merges'] as string[])]
  const known = { pieces: new Set(pieces), merges: new Set(merges) }
  const types = keys['tokenizer.ggml.token_type'] as Int32Array
  const made = () => ({
    ...keys,
    'tokenizer.ggml.tokens': pieces,
    'tokenizer.ggml.token_type': Int32Array.from(pieces, (_, id) => types[id] ?? TokenType.normal),
    'tokenizer.ggml.merges': merges,
  })
  for (;;) {
    // A merge may cut other words anew, so they are all cut again until none is in parts.
    const tokenizer = tokenizerFromGguf(new Map(Object.entries(made())), 'a widened vocabulary')
    const cut = words.map(word => tokenizer.encode(word)).filter(ids => ids.length > 1)
    if (cut.length === 0) return made()
    for (const [first, second] of cut) {
      const [left, right] = [pieces[first!]!, pieces[second!]!]
      // Words may begin alike.
      if (known.merges.has(`${left} ${right}`)) continue
      merges.push(`${left} ${right}`)
      known.merges.add(`${left} ${right}`)
      if (known.pieces.has(left + right)) continue
      pieces.push(left + right)
      known.pieces.add(left + right)
    }
  }
}
