// Keys that come twice in JSON: JSON.parse takes the last one and says nothing.

/** The first key that an object of `text` has twice; `text` is valid JSON. */
export function duplicateKey(text: string): string | undefined {
  const objects: Set<string>[] = []
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{') objects.push(new Set())
    else if (character === '}') objects.pop()
    else if (character === '"') {
      const start = at
      at = endOfString(text, at)
      if (!isKey(text, at + 1)) continue
      const key = JSON.parse(text.slice(start, at + 1)) as string
      const keys = objects.at(-1)!
      if (keys.has(key)) return key
      keys.add(key)
    }
  }
  return undefined
}

/** Index of the closing quotation mark of the text that opens at `at`. */
function endOfString(text: string, at: number): number {
  for (let i = at + 1; ; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '"') return i
  }
}

/** Whether a colon comes next. */
function isKey(text: string, at: number): boolean {
  let next = at
  while (/\s/.test(text[next] ?? '')) next++
  return text[next] === ':'
}
