// Follows a reply that writes edit blocks: what may come next, as an EditMatcher says it of files as they are with the blocks before,
// and what is likely to come, from the file under edit.
import { type EditableFile, EditMatcher, type EditState, MARKERS, type SearchState } from './edit-matcher.ts'
import { planBlocks } from './edit-plan.ts'

/** The block that is being written, once its SEARCH part is complete. */
interface OpenBlock {
  readonly file: number
  readonly search: readonly string[]
  /** The new lines, bytes so far. */
  readonly replace: number[]
  /** Bytes of its present line, and how many lines of the SEARCH part those before it stand for. */
  lineStart: number
  done: number
}

/** Bytes of a line that have to stand in an old one to tell where it goes on alike, at most. */
const MOST_ALIKE = 24
/** ... and at least. */
const LEAST_ALIKE = 2

/** Lines in a SEARCH part from which on it is likely to have more. */
const GROWN = 2

const NEWLINE = 10

export class EditFollower {
  #matcher: EditMatcher
  #state: EditState
  /** The matcher for the texts after a block that was closed. */
  #after: EditMatcher | undefined
  #block: OpenBlock | undefined

  constructor(files: readonly EditableFile[]) {
    this.#matcher = new EditMatcher(files)
    this.#state = this.#matcher.start
  }

  /** Another one after each block: texts have changed. */
  get matcher(): EditMatcher {
    return this.#matcher
  }

  get state(): EditState {
    return this.#state
  }

  /** Goes on behind some bytes; answers false where they may not come. */
  accept(bytes: Uint8Array): boolean {
    for (const byte of bytes) {
      const next = this.#matcher.step(this.#state, byte)
      if (!next) return false
      this.#take(byte, next)
    }
    if (this.#after && this.#state.kind === 'free') {
      this.#state = this.#after.like(this.#state)
      this.#matcher = this.#after
      this.#after = undefined
    }
    return true
  }

  #take(byte: number, state: EditState): void {
    const before = this.#state
    this.#state = state
    if (before.kind === 'search' && state.kind === 'replace')
      this.#block = { file: before.file, ...this.#searched(before), replace: [], lineStart: 0, done: 0 }
    else if (before.kind === 'replace' && this.#block) {
      this.#block.replace.push(byte)
      if (byte === NEWLINE) endLine(this.#block)
      if (state.kind === 'free') this.#close(this.#block)
    }
  }

  /** The SEARCH part, if it ends here. */
  #searched({ file, end, written }: SearchState): { search: readonly string[] } {
    return { search: this.#matcher.lines(file)?.texts.slice(end - written, end) ?? [] }
  }

  /** Makes the block's change, as who reads the reply will make it. */
  #close({ file, search, replace }: OpenBlock): void {
    const { path, text } = this.#matcher.files[file]!
    const lines = decode(replace).split(/\r?\n/).slice(0, -1)
    const { change } = planBlocks(text === undefined ? { kind: 'missing' } : { kind: 'text', text }, [
      { path, search, replace: lines, unclosed: false, line: 1 },
    ])
    this.#block = undefined
    if (change) this.#after = this.#matcher.with(file, change.after)
  }

  /** Text that is likely to follow, as far as can be told; it may be none. */
  likely(): string {
    const state = this.#state
    if (state.kind === 'search') return this.#likelySearch(state)
    if (state.kind === 'replace') {
      if (state.line === '>' && state.length > 1) return MARKERS.replace.slice(state.length)
      return this.#block ? likelyReplacement(this.#block) : ''
    }
    const { line } = state
    if (line.is === 'closed') return '\n'
    if (line.is === 'marker' && line.length > 2) return `${MARKERS.search.slice(line.length)}\n`
    if (line.is !== 'start') return ''
    if (line.lead === '' && line.text === '')
      return this.#matcher.expectsBlock(state) ? `${MARKERS.search}\n` : ''
    const [path, ...others] = this.#matcher.pathsLike(state)
    if (path === undefined || others.length > 0) return ''
    const rest = decode(new TextEncoder().encode(path).subarray(line.text.length))
    return line.lead === '' ? `${rest}\n${MARKERS.search}\n` : rest
  }

  #likelySearch(state: SearchState): string {
    const { file, places, from, to, offset, written, end, divider } = state
    const lines = this.#matcher.lines(file)
    if (!lines || from === to) {
      const { search } = this.#searched(state)
      const begun = { file, search, replace: [], lineStart: 0, done: 0 }
      return `${MARKERS.divider.slice(divider)}\n${lines ? likelyReplacement(begun) : ''}`
    }
    // Which line comes first nobody knows, nor whether a short part goes on: a model says it with the step before.
    const open = offset === 0 && (written === 0 ? to - from > 1 : end >= 0 && written < GROWN)
    if (open || !lines.alike(places, from, to)) return ''
    const at = places.lines[from]!
    const rest = decode(lines.bytes[at]!.subarray(offset))
    // A part that has grown goes on growing.
    const ahead = to - from === 1 ? lines.texts.slice(at + 1, at + 1 + written) : []
    return [rest, ...ahead, ''].join('\n')
  }
}

/** Tells which line of the SEARCH part is next, after one that was kept, changed or put in. */
function endLine(block: OpenBlock): void {
  const line = decode(block.replace.slice(block.lineStart, -1))
  block.lineStart = block.replace.length
  const kept = block.search.indexOf(line, block.done)
  if (kept >= 0) block.done = kept + 1
  else if (block.done < block.search.length && resembles(line, block.search[block.done]!)) block.done++
}

/** What follows in a REPLACE part if it goes on like the lines that it stands for. */
function likelyReplacement({ search, replace, lineStart, done }: OpenBlock): string {
  const line = decode(replace.slice(lineStart))
  const same = search.findIndex((old, i) => i >= done && old.startsWith(line))
  const next = same >= 0 ? same : done
  const old = search[next]
  if (old === undefined) return line === '' ? MARKERS.replace : ''
  const rest = same >= 0 ? old.slice(line.length) : restAlike(line, old)
  if (rest === undefined) return ''
  return [rest, ...search.slice(next + 1), MARKERS.replace].join('\n')
}

/** How a line ends that began unlike an old one and by now reads as that one does further on; undefined where it does not. */
function restAlike(line: string, old: string): string | undefined {
  const common = commonStart(line, old)
  const most = Math.min(MOST_ALIKE, line.length - common)
  for (let length = most; length >= LEAST_ALIKE; length--) {
    const at = old.indexOf(line.slice(-length), common)
    if (at >= 0) return old.slice(at + length)
  }
  return undefined
}

/** Whether a line is more likely another one changed than a new one. */
function resembles(line: string, old: string): boolean {
  const start = commonStart(line, old)
  const most = Math.min(line.length, old.length) - start
  let end = 0
  while (end < most && line.at(-1 - end) === old.at(-1 - end)) end++
  return 2 * (start + end) >= Math.max(line.length, old.length)
}

function commonStart(a: string, b: string): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}

function decode(bytes: Uint8Array | readonly number[]): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes))
}
