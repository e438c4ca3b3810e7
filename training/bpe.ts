// Trains byte-level BPE: starting from bytes, the most frequent pair of neighbours within words becomes a piece, again and
// again (Sennrich et al., https://arxiv.org/abs/1508.07909).

interface Word {
  symbols: string[]
  readonly count: number
}

/** Merges, the first one made first; equally frequent pairs in order of their texts, so that nothing is left to chance. */
export function trainMerges(words: ReadonlyMap<string, number>, count: number): [string, string][] {
  const all: Word[] = [...words].map(([text, count]) => ({ symbols: [...text], count }))
  const pairs = new Map<string, { total: number; words: Set<Word> }>()
  for (const word of all) countPairs(pairs, word, 1)
  const merges: [string, string][] = []
  while (merges.length < count) {
    const best = mostFrequent(pairs)
    if (best === undefined) break
    const [left, right] = best.split(' ') as [string, string]
    merges.push([left, right])
    for (const word of [...pairs.get(best)!.words]) {
      countPairs(pairs, word, -1)
      word.symbols = merged(word.symbols, left, right)
      countPairs(pairs, word, 1)
    }
  }
  return merges
}

function countPairs(pairs: Map<string, { total: number; words: Set<Word> }>, word: Word, sign: 1 | -1): void {
  for (let i = 0; i + 1 < word.symbols.length; i++) {
    const key = `${word.symbols[i]} ${word.symbols[i + 1]}`
    const pair = pairs.get(key) ?? { total: 0, words: new Set() }
    pairs.set(key, pair)
    pair.total += sign * word.count
    if (sign === 1) pair.words.add(word)
    else pair.words.delete(word)
    if (pair.total === 0) pairs.delete(key)
  }
}

/** The key of the pair that occurs most often, more than once. */
function mostFrequent(pairs: ReadonlyMap<string, { readonly total: number }>): string | undefined {
  let best: string | undefined
  let most = 1
  for (const [key, { total }] of pairs)
    if (total > most || (total === most && best !== undefined && key < best)) [best, most] = [key, total]
  return best
}

function merged(symbols: readonly string[], left: string, right: string): string[] {
  const out: string[] = []
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) {
      out.push(left + right)
      i++
    } else out.push(symbols[i]!)
  }
  return out
}
