// What Tab makes of a line: commands, what may follow them, paths, files that a message refers to.
import { readdirSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import type { ChatCommand } from './commands.ts'

/** For readline: what may stand there, and which end of the line it replaces. */
export function complete(
  line: string,
  commands: readonly Pick<ChatCommand, 'names' | 'completes'>[],
): [string[], string] {
  const [, reference] = /(?:^|\s)@(\S*)$/.exec(line) ?? []
  if (reference !== undefined) return [paths(reference), reference]
  const [, name, argument] = /^\/(\S+)\s+(.*)$/.exec(line) ?? []
  if (name === undefined) {
    const names = commands.flatMap(command => command.names.map(each => `/${each}`))
    const found = line.startsWith('/') ? names.filter(each => each.startsWith(line)) : []
    // A space where there is nothing left to choose.
    return [found.length === 1 ? [`${found[0]} `] : found, line]
  }
  const { completes } = commands.find(({ names }) => names.includes(name)) ?? {}
  if (completes === 'paths') return [paths(argument!), argument!]
  return [(completes ?? []).filter(text => text.startsWith(argument!)), argument!]
}

/** Files and folders that begin so; hidden ones only where asked for. */
function paths(begun: string): string[] {
  const folder = begun.endsWith('/') || begun.endsWith(sep) ? begun : dirname(begun)
  const prefix = folder === '.' && !begun.startsWith('.') ? '' : folder
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter(({ name }) => !name.startsWith('.') || /(?:^|[/\\])\.[^/\\]*$/.test(begun))
      .map(entry => `${join(prefix, entry.name)}${entry.isDirectory() ? '/' : ''}`)
      .filter(path => path.startsWith(begun.replace(/^\.\//, '')))
      .toSorted()
  } catch {
    return []
  }
}
