// Edit blocks: the path, then the lines to search and those to put in their place between markers.

/**
 * The line that changes, or from one empty line to the next where several do, so that nothing has to be looked for but the name;
 * and lines before them until what is searched stands once in the file.
 */
export function editBlock(path: string, before: string, after: string): string | undefined {
  const [old, made] = [before.split('\n'), after.split('\n')]
  // All edits here keep the number of lines.
  const changed = old.flatMap((line, i) => (line === made[i] ? [] : [i]))
  if (changed.length === 0) return undefined
  let [begin, end] = [changed[0]!, changed.at(-1)! + 1]
  if (changed.length > 1) {
    while (begin > 0 && old[begin - 1] !== '') begin--
    while (end < old.length && old[end] !== '') end++
  }
  for (let first = begin; first >= 0; first--) {
    const search = old.slice(first, end)
    if (countLines(old, search) > 1) continue
    return [path, '<<<<<<< SEARCH', ...search, '=======', ...made.slice(first, end), '>>>>>>> REPLACE'].join(
      '\n',
    )
  }
  return undefined
}

/** Places where these lines stand one after the other. */
export function countLines(lines: readonly string[], search: readonly string[]): number {
  let count = 0
  for (let at = 0; at + search.length <= lines.length; at++)
    if (search.every((line, i) => line === lines[at + i])) count++
  return count
}

/** The file after a block written exactly as wanted; undefined where anything is off. */
export function applied(reply: string, path: string, before: string): string | undefined {
  const match = /^(.+)\n<<<<<<< SEARCH\n([\s\S]+)\n=======\n([\s\S]*)\n>>>>>>> REPLACE$/.exec(reply.trim())
  if (match === null || match[1] !== path) return undefined
  const [lines, search] = [before.split('\n'), match[2]!.split('\n')]
  if (countLines(lines, search) !== 1) return undefined
  const at = lines.findIndex((_, i) => search.every((line, k) => line === lines[i + k]))
  return [...lines.slice(0, at), ...match[3]!.split('\n'), ...lines.slice(at + search.length)].join('\n')
}
