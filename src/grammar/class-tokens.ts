// Of the tokens below a node of a vocabulary's tree, those that go on with characters of one class: computed once for a class, so that
// masks need not go through them.
import type { Ranges } from './expression.ts'
import type { CharacterClass } from './matcher.ts'
import { BOUNDARY, bytesToCome, INVALID, utf8Step, type VocabularyTrie } from './vocabulary-trie.ts'

/** Lengths whose masks are kept. */
const KEPT = 64

export class ClassTokens {
  /** Nodes of the tree that begin a character outside of the class, behind nothing but characters of it. */
  readonly exits: Int32Array
  /** By exit: how many characters are before it. */
  readonly before: Uint16Array
  /** By number of characters: the nodes that begin one more of the class. */
  readonly further: readonly (readonly number[])[]
  /** Ids of the tokens that may begin a text of the class, those with fewer characters first. */
  readonly #ids: Int32Array
  /** By number of characters: where the tokens of more of them begin in `#ids`. */
  readonly #ends: readonly number[]
  readonly #words: number
  readonly #masks = new Map<number, Uint32Array>()

  constructor(trie: VocabularyTrie, root: number, { ascii, beyond, others }: CharacterClass) {
    this.#words = (trie.size + 31) >> 5
    const exits: number[] = []
    const before: number[] = []
    const further: number[][] = []
    const ids: number[][] = []
    const { byte, depth, end, firstToken, tokens } = trie
    /** By depth: the node of the present path, where it stands within a character, and the characters that are begun. */
    const path = new Int32Array(trie.deepest + 1)
    const utf8 = new Uint8Array(trie.deepest + 1)
    const begun = new Uint16Array(trie.deepest + 1)
    /** The same of a character beyond ASCII: its bits so far, and the least one of so many bytes. */
    const bits = new Uint32Array(trie.deepest + 1)
    const least = new Uint32Array(trie.deepest + 1)
    for (let node = root + 1; node < end[root]!; ) {
      const at = depth[node]!
      const value = byte[node]!
      const begins = utf8[at - 1] === BOUNDARY
      const within = value < 0x80 ? (ascii[value >> 5]! >>> (value & 31)) & 1 : beyond || others
      utf8[at] = utf8Step(utf8[at - 1]!, value)
      if (others && value >= 0x80) {
        bits[at] = begins ? leadingBits(value) : (bits[at - 1]! << 6) | (value & 0x3f)
        least[at] = begins ? (value < 0xe0 ? 0x80 : value < 0xf0 ? 0x800 : 0x10000) : least[at - 1]!
        const shift = 6 * bytesToCome(utf8[at]!)
        const first = Math.max(bits[at]! << shift, least[at]!)
        if (!overlaps(others, first, ((bits[at]! + 1) << shift) - 1)) {
          node = end[node]!
          continue
        }
      }
      if ((begins && !within) || utf8[at] === INVALID) {
        // What is no UTF-8 within a character leaves at the character's beginning.
        let first = at
        while (utf8[first - 1] !== BOUNDARY) first--
        exits.push(first === at ? node : path[first]!)
        before.push(begun[first - 1]!)
        node = end[node]!
        continue
      }
      path[at] = node
      begun[at] = begun[at - 1]! + (begins ? 1 : 0)
      if (begins) push(further, begun[at - 1]!, node)
      for (let i = firstToken[node]!; i < firstToken[node + 1]!; i++) push(ids, begun[at]!, tokens[i]!)
      node++
    }
    this.exits = Int32Array.from(exits)
    this.before = Uint16Array.from(before)
    this.further = further
    const lengths = Array.from(ids, some => some ?? [])
    this.#ids = Int32Array.from(lengths.flat())
    let count = 0
    this.#ends = lengths.map(some => {
      count += some.length
      return count
    })
  }

  /** The mask of those tokens that have at most so many characters, a last one that is cut off included. Not to be changed. */
  mask(most: number): Uint32Array {
    const length = Math.min(most, this.#ends.length - 1)
    const known = this.#masks.get(length)
    if (known) return known
    const mask = new Uint32Array(this.#words)
    for (let i = 0; i < (this.#ends[length] ?? 0); i++) {
      const id = this.#ids[i]!
      mask[id >> 5]! |= 1 << (id & 31)
    }
    if (this.#masks.size >= KEPT) this.#masks.delete(this.#masks.keys().next().value!)
    this.#masks.set(length, mask)
    return mask
  }
}

/** Bits of the character that the first of several bytes has. */
function leadingBits(byte: number): number {
  return byte & (byte < 0xe0 ? 0x1f : byte < 0xf0 ? 0x0f : 0x07)
}

/** Whether some character from `first` to `last` is in the ranges. */
function overlaps(ranges: Ranges, first: number, last: number): boolean {
  // The first range that does not end before.
  let [low, high] = [0, ranges.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ranges[middle]![1] < first) low = middle + 1
    else high = middle
  }
  return low < ranges.length && ranges[low]![0] <= last
}

function push(lists: number[][], at: number, value: number): void {
  const list = lists[at]
  if (list) list.push(value)
  else lists[at] = [value]
}
