// The list of tensors in a native header: each one's type, shape and place, checked. Knows nothing of what a tensor is for.
import { ModelFormatError } from '../../errors.ts'
import type { Source } from '../../io/source.ts'
import { isPacked, packedProblem, packedType, type WeightType, weightBytes } from '../../quant/packed.ts'
import { quants } from '../../quant/quants.ts'
import type { Json } from '../../tokenizer/json.ts'
import { MAX_DIMENSIONS } from '../gguf/spec.ts'
import type { TensorInfo } from '../model-file.ts'
import { findOverlap } from '../overlap.ts'
import { GROUP, groupedSource } from './int8.ts'

/** As many as a GGUF file may have: ten times what any model has. */
const MAX_TENSORS = 2 ** 18
const MAX_NAME_LENGTH = 2 ** 16 - 1

/** Where tensors may lie. */
export interface Place {
  readonly source: Source
  /** Where offsets count from. */
  readonly payload: number
  /** What offsets are multiples of. */
  readonly alignment: number
}

/** A run of bytes that a tensor claims. */
interface Extent {
  readonly name: string
  readonly offset: number
  readonly bytes: number
}

/** The tensors by the names they have in the file. Throws a ModelFormatError or an UnsupportedModelError naming the entry. */
export function readTensors(list: Json, place: Place): Map<string, TensorInfo> {
  const entries = list.entries()
  if (entries.length > MAX_TENSORS) list.fail(`at most ${MAX_TENSORS} tensors`, `${entries.length}`)
  const extents: Extent[] = []
  const claim = (json: Json, key: string, bytes: number, name: string): number => {
    const offset = json.get(key).count(Number.MAX_SAFE_INTEGER)
    if (offset % place.alignment !== 0) json.get(key).fail(`a multiple of ${place.alignment}`, `${offset}`)
    const start = place.payload + offset
    if (start + bytes > place.source.size)
      json
        .get(key)
        .fail(`${bytes} bytes at ${start}, within the file`, `the end of the file at ${place.source.size}`)
    extents.push({ name, offset: start, bytes })
    return start
  }
  const tensors = new Map<string, TensorInfo>()
  for (const [name] of entries) {
    checkName(list, name)
    const json = list.get(name)
    const shape = readShape(json.get('shape'))
    const elements = shape.reduce((product, size) => product * size)
    const dtype = json.get('dtype').text()
    if (dtype === 'int8') {
      const groups = elements / GROUP
      if (!Number.isInteger(groups))
        json.get('shape').fail(`a multiple of ${GROUP} elements`, `${elements} of them`)
      if (json.get('scale_size').count(Number.MAX_SAFE_INTEGER) !== groups)
        json.get('scale_size').fail(`${groups}, one for each ${GROUP} of ${elements} elements`)
      const at = claim(json, 'offset', elements, name)
      const scalesAt = claim(json, 'scale_offset', 4 * groups, `scales of ${name}`)
      const source = groupedSource(place.source, { name, at, scalesAt, elements })
      tensors.set(name, { name, type: 'F32', shape, source, offset: 0, bytes: 4 * elements })
    } else {
      const type = typeNamed(dtype, json.get('dtype'))
      checkRows(json.get('shape'), type, shape)
      const bytes = weightBytes(type, shape)
      const offset = claim(json, 'offset', bytes, name)
      tensors.set(name, { name, type, shape, source: place.source, offset, bytes })
    }
  }
  checkOverlap(extents, place)
  return tensors
}

/** The name of a key or a tensor, held to what GGUF allows. */
export function checkName(list: Json, name: string): void {
  if (name.length < 1 || name.length > MAX_NAME_LENGTH)
    list.fail(`names of 1 to ${MAX_NAME_LENGTH} characters`, `one of ${name.length}`)
}

function checkRows(json: Json, type: WeightType, shape: readonly number[]): void {
  if (isPacked(type)) {
    const problem = packedProblem(packedType(type)!, shape)
    if (problem) json.fail(`${problem}, as ${type} has`, `[${shape.join(', ')}]`)
  } else if (shape.at(-1)! % quants[type].elems !== 0)
    json.fail(`rows of a multiple of ${quants[type].elems}, the block length of ${type}`, `${shape.at(-1)}`)
}

/** Types are written in lower case. */
function typeNamed(dtype: string, json: Json): WeightType {
  const name = dtype.toUpperCase()
  if ((Object.hasOwn(quants, name) || packedType(name)) && dtype === name.toLowerCase())
    return name as WeightType
  return json.unsupported(`int8, or one of ${Object.keys(quants).join(', ').toLowerCase()}`)
}

function readShape(json: Json): number[] {
  const list = json.array()
  if (list.length < 1 || list.length > MAX_DIMENSIONS)
    json.fail(`1 to ${MAX_DIMENSIONS} dimensions`, `${list.length}`)
  let elements = 1
  return list.map((_, i) => {
    const size = json.at(i).count(Math.floor(Number.MAX_SAFE_INTEGER / elements))
    if (size === 0) json.at(i).fail('at least 1')
    elements *= size
    return size
  })
}

function checkOverlap(extents: readonly Extent[], { source }: Place): void {
  const overlap = findOverlap(extents)
  if (!overlap) return
  const [{ name, offset, bytes }, next] = overlap
  throw new ModelFormatError({
    file: source.name,
    field: `tensors.${next.name}`,
    expected: `an offset in the file of at least ${offset + bytes}, where ${name} ends`,
    found: `${next.offset}`,
  })
}
