// The lines of a file, indexed by what they say: which of them a line that is being written may still become, and where runs of lines
// stand once.
import { splitLines } from './text-lines.ts'

/** Places in a file that lines which were written may stand at, in the order of what their present line says. */
export interface Places {
  /** Indices of lines. */
  readonly lines: Int32Array
  /** By index into `lines`, and one more: how many of those before it can become a run that stands once. */
  readonly viable: Int32Array
}

export class FileLines {
  readonly texts: readonly string[]
  /** UTF-8, without line endings. */
  readonly bytes: readonly Uint8Array[]
  /** Equal lines have equal numbers, and the numbers are in the order of the bytes. */
  readonly #ranks: Int32Array
  /** Whether a line may stand in a SEARCH part: it is not taken for a marker. */
  readonly #usable: readonly boolean[]
  #viable: Uint8Array | undefined
  #starts: Places | undefined

  constructor(text: string) {
    this.texts = splitLines(text).lines
    const encoder = new TextEncoder()
    const distinct = new Map<string, Uint8Array>()
    for (const line of this.texts) if (!distinct.has(line)) distinct.set(line, encoder.encode(line))
    const ranks = new Map<string, number>()
    for (const [line] of [...distinct].sort(([, a], [, b]) => compareBytes(a, b))) ranks.set(line, ranks.size)
    this.bytes = this.texts.map(line => distinct.get(line)!)
    this.#ranks = Int32Array.from(this.texts, line => ranks.get(line)!)
    this.#usable = this.texts.map(line => !isMarker(line))
  }

  /** Where a run may begin: usable lines that say something. */
  get starts(): Places {
    this.#starts ??= this.#places(
      this.texts.flatMap((line, i) => (this.#usable[i] && line.trim() !== '' ? [i] : [])),
      0,
    )
    return this.#starts
  }

  /** Where the lines behind those of `places[from .. to)` may be, for runs of `written` lines so far. */
  behind({ lines }: Places, from: number, to: number, written: number): Places {
    const next: number[] = []
    for (let i = from; i < to; i++) {
      const line = lines[i]! + 1
      if (this.#usable[line]) next.push(line)
    }
    return this.#places(next, written)
  }

  /** Of `places[from .. to)`, whose lines begin alike for `offset` bytes: the end of those that have no more. */
  endingAt({ lines }: Places, from: number, to: number, offset: number): number {
    return this.#first(lines, from, to, offset, 0)
  }

  /** Of `places[from .. to)`, whose lines begin alike for `offset` bytes: those that go on with `byte`, as a range. */
  goingOn({ lines }: Places, from: number, to: number, offset: number, byte: number): [number, number] {
    const first = this.#first(lines, from, to, offset, byte)
    return [first, this.#first(lines, first, to, offset, byte + 1)]
  }

  /** Whether all lines of `places[from .. to)` are the same. */
  alike({ lines }: Places, from: number, to: number): boolean {
    return this.#ranks[lines[from]!] === this.#ranks[lines[to - 1]!]
  }

  /** The first place whose byte at `offset` is at least this; lines that end there come before all others. */
  #first(lines: Int32Array, from: number, to: number, offset: number, byte: number): number {
    let [low, high] = [from, to]
    while (low < high) {
      const middle = (low + high) >> 1
      const line = this.bytes[lines[middle]!]!
      if (offset < line.length && line[offset]! >= byte) high = middle
      else low = middle + 1
    }
    return low
  }

  #places(indices: readonly number[], written: number): Places {
    this.#viable ??= this.#findViable()
    const lines = Int32Array.from(indices)
    const ranks = this.#ranks
    lines.sort((a, b) => ranks[a]! - ranks[b]! || a - b)
    const viable = new Int32Array(lines.length + 1)
    for (let i = 0; i < lines.length; i++) viable[i + 1] = viable[i]! + this.#viable[lines[i]! - written]!
    return { lines, viable }
  }

  /** By line: whether a run of usable lines from there on stands in the file once, if it is long enough. */
  #findViable(): Uint8Array {
    const count = this.texts.length
    const viable = new Uint8Array(count)
    const shared = longestRepeats(this.#ranks)
    let run = 0
    for (let i = count - 1; i >= 0; i--) {
      run = this.#usable[i] ? run + 1 : 0
      viable[i] = shared[i]! < run ? 1 : 0
    }
    return viable
  }
}

/** Whether a reader of blocks may take a line for a marker, whatever its space around. */
function isMarker(line: string): boolean {
  return /^\s*(<{5,9}|={5,9}\s*$|>{5,9})/.test(line)
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

/** By place: the most numbers from there on that stand somewhere else, too (suffixes sorted by doubling, then Kasai's heights). */
function longestRepeats(numbers: Int32Array): Int32Array {
  const count = numbers.length
  const sorted = Int32Array.from(numbers, (_, i) => i)
  let ranks = numbers
  for (let width = 1; ; width *= 2) {
    const behind = (i: number) => (i + width < count ? ranks[i + width]! : -1)
    const compare = (a: number, b: number) => ranks[a]! - ranks[b]! || behind(a) - behind(b)
    sorted.sort(compare)
    const finer = new Int32Array(count)
    let rank = 0
    for (let k = 0; k < count; k++) {
      if (k > 0 && compare(sorted[k - 1]!, sorted[k]!) !== 0) rank++
      finer[sorted[k]!] = rank
    }
    ranks = finer
    if (rank + 1 >= count) break
  }
  const repeats = new Int32Array(count)
  let height = 0
  for (let i = 0; i < count; i++) {
    if (ranks[i] === 0) {
      height = 0
      continue
    }
    const before = sorted[ranks[i]! - 1]!
    while (i + height < count && numbers[i + height] === numbers[before + height]) height++
    repeats[i] = Math.max(repeats[i]!, height)
    repeats[before] = Math.max(repeats[before]!, height)
    if (height > 0) height--
  }
  return repeats
}
