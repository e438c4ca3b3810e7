// An automaton over the bytes of a reply that writes edit blocks: a block opens only behind the path of a file that it may edit, and its
// SEARCH part is lines that follow each other in that file, as many as it takes for them to stand there once. So no block can fail to
// match. Everything else is free. Made for masks of tokens, see grammar/token-masks.ts.

/** A file that blocks may edit; one without text is still to be made. */
export interface EditableFile {
  readonly path: string
  readonly text: string | undefined
}

/** Where a reply stands. Equal states may be different objects; the same bytes lead to the same one. */
export type EditState = FreeState | SearchState | ReplaceState

/** Lines of prose, paths among them. */
export interface FreeState {
  readonly kind: 'free'
  readonly line: FreeLine
  /** Whether blocks use to begin here: the line is the first, or behind an empty one or a block. */
  readonly open: boolean
  /** Index of the file that was named last, and how many lines ago that may still be, or none. */
  readonly file: number
  readonly left: number
}

/** What is known of the present line: nothing yet, the beginning of a path or of a marker, a whole path, or that it is neither. */
type FreeLine =
  | { readonly is: 'empty' | 'decorated' | 'prose' }
  | { readonly is: 'path'; readonly text: string }
  | { readonly is: 'named'; readonly file: number; readonly bare: boolean }
  | { readonly is: 'marker'; readonly length: number }
  /** A block is closed; only a new line may follow. */
  | { readonly is: 'closed'; readonly file: number }

export interface SearchState {
  readonly kind: 'search'
  readonly file: number
  /** Indices of the lines that the present one may be. */
  readonly lines: readonly number[]
  /** Bytes of the present line. */
  readonly offset: number
  /** Lines that are written, whether they stand in the file once, and the index of the line behind them if so. */
  readonly written: number
  readonly once: boolean
  readonly end: number
  /** Bytes of the marker that ends the part, if the present line may be that. */
  readonly divider: number
}

export interface ReplaceState {
  readonly kind: 'replace'
  readonly file: number
  /** The SEARCH part: lines `[first, end)` of the file. */
  readonly first: number
  readonly end: number
  /** Of the present line: equal characters at its start that may make a marker, and bytes of the closing one. */
  readonly line: 'empty' | 'text' | '<' | '=' | '>'
  readonly length: number
}

export const MARKERS = { search: '<<<<<<< SEARCH', divider: '=======', replace: '>>>>>>> REPLACE' } as const
/** So many equal characters at the start of a line are taken for a marker. */
const [MARKER_LEAST, MARKER_MOST] = [5, 9]
/** A path may stand so many lines above its block. */
const LINES_ABOVE = 3
/** From so many characters on, the beginning of a path is one, and no word. */
const CERTAIN = 5

const [NEWLINE, EQUALS, LESS, GREATER] = [10, 61, 60, 62]
const DECORATION = new Set(' \t#*`"\'@:'.split('').map(c => c.charCodeAt(0)))
const PATH_CHARACTER = /[\w\-./\\+@]/

interface Lines {
  readonly path: string
  /** Without line endings; undefined for a file that is still to be made. */
  readonly lines: readonly Uint8Array[] | undefined
  /** Whether a line may stand in a SEARCH part: it is not taken for a marker. */
  readonly usable: readonly boolean[]
  /** Where a SEARCH part may begin: usable lines that say something. */
  readonly starts: readonly number[]
}

/** Follows replies in which the given files may be edited. Structurally a ByteMatcher of grammar/matcher.ts. */
export class EditMatcher {
  readonly start: EditState
  readonly #files: readonly Lines[]
  /** By path, as bytes in a string of their own. */
  readonly #paths: readonly string[]
  readonly #free = new Map<string, FreeState>()
  readonly #next = new WeakMap<EditState, Map<number, EditState | undefined>>()

  constructor(files: readonly EditableFile[]) {
    this.#files = files.map(linesOf)
    this.#paths = files.map(({ path }) => byteString(path))
    this.start = this.#freeState({ is: 'empty' }, true, -1, 0)
  }

  /** The lines of a file, as bytes. */
  lines(file: number): readonly Uint8Array[] {
    return this.#files[file]!.lines ?? []
  }

