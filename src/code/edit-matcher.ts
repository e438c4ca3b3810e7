// An automaton over the bytes of a reply that writes edit blocks: a block opens only behind the path of a file that it may edit, and its
// SEARCH part is lines that follow each other in that file, as many as it takes for them to stand there once. So no block can fail to
// match. Everything else is free. Made for masks of tokens, see grammar/token-masks.ts; what it lets through, edit-block.ts reads.
import { FileLines, type Places } from './file-lines.ts'

/** A file that blocks may edit; one without text is still to be made. */
export interface EditableFile {
  readonly path: string
  readonly text: string | undefined
  /** The path of the file itself, where `path` is another name for it. */
  readonly of?: string | undefined
}

/** Where a reply stands. The same bytes lead to the same object. */
export type EditState = FreeState | SearchState | ReplaceState

/** Lines of prose, paths among them. */
export interface FreeState {
  readonly kind: 'free'
  readonly line: FreeLine
  readonly open: Open
  /** Index of the file that a block would edit now, or -1, and for how many more lines that have something in them. */
  readonly file: number
  readonly left: number
}

/** Where blocks use to begin: with the first line of a reply or behind a block, or behind an empty line. */
type Open = 'begin' | 'empty' | 'no'

/** What is known of the present line. */
type FreeLine =
  /** What may be the beginning of a path, behind decoration. */
  | { readonly is: 'start'; readonly lead: Lead; readonly text: string }
  /** A whole path, and what may stand around one. */
  | { readonly is: 'named'; readonly file: number; readonly fenced: boolean }
  /** A fence, and the name of a language. */
  | { readonly is: 'fence' }
  /** Words with letters in it, as far as they count; -1: it may always be read as a path. */
  | { readonly is: 'prose'; readonly words: number; readonly inWord: boolean }
  | { readonly is: 'marker'; readonly length: number }
  /** A block is closed; only a new line may follow. */
  | { readonly is: 'closed' }

/**
 * What is before a path: nothing, space, backticks that may become a fence, any decoration; `@` has no more behind it. Three dashes and
 * angles may be read as a marker, and behind angles there is no path, nor behind what may be space beyond ASCII (`~`).
 */
type Lead = '' | ' ' | '`' | '``' | '```' | '*' | '@' | '-' | '--' | '---' | '<' | '<<' | '<<<' | '~'

export interface SearchState {
  readonly kind: 'search'
  readonly file: number
  /** Where the present line may be: `places[from .. to)`. */
  readonly places: Places
  readonly from: number
  readonly to: number
  /** Bytes of the present line. */
  readonly offset: number
  /** Lines that are written, and the index of the line behind them if they stand in the file once, or -1. */
  readonly written: number
  readonly end: number
  /** Bytes of the marker that ends the part, if the present line may be that. */
  readonly divider: number
}

export interface ReplaceState {
  readonly kind: 'replace'
  readonly file: number
  /** Of the present line: equal characters at its start that may make a marker, and bytes of the closing one; or space behind them. */
  readonly line: 'empty' | 'text' | '<' | '=' | '>' | 'divider'
  readonly length: number
}

export const MARKERS = { search: '<<<<<<< SEARCH', divider: '=======', replace: '>>>>>>> REPLACE' } as const
/** So many equal characters at the start of a line are taken for a marker. */
const [MARKER_LEAST, MARKER_MOST] = [5, 9]
/** Where no block may open, a line does not even begin like its marker: from so many characters on. */
const MARKER_BEGUN = 3
/** A path may stand so many lines above its block. */
const LINES_ABOVE = 3
/** Blocks that follow each other need no path. */
const STICKY = LINES_ABOVE + 1
/** From so many characters on, the beginning of a path is one, and no word. */
const CERTAIN = 5
/** Of words with letters, a reader takes one for a label before a path and two for a note behind it; no path has two. */
const SURELY_PROSE = 5

