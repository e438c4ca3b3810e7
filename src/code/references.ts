// `@path` and `@path:10-50` in a message: the files that it speaks of, put into it where models look for them.
import { secret } from './edit-path.ts'
import { decoded } from './text-lines.ts'

/** What a path leads to. */
export type FoundPath =
  | { readonly kind: 'missing' }
  | { readonly kind: 'folder' }
  | { readonly kind: 'other' }
  | {
      readonly kind: 'file'
      /** From the folder of the project, with `/`; as the system names it where it lies elsewhere. */
      readonly path: string
      /** Whether its real place is inside the project. */
      readonly inside: boolean
      /** Whether a .gitignore of the project names it. */
      readonly ignored: boolean
      readonly size: number
      read(): Promise<Uint8Array>
    }

/** The files of a project, wherever they lie. */
export interface ProjectFiles {
  find(path: string): Promise<FoundPath>
}

/** A path as it is written in a message, with lines counted from 1. */
export interface Reference {
  readonly path: string
  readonly first?: number
  readonly last?: number
}

export interface ExpandedMessage {
  /** What the model is told. */
  readonly text: string
  readonly included: readonly { readonly name: string; readonly lines: number; readonly bytes: number }[]
  /** Those that an earlier message holds as they are now. */
  readonly known: readonly string[]
  readonly refused: readonly { readonly path: string; readonly reason: string }[]
}

/** What the conversation holds of a file. */
interface Shown {
  /** The path under which it lies. */
  readonly of: string
  /** Not only lines of it. */
  readonly whole: boolean
  readonly content: string
}

/** Bytes that are taken without asking, and at most. */
const LARGE = 256 * 1024
const LARGEST = 4 * 1024 * 1024

