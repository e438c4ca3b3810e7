// The tokens of a vocabulary as a tree of their bytes, so that tokens which begin alike are looked at together.
import { ClassTokens } from './class-tokens.ts'
import type { CharacterClass, FreeText } from './matcher.ts'

/** States of a reader of UTF-8; the numbers up to 3 are bytes that are still to come. */
export const BOUNDARY = 0
/** After bytes that narrow the next one down: no overlong forms, no surrogates, nothing above U+10FFFF. */
const [AFTER_E0, AFTER_ED, AFTER_F0, AFTER_F4] = [4, 5, 6, 7]
export const INVALID = 8

const CLASSES_KEPT = 64
/** Nodes of a large subtree. */
const LARGE = 10_000

/**
 * Nodes are numbered from the root, 0, so that a node's subtree is `node .. end[node] - 1`, and the tokens of a subtree
 * lie together in `tokens`. Tokens without bytes are not in it.
 */
export class VocabularyTrie {
  /** Ids in the vocabulary, those that are not in the tree included. */
  readonly size: number
  /** By node: its byte, behind that of its parent. */
  readonly byte: Uint8Array
  /** By node: bytes from the root. */
  readonly depth: Uint16Array
  /** By node: the first node that is not in its subtree. */
  readonly end: Int32Array
  /** By node: the most bytes that follow it. */
  readonly height: Uint16Array
  /** By node: where its tokens begin in `tokens`; they end where those of the next node begin. */
  readonly firstToken: Int32Array
  /** Ids, by node. */
  readonly tokens: Int32Array
  /** Of each node, what is below it: which ASCII characters (four words a node). */
  readonly #ascii: Uint32Array
  /** Of each node: characters beyond ASCII are below it. */
  readonly #beyond: Uint8Array
  /** Of each node: a character ends with it, and below it is nothing that UTF-8 has not. */
  readonly #sound: Uint8Array
  /** Of each node: the most characters that begin below it. */
  readonly #characters: Uint16Array

  readonly #classes = new Map<string, ClassTokens>()

  /** Bytes of the longest token. */
  readonly deepest: number
  readonly #large: number

  /** `large`: nodes of a subtree for which `tokensOf` is worth it. `bytesOf` says what an id in 0 .. `size` - 1 adds to a text; undefined for tokens that are no text. */
  constructor(size: number, bytesOf: (id: number) => Uint8Array | undefined, large = LARGE) {
    this.size = size
    this.#large = large
    const links = new Links(size, bytesOf)
    const count = links.count
    this.byte = new Uint8Array(count)
    this.depth = new Uint16Array(count)
    this.end = new Int32Array(count)
    this.height = new Uint16Array(count)
    this.firstToken = new Int32Array(count + 1)
    this.tokens = new Int32Array(links.tokenCount)
    this.#number(links)
    this.deepest = this.depth.reduce((most, depth) => Math.max(most, depth), 0)
    this.#ascii = new Uint32Array(4 * count)
    this.#beyond = new Uint8Array(count)
    this.#sound = new Uint8Array(count)
    this.#characters = new Uint16Array(count)
    this.#describe()
  }

  get nodes(): number {
    return this.byte.length
  }

