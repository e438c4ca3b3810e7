// The native sources: what they contain, and which of them are the same at several levels.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Level } from './levels.ts'

/** Take a compiler longest, so they go first: else one core is still busy with them when the others are done. */
const SLOWEST = ['quantized.cpp', 'attention_floats.cpp', 'matmul.cpp']

/** Texts of all `.cpp` and `.h` files by name, in order of name. At once: fifty small files one by one are read five times as fast. */
export function readSources(folder: string): Map<string, string> {
  const names = readdirSync(folder).filter(name => /\.(cpp|h)$/.test(name))
  return new Map(names.sort().map(name => [name, readFileSync(join(folder, name), 'utf8')]))
}

/** Stands for the contents of all native sources. */
export function sourceHash(folder: string): string {
  return hashOf(readSources(folder))
}

export function hashOf(sources: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256')
  for (const [name, text] of sources) hash.update(`${name}\0${Buffer.byteLength(text)}\0`).update(text)
  return hash.digest('hex').slice(0, 12)
}

/** Names of what is compiled, the slowest first. */
export function compiledOf(sources: ReadonlyMap<string, string>): string[] {
  const place = (name: string) => (SLOWEST.includes(name) ? SLOWEST.indexOf(name) : SLOWEST.length)
  return [...sources.keys()].filter(name => name.endsWith('.cpp')).sort((a, b) => place(a) - place(b))
}

/** The level whose object of this source serves for `levels.at(-1)` too: the last that the source or a header of it asks for. */
export function levelFor(
  name: string,
  levels: readonly Level[],
  sources: ReadonlyMap<string, string>,
): Level {
  const texts = [...includedBy(name, sources)].map(included => sources.get(included)!)
  const mentioned = (word: string) => texts.some(text => text.includes(word))
  if (mentioned('TORCHLESS_LEVEL')) return levels.at(-1)!
  return levels.findLast(({ macros }) => macros.some(mentioned)) ?? levels[0]!
}

/** A source and all headers of ours that it includes. */
function includedBy(
  name: string,
  sources: ReadonlyMap<string, string>,
  found = new Set<string>(),
): Set<string> {
  if (found.has(name)) return found
  found.add(name)
  for (const [, header] of sources.get(name)!.matchAll(/^\s*#\s*include "([^"]+)"/gm))
    if (sources.has(header!)) includedBy(header!, sources, found)
  return found
}
