// A tokenizer's vocabulary as masks of tokens need it: the tree of its bytes, made once.
import { VocabularyTrie } from '../grammar/vocabulary-trie.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'

const tries = new WeakMap<Tokenizer, VocabularyTrie>()

/** The tree of the bytes of all tokens that are text. */
export function vocabularyTrie(tokenizer: Tokenizer): VocabularyTrie {
  const known = tries.get(tokenizer)
  if (known) return known
  const ends = tokenizer.endOfGeneration
  const trie = new VocabularyTrie(tokenizer.size, id => (ends.has(id) ? undefined : tokenizer.bytes(id)))
  tries.set(tokenizer, trie)
  return trie
}