const [NEWLINE, EQUALS, LESS, GREATER] = [10, 61, 60, 62]
const [SPACE, DECORATION, TRAILING] = [/[ \t\r\v\f]/, /[#*>+`"']/, /[*`"':]/]
/** How words begin that make a marker of dashes and angles, and space beyond ASCII. */
const MARKER_WORD = /[so\x80-\xff]/i
/** The name of a language behind a fence. */
const [INFO, INFO_CHARACTER] = [/^\w[\w+#-]*$/, /[\w+#-]/]
/** Bytes as characters. */
const [LETTER, SMALL] = [/[A-Za-z]/, /^[a-z]/]
/** A path that can be told from decoration around it. */
const PLAIN = /^[\p{L}\p{N}_./](?:\S*[^\s*`"':])?$/u
const NOWHERE: Places = { lines: new Int32Array(0), viable: new Int32Array(1) }

/** Follows replies in which the given files may be edited. A ByteMatcher of grammar/matcher.ts. */
export class EditMatcher {
  readonly start: EditState
  readonly files: readonly EditableFile[]
  /** By file; undefined where the SEARCH part is empty: the file is still to be made, or has nothing in it. */
  readonly #lines: readonly (FileLines | undefined)[]
  /** As bytes, each a character. */
  readonly #paths: readonly string[]
  readonly #plain: readonly boolean[]
  /** Whether a path may have several words: then no line is surely prose. */
  readonly #spaced: boolean
  readonly #states = new Map<string, EditState>()
  readonly #next = new WeakMap<EditState, Map<number, EditState>>()

  /** `before` has the same files; what it knows of those whose text is the same is used again. */
  constructor(files: readonly EditableFile[], before?: EditMatcher) {
    this.files = files
    this.#lines = files.map(({ text }, i) => {
      if (!text) return undefined
      return before && before.files[i]?.text === text ? before.#lines[i] : new FileLines(text)
    })
    // What no line can hold alone is never written.
    const written = files.map(({ path }) => (path === path.trim() && !/[\r\n]/.test(path) ? path : '\n'))
    this.#paths = written.map(path => String.fromCharCode(...new TextEncoder().encode(path)))
    this.#plain = written.map(path => PLAIN.test(path))
    this.#spaced = written.some(path => /[^\S\n]/.test(path))
    this.start = this.#free(FRESH, 'begin', -1, 0)
  }

  /** The same files with another text in one of them, by all its names. */
  with(file: number, text: string | undefined): EditMatcher {
    const own = ({ path, of = path }: EditableFile) => of
    const changed = own(this.files[file]!)
    return new EditMatcher(
      this.files.map(one => (own(one) === changed ? { ...one, text } : one)),
      this,
    )
  }

  /** The state that is to this automaton what `state` was to one with other texts. */
  like({ line, open, file, left }: FreeState): EditState {
    return this.#free(line, open, file, left)
  }

  lines(file: number): FileLines | undefined {
    return this.#lines[file]
  }

  /** The paths that a line which begins like this may become, as text. */
  pathsLike(state: FreeState): readonly string[] {
    const { line, open } = state
    if (line.is !== 'start' || open === 'no' || !(isCertain(line.text) || this.#beginsPath(state))) return []
    return this.#pathsBehind(line.lead, line.text).map(i => this.files[i]!.path)
  }

  /** Whether a path was named that waits for its block. */
  expectsBlock({ file, left }: FreeState): boolean {
    return file >= 0 && left < STICKY
  }

  step(state: EditState, byte: number): EditState | undefined {
    const known = this.#next.get(state)
    const found = known?.get(byte)
    if (found) return found
    const next = this.#step(state, byte)
    if (!next) return undefined
    if (known) known.set(byte, next)
    else this.#next.set(state, new Map([[byte, next]]))
    return next
  }

  mayEnd(state: EditState): boolean {
    if (state.kind !== 'free' || this.#beginsPath(state)) return false
    return !(state.line.is === 'marker' && state.line.length >= MARKER_LEAST)
  }

  /** In the middle of a line anything may follow but its end. */
  free(state: EditState): FreeLineText | undefined {
    if (state.kind === 'replace') return state.line === 'text' ? LINE_TEXT : undefined
    if (state.kind === 'search' || state.line.is !== 'prose') return undefined
    // While words are counted, the state depends on what is written.
    const { words } = state.line
    return words < 0 || words === SURELY_PROSE ? LINE_TEXT : COUNTED_LINE_TEXT
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

  #free(line: FreeLine, open: Open, file: number, left: number): FreeState {
    return this.#interned({ kind: 'free', line, open, file, left }, Object.values(line).join())
  }

  #replace(file: number, line: ReplaceState['line'], length: number): ReplaceState {
    return this.#interned({ kind: 'replace', file, line, length }, '')
  }

  #interned<State extends FreeState | ReplaceState>(state: State, more: string): State {
    const key = `${Object.values(state).join()};${more}`
    const known = this.#states.get(key)
    if (known) return known as State
    this.#states.set(key, state)
    return state
  }

  #stepFree(state: FreeState, byte: number): EditState | undefined {
    const { line, open, file, left } = state
    if (line.is === 'closed') return byte === NEWLINE ? this.#free(FRESH, 'begin', file, STICKY) : undefined
    if (line.is === 'marker') {
      if (line.length >= MARKER_LEAST || byte === MARKERS.search.charCodeAt(line.length))
        return this.#stepMarker(state, line.length, byte)
      if (byte === NEWLINE) return this.#endLine(state)
      const lead = line.length === 1 ? '<' : line.length === 2 ? '<<' : '<<<'
      return this.#stepFree(this.#free({ is: 'start', lead, text: '' }, open, file, left), byte)
    }
    if (byte === NEWLINE) return this.#beginsPath(state) ? undefined : this.#endLine(state)
    if (line.is === 'start' && line.lead === '' && line.text === '' && byte === LESS)
      return this.#free({ is: 'marker', length: 1 }, open, file, left)
    const next = this.#stepLine(state, String.fromCharCode(byte))
    return next && this.#free(next, open, file, left)
  }

  #stepLine(state: FreeState, byte: string): FreeLine | undefined {
    const { line, open } = state
    switch (line.is) {
      case 'start': {
        const marks = line.text === '' && (line.lead === '---' || line.lead === '<<<')
        if (marks && MARKER_WORD.test(byte)) return undefined
        const next = this.#stepStart(line.lead, line.text, byte)
        if (next) return next
        // Where blocks begin, small letters begin a path; elsewhere nobody means another path that begins like one of these.
        if (open === 'begin' && isBare(line.lead) && SMALL.test(line.text + byte)) return undefined
        if (open !== 'no' && isCertain(line.text) && !SPACE.test(byte)) return undefined
        return this.#prose(state, line.text, byte, line.lead === '```')
      }
      case 'named': {
        const plain = this.#plain[line.file]! && !line.fenced
        if (SPACE.test(byte) || (plain && TRAILING.test(byte))) return line
        return this.#prose(state, this.#paths[line.file]!, byte, line.fenced)
      }
      case 'fence':
        return INFO_CHARACTER.test(byte) ? line : this.#prose(state, '', byte, true)
      case 'prose': {
        const { words, inWord } = line
        if (words < 0 || words === SURELY_PROSE) return line
        if (SPACE.test(byte)) return { ...line, inWord: false }
        return inWord || !LETTER.test(byte) ? line : prose(words + 1)
      }
      case 'marker':
      case 'closed':
        return undefined
    }
  }

  /** Where a line stands that may still become a path: one alone on it as it is, or a plain one with decoration around. */
  #stepStart(lead: Lead, text: string, byte: string): FreeLine | undefined {
    const longer = text + byte
    if (this.#pathsBehind(lead, longer).length > 0) return { is: 'start', lead, text: longer }
    const file = this.#pathsBehind(lead, text).find(i => this.#paths[i] === text)
    const fenced = lead === '```'
    if (file !== undefined && (SPACE.test(byte) || (this.#plain[file] && !fenced && TRAILING.test(byte))))
      return { is: 'named', file, fenced }
    if (text === '') {
      const next = leadBehind(lead, byte)
      if (next !== undefined) return { is: 'start', lead: next, text: '' }
    } else if (isBare(lead)) {
      // A path that is not plain may begin as decoration does.
      let again: FreeLine | undefined = { is: 'start', lead: leadBehind(lead, text[0]!) ?? '', text: '' }
      if (again.lead === '') return undefined
      for (const one of longer.slice(1))
        again = again?.is === 'start' ? this.#stepStart(again.lead, again.text, one) : undefined
      return again
    }
    return fenced && INFO.test(longer) ? { is: 'fence' } : undefined
  }

  /** Files whose path begins with `text`, where it may stand behind `lead`. */
  #pathsBehind(lead: Lead, text: string): number[] {
    if (lead.startsWith('<') || lead === '~') return []
    return this.#paths.flatMap((path, i) =>
      path.startsWith(text) && (isBare(lead) || (this.#plain[i] && !(lead === '```' && /[:=]/.test(path))))
        ? [i]
        : [],
    )
  }

  /** A line that is none of a path, behind `text`: prose, as far as a reader would not see a path in it. */
  #prose({ file }: FreeState, text: string, byte: string, fenced = false): FreeLine {
    if (file < 0 || this.#spaced || fenced || /^[~`]/.test(text + byte)) return prose(-1)
    return LETTER.test(text + byte) ? prose(1) : { is: 'prose', words: 0, inWord: false }
  }

  #endLine({ line, open, file, left }: FreeState): FreeState {
    const named = this.#named(line)
    if (named >= 0) return this.#free(FRESH, 'no', named, LINES_ABOVE)
    const start = line.is === 'start' ? line : undefined
    if (start?.text === '' && isBare(start.lead))
      return this.#free(FRESH, open === 'begin' ? open : 'empty', file, left)
    const surelyNone =
      line.is === 'fence' ||
      (start && (start.text === '' || (start.lead === '```' && INFO.test(start.text)))) ||
      (line.is === 'prose' && line.words === SURELY_PROSE)
    if (surelyNone && left === STICKY) return this.#free(FRESH, 'no', file, left)
    return surelyNone && left > 1 ? this.#free(FRESH, 'no', file, left - 1) : this.#free(FRESH, 'no', -1, 0)
  }

  /** Whether a path has begun that has to go on. */
  #beginsPath({ line, open }: FreeState): boolean {
    if (line.is !== 'start' || open !== 'begin' || !isBare(line.lead)) return false
    return SMALL.test(line.text) && this.#named(line) < 0
  }

  #named(line: FreeLine): number {
    if (line.is === 'named') return line.file
    if (line.is !== 'start' || line.text === '') return -1
    return this.#pathsBehind(line.lead, line.text).find(i => this.#paths[i] === line.text) ?? -1
  }

  #stepMarker({ file, open, left }: FreeState, length: number, byte: number): EditState | undefined {
    const lines = this.#lines[file]
    const starts = lines?.starts ?? NOWHERE
    const usable = file >= 0 && (!lines || starts.viable.at(-1)! > 0)
    if (length + 1 >= MARKER_BEGUN && !usable) return undefined
    if (length < MARKERS.search.length)
      return byte === MARKERS.search.charCodeAt(length)
        ? this.#free({ is: 'marker', length: length + 1 }, open, file, left)
        : undefined
    if (byte !== NEWLINE) return undefined
    const [from, to] = [0, starts.lines.length]
    // A part that has to be empty is complete.
    return {
      ...{ kind: 'search', file, places: starts, from, to, offset: 0, written: 0 },
      ...{ end: lines ? -1 : 0, divider: 0 },
    }
  }

  #stepSearch(state: SearchState, byte: number): EditState | undefined {
    const { file, places, from, to, offset, written, end, divider } = state
    const lines = this.#lines[file]
    if (byte === NEWLINE) {
      if (divider === MARKERS.divider.length) return this.#replace(file, 'empty', 0)
      const ended = lines?.endingAt(places, from, to, offset) ?? from
      if (!lines || places.viable[ended] === places.viable[from]) return undefined
      const next = lines.behind(places, from, ended, written + 1)
      return {
        ...{ kind: 'search', file, places: next, from: 0, to: next.lines.length, offset: 0 },
        ...{ written: written + 1, end: ended - from === 1 ? places.lines[from]! + 1 : -1, divider: 0 },
      }
    }
    const [first, last] = lines?.goingOn(places, from, to, offset, byte) ?? [from, from]
    const alive = places.viable[last]! > places.viable[first]!
    const dividing = byte === EQUALS && divider === offset && offset < MARKERS.divider.length && end >= 0
    if (!alive && !dividing) return undefined
    return {
      ...state,
      ...{ from: first, to: alive ? last : first, offset: offset + 1, divider: dividing ? divider + 1 : 0 },
    }
  }

  #stepReplace({ file, line, length }: ReplaceState, byte: number): EditState | undefined {
    const go = (line: ReplaceState['line'], length: number) => this.#replace(file, line, length)
    if (line === '>' && length >= MARKER_LEAST) {
      if (byte !== MARKERS.replace.charCodeAt(length)) return undefined
      return length + 1 < MARKERS.replace.length
        ? go('>', length + 1)
        : this.#free({ is: 'closed' }, 'no', file, STICKY)
    }
    const divides = line === 'divider' || (line === '=' && length >= MARKER_LEAST)
    if (byte === NEWLINE) return divides ? undefined : go('empty', 0)
    if (divides && byte !== EQUALS) {
      // What stands behind a marker must not be space of any kind.
      if (byte >= 0x80) return undefined
      return /\s/.test(String.fromCharCode(byte)) ? go('divider', 0) : go('text', 0)
    }
    const sign = byte === LESS ? '<' : byte === EQUALS ? '=' : byte === GREATER ? '>' : undefined
    if (sign === undefined || (line !== 'empty' && line !== sign)) return go('text', 0)
    if (sign === '<' && length + 1 === MARKER_LEAST) return undefined
    return sign === '=' && length + 1 > MARKER_MOST ? go('text', 0) : go(sign, length + 1)
  }
}

