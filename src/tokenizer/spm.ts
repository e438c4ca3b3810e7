// SentencePiece BPE as LLaMA and Mistral files have it: pieces with scores, merged best score first, and bytes for
// what no piece covers. Knows no file format.
import type { EncodeOptions, Tokenizer } from './tokenizer.ts'

export interface SpmVocabulary {
  readonly pieces: readonly string[]
  readonly scores: ArrayLike<number>
  /** 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  readonly types: ArrayLike<number>
  readonly bos: number | undefined
  readonly unknown: number | undefined
  readonly addBos: boolean
  /** Texts begin with a space. */
  readonly addSpacePrefix: boolean
  readonly endOfGeneration: ReadonlySet<number>
}

const CONTROL = 3
const USER_DEFINED = 4
const BYTE = 6

export class SpmTokenizer implements Tokenizer {
  readonly #v: SpmVocabulary
  readonly #ids = new Map<string, number>()
  readonly #bytes = new Int32Array(256).fill(-1)
  /** Pieces that are found in the text before anything is merged, longest first. */
  readonly #added: { piece: string; id: number; special: boolean }[] = []

  constructor(vocabulary: SpmVocabulary) {
    this.#v = vocabulary
    vocabulary.pieces.forEach((piece, id) => {
      if (!this.#ids.has(piece)) this.#ids.set(piece, id)
      const type = vocabulary.types[id]
      if (type === BYTE) this.#bytes[Number.parseInt(piece.slice(1, -1), 16)] = id
      if (type === CONTROL || type === USER_DEFINED)
        this.#added.push({ piece, id, special: type === CONTROL })
    })
    this.#added.sort((a, b) => b.piece.length - a.piece.length)
  }

  get size(): number {
    return this.#v.pieces.length
  }

  get bos(): number | undefined {
    return this.#v.bos
  }

  get endOfGeneration(): ReadonlySet<number> {
    return this.#v.endOfGeneration
  }

  encode(text: string, { bos = false, special = false }: EncodeOptions = {}): number[] {
    const out: number[] = []
    if (bos && this.#v.addBos && this.#v.bos !== undefined) out.push(this.#v.bos)
    let afterAdded = true
    for (const part of this.#split(text, special)) {
      if (typeof part === 'number') out.push(part)
      else if (part.length > 0) this.#merge((afterAdded && this.#v.addSpacePrefix ? ' ' : '') + part, out)
      afterAdded = typeof part === 'number'
    }
    return out
  }

  decode(ids: readonly number[], options: { readonly special?: boolean } = {}): string {
    const decode = this.stream(options)
    return ids.map(id => decode(id)).join('') + decode()
  }

  stream({ special = false, continues = false } = {}): (id?: number) => string {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    let dropSpace = this.#v.addSpacePrefix && !continues
    return id => {
      if (id === undefined) return decoder.decode()
      const type = this.#v.types[id]
      if (type === CONTROL && !special) return ''
      const bytes = this.#bytesOf(id)
      const from = dropSpace && bytes[0] === 0x20 ? 1 : 0
      if (type !== CONTROL) dropSpace = false
      return decoder.decode(bytes.subarray(from), { stream: true })
    }
  }

  piece(id: number): string {
    return new TextDecoder().decode(this.#bytesOf(id))
  }

  #bytesOf(id: number): Uint8Array {
    const piece = this.#v.pieces[id] ?? ''
    if (this.#v.types[id] === BYTE) return Uint8Array.of(Number.parseInt(piece.slice(1, -1), 16))
    return new TextEncoder().encode(piece.replaceAll('▁', ' '))
  }

  /** Texts and the added tokens between them. */
  *#split(text: string, special: boolean): Generator<string | number> {
    let rest = text
    const added = this.#added.filter(token => special || !token.special)
    for (;;) {
      let [at, found] = [rest.length, undefined as { piece: string; id: number } | undefined]
      for (const token of added) {
        const index = rest.indexOf(token.piece)
        if (index >= 0 && index < at) [at, found] = [index, token]
      }
      yield rest.slice(0, at)
      if (!found) return
      yield found.id
      rest = rest.slice(at + found.piece.length)
    }
  }

  /** Merges the best-scored pair of neighbours, leftmost first among equals, until no pair is a piece. */
  #merge(text: string, out: number[]): void {
    const symbols = [...text.replaceAll(' ', '▁')]
    const next = symbols.map((_, i) => i + 1)
    const previous = symbols.map((_, i) => i - 1)
    const queue = new PairQueue()
    const offer = (left: number) => {
      const right = left >= 0 ? next[left]! : symbols.length
      if (left < 0 || right >= symbols.length) return
      const id = this.#ids.get(symbols[left]! + symbols[right]!)
      if (id !== undefined)
        queue.push(this.#v.scores[id]!, left, symbols[left]!.length + symbols[right]!.length)
    }
    for (let i = 0; i < symbols.length; i++) offer(i)
    for (let pair = queue.pop(); pair; pair = queue.pop()) {
      const { left, length } = pair
      const right = next[left]!
      if (symbols[left] === '' || right >= symbols.length) continue
      if (symbols[left]!.length + symbols[right]!.length !== length) continue
      symbols[left] += symbols[right]!
      symbols[right] = ''
      next[left] = next[right]!
      if (next[right]! < symbols.length) previous[next[right]!] = left
      offer(previous[left]!)
      offer(left)
    }
    for (let i = 0; i < symbols.length; i = next[i]!) this.#emit(symbols[i]!, out)
  }

  #emit(piece: string, out: number[]): void {
    const id = this.#ids.get(piece)
    if (id !== undefined) return void out.push(id)
    for (const byte of new TextEncoder().encode(piece)) {
      const byteId = this.#bytes[byte]!
      const fallback = byteId >= 0 ? byteId : this.#v.unknown
      if (fallback !== undefined) out.push(fallback)
    }
  }
}

interface Pair {
  readonly score: number
  readonly left: number
  /** Length of both symbols together, to see whether they are still what was offered. */
  readonly length: number
}

/** A heap: best score first, leftmost first among equals. */
class PairQueue {
  readonly #heap: Pair[] = []

  push(score: number, left: number, length: number): void {
    const heap = this.#heap
    const pair = { score, left, length }
    let at = heap.push(pair) - 1
    while (at > 0 && before(pair, heap[(at - 1) >> 1]!)) {
      heap[at] = heap[(at - 1) >> 1]!
      at = (at - 1) >> 1
    }
    heap[at] = pair
  }

  pop(): Pair | undefined {
    const heap = this.#heap
    const [top] = heap
    const last = heap.pop()
    if (heap.length === 0 || !last) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return top
  }
}

function before(a: Pair, b: Pair): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left)
}