  paths(): readonly string[] {
    return this.#files.map(({ path }) => path)
  }

  step(state: EditState, byte: number): EditState | undefined {
    const known = this.#next.get(state) ?? new Map<number, EditState | undefined>()
    if (known.size === 0) this.#next.set(state, known)
    if (known.has(byte)) return known.get(byte)
    const next = this.#step(state, byte)
    known.set(byte, next)
    return next
  }

  mayEnd(state: EditState): boolean {
    return state.kind === 'free' && !(state.line.is === 'marker' && state.line.length >= MARKER_LEAST)
  }

  /** In the middle of a line anything may follow but its end. */
  free(state: EditState): { ascii: Uint32Array; beyond: boolean; most: number } | undefined {
    const inText =
      state.kind === 'free' ? state.line.is === 'prose' : state.kind === 'replace' && state.line === 'text'
    return inText ? WITHIN_A_LINE : undefined
  }

  #step(state: EditState, byte: number): EditState | undefined {
    switch (state.kind) {
      case 'free':
        return this.#stepFree(state, byte)
      case 'search':
        return this.#stepSearch(state, byte)
      case 'replace':
        return this.#stepReplace(state, byte)
    }
  }

  #freeState(line: FreeLine, open: boolean, file: number, left: number): FreeState {
    const key = `${Object.values(line).join()};${open};${file};${left}`
    const state = this.#free.get(key) ?? { kind: 'free', line, open, file, left }
    this.#free.set(key, state)
    return state
  }

  #stepFree(state: FreeState, byte: number): EditState | undefined {
    const { line, open, file, left } = state
    const go = (line: FreeLine) => this.#freeState(line, open, file, left)
    if (line.is === 'closed')
      return byte === NEWLINE ? this.#freeState({ is: 'empty' }, true, line.file, LINES_ABOVE) : undefined
    if (
      line.is === 'marker' &&
      (line.length >= MARKER_LEAST || byte === MARKERS.search.charCodeAt(line.length))
    )
      return this.#stepMarker(state, line.length, byte)
    if (byte === NEWLINE) return this.#endFreeLine(state)
    if (line.is === 'empty' && byte === LESS) return go({ is: 'marker', length: 1 })
    if (line.is === 'empty' || line.is === 'decorated' || line.is === 'path') {
      const text = (line.is === 'path' ? line.text : '') + String.fromCharCode(byte)
      const whole = this.#paths.indexOf(text)
      if (this.#paths.some(path => path.length > text.length && path.startsWith(text)))
        return go({ is: 'path', text })
      if (whole >= 0) return go({ is: 'named', file: whole, bare: line.is === 'path' })
      if (line.is !== 'path') return go({ is: DECORATION.has(byte) ? 'decorated' : 'prose' })
      const named = this.#paths.indexOf(line.text)
      if (named >= 0 && DECORATION.has(byte)) return go({ is: 'named', file: named, bare: false })
      const certain = line.text.length >= CERTAIN || line.text.includes('/')
      const goesOn = PATH_CHARACTER.test(String.fromCharCode(byte)) || byte >= 0x80
      return open && certain && goesOn ? undefined : go({ is: 'prose' })
    }
    if (line.is === 'named' && DECORATION.has(byte)) return go({ ...line, bare: false })
    if (line.is === 'named' && line.bare && open && PATH_CHARACTER.test(String.fromCharCode(byte)))
      return undefined
    return go({ is: 'prose' })
  }

  /** A path may be the beginning of another one. */
  #nameOf(line: FreeLine): number {
    if (line.is === 'named') return line.file
    return line.is === 'path' ? this.#paths.indexOf(line.text) : -1
  }

  #endFreeLine({ line, file, left }: FreeState): FreeState {
    const named = this.#nameOf(line)
    if (named >= 0) return this.#freeState({ is: 'empty' }, false, named, LINES_ABOVE)
    if (line.is === 'empty') return this.#freeState(line, true, file, left)
    return left > 1
      ? this.#freeState({ is: 'empty' }, false, file, left - 1)
      : this.#freeState({ is: 'empty' }, false, -1, 0)
  }

  #stepMarker(state: FreeState, length: number, byte: number): EditState | undefined {
    const { file, open, left } = state
    const target = this.#files[file]
    const usable = target !== undefined && (target.lines === undefined || target.starts.length > 0)
    if (length + 1 >= MARKER_LEAST && !usable) return undefined
    if (length < MARKERS.search.length)
      return byte === MARKERS.search.charCodeAt(length)
        ? this.#freeState({ is: 'marker', length: length + 1 }, open, file, left)
        : undefined
    if (byte !== NEWLINE) return undefined
    return {
      kind: 'search',
      file,
      lines: target!.starts,
      offset: 0,
      written: 0,
      once: false,
      end: 0,
      divider: 0,
    }
  }

  #stepSearch(state: SearchState, byte: number): EditState | undefined {
    const { file, offset, written, end, divider } = state
    const { lines: all = [], usable } = this.#files[file]!
    if (byte === NEWLINE) {
      if (divider === MARKERS.divider.length)
        return { kind: 'replace', file, first: end - written, end, line: 'empty', length: 0 }
      const ends = state.lines.filter(i => all[i]!.length === offset).map(i => i + 1)
      if (ends.length === 0) return undefined
      const lines = ends.filter(i => usable[i])
      // Where nothing can tell the places apart any more, the block has to end all the same.
      const once = ends.length === 1 || lines.length === 0
      return { kind: 'search', file, lines, offset: 0, written: written + 1, once, end: ends[0]!, divider: 0 }
    }
    const lines = state.lines.filter(i => all[i]![offset] === byte)
    const dividing =
      byte === EQUALS && divider === offset && offset < MARKERS.divider.length && this.#mayDivide(state)
    if (lines.length === 0 && !dividing) return undefined
    return { ...state, lines, offset: offset + 1, divider: dividing ? divider + 1 : 0 }
  }

  /** Whether what is written stands in the file once; a file that is still to be made has an empty SEARCH part. */
  #mayDivide({ file, once }: SearchState): boolean {
    return this.#files[file]!.lines === undefined || once
  }

  #stepReplace(state: ReplaceState, byte: number): EditState | undefined {
    const { file, line, length } = state
    const go = (line: ReplaceState['line'], length: number): ReplaceState => ({ ...state, line, length })
    if (line === '>' && length >= MARKER_LEAST) {
      if (length === MARKERS.replace.length - 1 && byte === MARKERS.replace.charCodeAt(length))
        return this.#freeState({ is: 'closed', file }, false, file, LINES_ABOVE)
      return byte === MARKERS.replace.charCodeAt(length) ? go('>', length + 1) : undefined
    }
    if (byte === NEWLINE)
      return line === '=' && length >= MARKER_LEAST && length <= MARKER_MOST ? undefined : go('empty', 0)
    const sign = byte === LESS ? '<' : byte === EQUALS ? '=' : byte === GREATER ? '>' : undefined
    if (sign === undefined || (line !== 'empty' && line !== sign)) return go('text', 0)
    if (sign === '<' && length + 1 === MARKER_LEAST) return undefined
    return sign === '=' && length + 1 > MARKER_MOST ? go('text', 0) : go(sign, length + 1)
  }
}

/** All characters but line feeds. */
const WITHIN_A_LINE = { ascii: Uint32Array.of(~(1 << NEWLINE), ~0, ~0, ~0), beyond: true, most: 0xffff }

function linesOf({ path, text }: EditableFile): Lines {
  if (text === undefined) return { path, lines: undefined, usable: [], starts: [] }
  const written = text.split(/\r?\n/)
  if (written.at(-1) === '') written.pop()
  const usable = written.map(line => !isMarker(line))
  const starts = written.flatMap((line, i) => (usable[i] && line.trim() !== '' ? [i] : []))
  const encoder = new TextEncoder()
  return { path, lines: written.map(line => encoder.encode(line)), usable, starts }
}

/** Whether a reader of blocks may take a line for a marker, whatever its space around. */
function isMarker(line: string): boolean {
  return /^\s*(<{5,9}|={5,9}\s*$|>{5,9})/.test(line)
}

function byteString(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text))
}