/** A FreeText of grammar/matcher.ts. */
interface FreeLineText {
  readonly ascii: Uint32Array
  readonly beyond: boolean
  readonly most: number
  readonly uniform: boolean
}

/** All characters but line feeds. */
const LINE_TEXT: FreeLineText = {
  ascii: Uint32Array.of(~(1 << NEWLINE), ~0, ~0, ~0),
  beyond: true,
  most: 0xffff,
  uniform: true,
}
const COUNTED_LINE_TEXT: FreeLineText = { ...LINE_TEXT, uniform: false }

/** A line of which nothing is written yet. */
const FRESH: FreeLine = { is: 'start', lead: '', text: '' }

/** Whether nothing stands before a path. */
function isBare(lead: Lead): boolean {
  return lead === '' || lead === ' '
}

/** From here on, the beginning of a path is one, and no word. */
function isCertain(text: string): boolean {
  return text.includes('/') || (text.length >= CERTAIN && text.includes('.'))
}

/** So many words, in the last of which the line is. */
function prose(words: number): FreeLine {
  return { is: 'prose', words, inWord: words > 0 && words < SURELY_PROSE }
}

/** Decoration with one more character; undefined for what is none. */
function leadBehind(lead: Lead, byte: string): Lead | undefined {
  const fenced = lead === '```'
  if (lead === '@') return undefined
  if (SPACE.test(byte)) {
    if (lead === '<' || lead === '<<') return undefined
    return lead === '' ? ' ' : /^[`-]{1,2}$/.test(lead) ? '*' : lead
  }
  if (byte === '<' || byte === '-') {
    const run = isBare(lead) || lead === '~' ? '' : lead
    if (/^[<-]*$/.test(run)) {
      // A run that has angles counts as one of them.
      const sign = lead === '~' || run.startsWith('<') || byte === '<' ? '<' : '-'
      return sign.repeat(Math.min(3, run.length + 1)) as Lead
    }
    return byte === '-' && !fenced ? '*' : undefined
  }
  if (byte >= '\x80') return isBare(lead) || lead === '~' ? '~' : undefined
  if (lead.startsWith('<') || lead === '~') return undefined
  if (byte === '@') return fenced ? undefined : '@'
  // Behind a fence a reader takes the last word as it is.
  if (!DECORATION.test(byte) || (fenced && byte !== '`')) return undefined
  if (byte !== '`') return '*'
  return fenced || lead === '``' ? '```' : lead === '`' ? '``' : isBare(lead) ? '`' : '*'
}
