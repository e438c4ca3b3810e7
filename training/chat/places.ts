// Where in an edit block's replacement something has changed, and where names are.

/** From and to, in characters. */
export type Place = readonly [number, number]

/** Where the lines of an edit block's replacement differ from those it searches, as many; counted from the divider on. */
export function changedPlaces(block: string): Place[] {
  const [searched, replacement] = block.split(/^=======\n/m) as [string, string]
  const old = searched.split('\n').slice(2, -1)
  let at = '=======\n'.length
  return replacement.split('\n').flatMap((line, i): Place[] => {
    const begin = at
    at += line.length + 1
    const before = old[i]
    if (before === undefined || before === line) return []
    let from = 0
    while (from < Math.min(line.length, before.length) && line[from] === before[from]) from++
    let same = 0
    while (same < Math.min(line.length, before.length) - from && line.at(-1 - same) === before.at(-1 - same))
      same++
    return [[begin + from, begin + line.length - same]]
  })
}

/** Names in a text, their last characters included. Words of the language are among them, which are learnt soon. */
export function namePlaces(text: string): Place[] {
  return [...text.matchAll(/[A-Za-z_]\w*/g)].map(({ index, 0: name }) => [index, index + name.length - 1])
}
