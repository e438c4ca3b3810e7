// Joins the parts of a model that is split over several GGUF files, `name-00001-of-00003.gguf` and so on.
// Knows nothing of how a file is read.
import { ModelFormatError, SourceError } from '../../errors.ts'
import type { Source } from '../../io/source.ts'
import type { TensorInfo } from '../model-file.ts'
import { quote } from './cursor.ts'
import type { GgufPart } from './read.ts'
import { splitKeys } from './spec.ts'

/** Opens another file in the folder of the first; a {@link SourceError} if there is none. */
export type OpenSibling = (name: string) => Promise<Source>

/** Five digits name a part. */
const MAX_PARTS = 99_999
const partName = /^(.*)-00001-of-(\d{5})\.gguf$/s

/** All parts of the model that `first` belongs to: only itself if it is whole. */
export async function readParts(
  first: GgufPart,
  read: (source: Source) => Promise<GgufPart>,
  openSibling?: OpenSibling,
): Promise<GgufPart[]> {
  const count = numberAt(first, splitKeys.count, MAX_PARTS) ?? 1
  const no = numberAt(first, splitKeys.no, MAX_PARTS) ?? 0
  if (no !== 0) fail(first, splitKeys.no, `0: open the first part, ${nameOfFirst(first)}`, `${no}`)
  if (count <= 1) return [first]
  if (!openSibling)
    fail(first, splitKeys.count, '1, as there is no way here to open the other parts', `${count}`)
  const prefix = prefixOf(first, count)
  const parts = [first]
  for (let i = 1; i < count; i++) {
    const name = `${prefix}-${pad(i + 1)}-of-${pad(count)}.gguf`
    const part = await read(await openPart(first, name, openSibling))
    check(part, splitKeys.no, i)
    check(part, splitKeys.count, count)
    parts.push(part)
  }
  return parts
}

/** The tensors of all parts. */
export function joinTensors(parts: readonly GgufPart[]): ReadonlyMap<string, TensorInfo> {
  const [first] = parts as [GgufPart]
  const expected = numberAt(first, splitKeys.tensors, Number.MAX_SAFE_INTEGER)
  const tensors = new Map<string, TensorInfo>()
  for (const part of parts)
    for (const [name, tensor] of part.tensors) {
      if (tensors.has(name))
        throw new ModelFormatError({
          file: part.source.name,
          field: `tensor ${quote(name)}`,
          expected: 'each name once in all parts',
          found: 'a second one',
        })
      tensors.set(name, tensor)
    }
  if (expected !== undefined && expected !== tensors.size)
    fail(first, splitKeys.tensors, `${tensors.size}, the tensors of all parts`, `${expected}`)
  return tensors
}

async function openPart(first: GgufPart, name: string, openSibling: OpenSibling): Promise<Source> {
  try {
    return await openSibling(name)
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    const expected = `the part ${quote(name)} beside this one`
    return fail(first, splitKeys.count, expected, error.message, { cause: error })
  }
}

/** What the names of all parts start with. */
function prefixOf(first: GgufPart, count: number): string {
  const name = fileName(first.source.name)
  const match = partName.exec(name)
  if (match && Number(match[2]) === count) return match[1]!
  throw new ModelFormatError({
    file: first.source.name,
    field: 'file name',
    expected: `...-00001-of-${pad(count)}.gguf, as it is split into ${count} files`,
    found: quote(name),
  })
}

/** As the name of this part says, or in words if it is not named as parts are. */
function nameOfFirst(part: GgufPart): string {
  const name = fileName(part.source.name)
  const match = /^(.*)-\d{5}(-of-\d{5}\.gguf)$/s.exec(name)
  return match ? quote(`${match[1]}-00001${match[2]}`) : 'which ends in -00001-of-...'
}

function check(part: GgufPart, key: string, expected: number): void {
  const found = numberAt(part, key, MAX_PARTS)
  if (found !== expected) fail(part, key, `${expected}`, found === undefined ? 'none' : `${found}`)
}

function numberAt(part: GgufPart, key: string, most: number): number | undefined {
  const value = part.metadata.get(key)
  if (value === undefined) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value
  const found = typeof value === 'object' ? 'an array' : quote(String(value))
  return fail(part, key, `an integer from 0 to ${most}`, found)
}

function fail(part: GgufPart, key: string, expected: string, found: string, options?: ErrorOptions): never {
  const field = `metadata ${quote(key)}`
  throw new ModelFormatError({ file: part.source.name, field, expected, found }, options)
}

/** The last segment of a path or URL. */
function fileName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
}

function pad(number: number): string {
  return String(number).padStart(5, '0')
}