  /** Whether everything below a node may follow `text` freely. The node itself is already read. */
  covers(node: number, { ascii, beyond, most }: FreeText): boolean {
    if (this.#sound[node] === 0 || this.#characters[node]! > most) return false
    if (!beyond && this.#beyond[node] === 1) return false
    const at = 4 * node
    const below = this.#ascii
    return (
      ((below[at]! & ~ascii[0]!) |
        (below[at + 1]! & ~ascii[1]!) |
        (below[at + 2]! & ~ascii[2]!) |
        (below[at + 3]! & ~ascii[3]!)) ===
      0
    )
  }

  /** Tokens that begin with these bytes and go on. */
  idsBehind(bytes: Uint8Array): Int32Array {
    let node = 0
    for (const byte of bytes) {
      const last = this.end[node]!
      node++
      while (node < last && this.byte[node] !== byte) node = this.end[node]!
      if (node >= last) return new Int32Array()
    }
    return this.tokens.subarray(this.firstToken[node + 1], this.firstToken[this.end[node]!])
  }

  /** Whether there is so much below a node that it is worth having `tokensOf` it. */
  isLarge(node: number): boolean {
    return this.end[node]! - node >= this.#large
  }

  /** The tokens below a node that are made of a class of characters from there on. */
  tokensOf(node: number, { ascii, beyond, others }: CharacterClass): ClassTokens {
    const key = `${node},${ascii.join()},${beyond},${others?.join()}`
    const known = this.#classes.get(key)
    if (known) return known
    const made = new ClassTokens(this, node, { ascii, beyond, others })
    if (this.#classes.size >= CLASSES_KEPT) this.#classes.delete(this.#classes.keys().next().value!)
    this.#classes.set(key, made)
    return made
  }

  /** Computes ahead what masks of texts with this class of characters need. */
  prepare(characters: CharacterClass): void {
    for (let node = 0; node < this.nodes; node = this.isLarge(node) ? node + 1 : this.end[node]!)
      if (this.isLarge(node)) this.tokensOf(node, characters)
  }

  /** Puts the nodes in order: a node, then its subtree. */
  #number(links: Links): void {
    const { byte, depth, end, firstToken, tokens } = this
    /** Nodes as linked whose subtrees are not complete, and their numbers here. */
    const path: number[] = []
    const numbers: number[] = []
    let token = 0
    let number = 0
    for (let node = 0; node >= 0; ) {
      byte[number] = links.byte[node]!
      depth[number] = path.length
      firstToken[number] = token
      for (let id = links.token[node]!; id >= 0; id = links.nextToken[id]!) tokens[token++] = id
      path.push(node)
      numbers.push(number++)
      node = links.child[node]!
      while (node < 0 && path.length > 0) {
        end[numbers.pop()!] = number
        node = links.sibling[path.pop()!]!
      }
    }
    firstToken[number] = token
  }

  /** Fills in what is below each node, from the leaves up. */
  #describe(): void {
    const { byte, depth, end } = this
    const count = this.nodes
    const utf8 = new Uint8Array(count)
    const path = new Int32Array(this.deepest + 1)
    const parent = new Int32Array(count)
    for (let node = 1; node < count; node++) {
      parent[node] = path[depth[node]! - 1]!
      path[depth[node]!] = node
      utf8[node] = utf8Step(utf8[parent[node]!]!, byte[node]!)
    }
    // Until a node has been seen, this says whether something below it is not UTF-8.
    const unsound = this.#sound
    for (let node = count - 1; node > 0; node--) {
      const above = parent[node]!
      const value = byte[node]!
      this.height[above] = Math.max(this.height[above]!, this.height[node]! + 1)
      for (let word = 0; word < 4; word++) this.#ascii[4 * above + word]! |= this.#ascii[4 * node + word]!
      if (value < 0x80) this.#ascii[4 * above + (value >> 5)]! |= 1 << (value & 31)
      if (value >= 0x80 || this.#beyond[node] === 1) this.#beyond[above] = 1
      const begun = this.#characters[node]! + ((value & 0xc0) === 0x80 ? 0 : 1)
      if (begun > this.#characters[above]!) this.#characters[above] = begun
      if (utf8[node] === INVALID || unsound[node] === 1) unsound[above] = 1
      this.#sound[node] = unsound[node] === 0 && utf8[node] === BOUNDARY && end[node]! > node + 1 ? 1 : 0
    }
    this.#sound[0] = 1 - unsound[0]!
  }
}

/** The tree while it grows: lists of children, found through a table of hashes. */
class Links {
  count = 1
  tokenCount = 0
  byte = new Uint8Array(1 << 16)
  /** By node: its latest child, and the child of its parent that came before it; or -1. */
  child = new Int32Array(1 << 16).fill(-1)
  sibling = new Int32Array(1 << 16).fill(-1)
  /** By node: its latest token, or -1. */
  token = new Int32Array(1 << 16).fill(-1)
  /** By id: the token of the same bytes that came before it. */
  readonly nextToken: Int32Array
  /** By hash: a parent and a byte, and the child behind them. */
  #keys = new Float64Array(1 << 17).fill(-1)
  #children = new Int32Array(1 << 17)

  constructor(size: number, bytesOf: (id: number) => Uint8Array | undefined) {
    this.nextToken = new Int32Array(size).fill(-1)
    for (let id = 0; id < size; id++) {
      const bytes = bytesOf(id)
      if (!bytes || bytes.length === 0 || bytes.length >= 1 << 16) continue
      let node = 0
      for (let i = 0; i < bytes.length; i++) node = this.#childOf(node, bytes[i]!)
      this.nextToken[id] = this.token[node]!
      this.token[node] = id
      this.tokenCount++
    }
  }

  #childOf(parent: number, byte: number): number {
    const key = parent * 256 + byte
    let slot = this.#slot(key)
    if (this.#keys[slot] === key) return this.#children[slot]!
    if (this.count === this.byte.length) this.#growNodes()
    if (2 * this.count > this.#keys.length) {
      this.#growTable()
      slot = this.#slot(key)
    }
    const node = this.count++
    this.byte[node] = byte
    this.sibling[node] = this.child[parent]!
    this.child[parent] = node
    this.#keys[slot] = key
    this.#children[slot] = node
    return node
  }

  #slot(key: number): number {
    const mask = this.#keys.length - 1
    // Fibonacci hashing over both halves of the key.
    let slot = (Math.imul(key | 0, 0x9e3779b1) ^ Math.imul((key / 65536) | 0, 0x85ebca6b)) & mask
    while (this.#keys[slot] !== -1 && this.#keys[slot] !== key) slot = (slot + 1) & mask
    return slot
  }

  #growTable(): void {
    const [keys, children] = [this.#keys, this.#children]
    this.#keys = new Float64Array(2 * keys.length).fill(-1)
    this.#children = new Int32Array(2 * keys.length)
    keys.forEach((key, i) => {
      if (key < 0) return
      const slot = this.#slot(key)
      this.#keys[slot] = key
      this.#children[slot] = children[i]!
    })
  }

  #growNodes(): void {
    const length = 2 * this.byte.length
    const grown = (old: Int32Array) => {
      const array = new Int32Array(length).fill(-1)
      array.set(old)
      return array
    }
    const bytes = new Uint8Array(length)
    bytes.set(this.byte)
    this.byte = bytes
    this.child = grown(this.child)
    this.sibling = grown(this.sibling)
    this.token = grown(this.token)
  }
}

/** Bytes that a character still needs in a state of the reader; 0 where it is none. */
export function bytesToCome(state: number): number {
  return state <= 3 ? state : state <= AFTER_ED ? 2 : state < INVALID ? 3 : 0
}

/** RFC 3629, section 4. */
export function utf8Step(state: number, byte: number): number {
  const continues = byte >= 0x80 && byte <= 0xbf
  switch (state) {
    case BOUNDARY:
      if (byte < 0x80) return BOUNDARY
      if (byte < 0xc2 || byte > 0xf4) return INVALID
      if (byte < 0xe0) return 1
      if (byte < 0xf0) return byte === 0xe0 ? AFTER_E0 : byte === 0xed ? AFTER_ED : 2
      return byte === 0xf0 ? AFTER_F0 : byte === 0xf4 ? AFTER_F4 : 3
    case AFTER_E0:
      return continues && byte >= 0xa0 ? 1 : INVALID
    case AFTER_ED:
      return continues && byte < 0xa0 ? 1 : INVALID
    case AFTER_F0:
      return continues && byte >= 0x90 ? 2 : INVALID
    case AFTER_F4:
      return continues && byte < 0x90 ? 2 : INVALID
    case INVALID:
      return INVALID
    default:
      return continues ? state - 1 : INVALID
  }
}