/** The references of a message, each once, in their order. Text such as an e-mail address is none. */
export function findReferences(message: string): Reference[] {
  const found = new Map<string, Reference>()
  for (const [, quoted, plain, lines] of message.matchAll(
    /(?<![^\s([{'`,;:])@(?:"([^"\n]+)"|([^\s"'`()[\]{},;]+?))(:\d+(?:-\d+)?)?(?=[.,;:!?]*(?:[\s)\]}'`]|$)|,)/g,
  )) {
    const path = quoted ?? plain!
    const [first, last = first] = (lines ?? '').slice(1).split('-').filter(Boolean).map(Number)
    const reference = first === undefined ? { path } : { path, first, last: last! }
    found.set(nameOf(reference), reference)
  }
  return [...found.values()]
}

/** Expands the messages of one conversation, and remembers what its model has been shown. */
export class FileReferences {
  readonly #files: ProjectFiles
  readonly #confirm: (question: string) => Promise<boolean>
  /** By name and range, as they were shown. */
  readonly #shown = new Map<string, Shown>()
  /** Files that the model itself has made. */
  readonly #made = new Set<string>()
  /** Whole texts by the paths under which files lie, as they were when something of them was shown. */
  readonly #seen = new Map<string, string>()
  /** Paths as messages write them, and where they lead. */
  readonly #names = new Map<string, string>()

  /** `confirm` is asked about what is out of the ordinary: a secret, a large file, one outside of the project. */
  constructor(files: ProjectFiles, confirm: (question: string) => Promise<boolean>) {
    this.#files = files
    this.#confirm = confirm
  }

  /** Puts the files that a message refers to before it; those that the conversation holds unchanged are not repeated. */
  async expand(message: string): Promise<ExpandedMessage> {
    const included: { name: string; lines: number; bytes: number }[] = []
    const known: string[] = []
    const refused: { path: string; reason: string }[] = []
    const blocks: string[] = []
    for (const reference of findReferences(message)) {
      const name = nameOf(reference)
      const read = await this.#read(reference)
      if (!read || 'reason' in read) {
        if (read) refused.push({ path: reference.path, reason: read.reason })
        continue
      }
      const { content } = read
      if (this.#shown.get(name)?.content === content) {
        known.push(name)
        continue
      }
      this.#shown.set(name, read)
      blocks.push(block(name, content))
      const lines = content.split('\n').length - (content.endsWith('\n') ? 1 : 0)
      included.push({ name, lines, bytes: new TextEncoder().encode(content).length })
    }
    return { text: [...blocks, message].join('\n'), included, known, refused }
  }

  /** Files of the project that the model was shown, as they were then. */
  get seen(): ReadonlyMap<string, string> {
    return this.#seen
  }

  /** Files of the project as messages call them, and the paths under which they lie. */
  get names(): ReadonlyMap<string, string> {
    return this.#names
  }

  /** Whether the conversation holds all of a file, and not only lines of it. */
  holds(path: string): boolean {
    return this.#made.has(path) || [...this.#shown.values()].some(({ of, whole }) => whole && of === path)
  }

  /** A file that was shown before, as it is by now, for a message to begin with; undefined where it can no longer be shown. */
  async again(path: string): Promise<string | undefined> {
    const found = await this.#files.find(path)
    if (!this.#seen.has(path) || found.kind !== 'file' || !found.inside || found.size > LARGEST)
      return undefined
    const text = decoded(await found.read())
    if (text === undefined) return undefined
    this.#seen.set(path, text)
    const content = withoutMark(text)
    this.#shown.set(path, { of: path, whole: true, content })
    return block(path, content)
  }

  /** Takes note of what the model itself made of a file, `all` of it where there was none; undefined: it is gone. */
  changed(path: string, text: string | undefined, all = false): void {
    if (text === undefined) {
      this.#seen.delete(path)
      this.#unlearn(path)
    } else this.#seen.set(path, text)
    if (all) this.#made.add(path)
  }

  /** Takes note of a file that is again as it was before the model changed it: the conversation says otherwise. */
  putBack(path: string, text: string | undefined): void {
    this.#unlearn(path)
    this.changed(path, text)
  }

  /** Forgets what was shown: the conversation no longer holds it. */
  forget(): void {
    this.#shown.clear()
    this.#made.clear()
  }

  /** What was shown of a file is no longer so; `lines`: nor are lines of it alone. */
  #unlearn(path: string, lines = true): void {
    this.#made.delete(path)
    for (const [name, { of, whole }] of this.#shown)
      if (of === path && (whole || lines)) this.#shown.delete(name)
  }

  /** The text, why not, or undefined for what only looks like a reference. */
  async #read(reference: Reference): Promise<Shown | { readonly reason: string } | undefined> {
    const { path } = reference
    const found = await this.#files.find(path)
    if (found.kind === 'missing') return /[./\\]/.test(path) ? { reason: 'there is no such file' } : undefined
    if (found.kind === 'folder') return { reason: 'it is a folder; name its files' }
    if (found.kind === 'other') return { reason: 'it is no ordinary file' }
    if (found.size > LARGEST) return { reason: `it has ${found.size} bytes, more than ${LARGEST}` }
    for (const concern of concerns(found))
      if (!(await this.#confirm(`${path} ${concern}; show it to the model?`)))
        return { reason: `it ${concern}` }
    const text = decoded(await found.read())
    if (text === undefined) return { reason: 'it is no text' }
    const content = range(withoutMark(text), reference)
    if (typeof content !== 'string') return content
    if (found.inside) {
      const before = this.#seen.get(found.path)
      // Who sees lines of a file that has changed no longer knows all of it.
      if (before !== undefined && before !== text) this.#unlearn(found.path, false)
      this.#seen.set(found.path, text)
      this.#names.set(path, found.path)
    }
    return { of: found.path, whole: reference.first === undefined, content }
  }
}

function nameOf({ path, first, last }: Reference): string {
  return first === undefined ? path : first === last ? `${path}:${first}` : `${path}:${first}-${last}`
}

function concerns(file: Extract<FoundPath, { kind: 'file' }>): string[] {
  return [
    ...(file.inside ? [] : ['lies outside of this folder']),
    ...(file.path.split('/').some(part => secret.test(part)) ? ['looks like a secret'] : []),
    ...(file.ignored ? ['is ignored by git'] : []),
    ...(file.size > LARGE ? [`is large (${Math.round(file.size / 1024)} KiB)`] : []),
  ]
}

/** Files begin with a mark that is no text to a model. */
function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

function range(text: string, { first, last }: Reference): string | { readonly reason: string } {
  if (first === undefined) return text
  const lines = text.split('\n')
  const count = lines.length - (text.endsWith('\n') ? 1 : 0)
  if (first < 1 || last! < first || first > count)
    return { reason: `it has lines 1 to ${count}, not ${first} to ${last}` }
  return `${lines.slice(first - 1, last).join('\n')}\n`
}

/** The name, then the content in a fence that is longer than any in it. */
function block(name: string, content: string): string {
  const longest = Math.max(2, ...[...content.matchAll(/^\s*(`{3,})/gm)].map(found => found[1]!.length))
  const fence = '`'.repeat(longest + 1)
  return `${name}\n${fence}\n${content}${content.endsWith('\n') ? '' : '\n'}${fence}\n`
}
