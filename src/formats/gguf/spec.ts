// The constants of the GGUF format, shared by reader and writer:
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Plain data, no reading or writing.

/** "GGUF", as a little-endian word. */
export const MAGIC = 0x4655_4747
/** The key of what tensors start at a multiple of, {@link DEFAULT_ALIGNMENT} where it is missing. */
export const alignmentKey = 'general.alignment'
export const DEFAULT_ALIGNMENT = 32
export const MAX_ALIGNMENT = 2 ** 16
export const MAX_DIMENSIONS = 4

/** Types of metadata values by their id in the file, with the bytes of one value; strings have their own size. */
export const valueTypes = [
  { name: 'u8', bytes: 1 },
  { name: 'i8', bytes: 1 },
  { name: 'u16', bytes: 2 },
  { name: 'i16', bytes: 2 },
  { name: 'u32', bytes: 4 },
  { name: 'i32', bytes: 4 },
  { name: 'f32', bytes: 4 },
  { name: 'bool', bytes: 1 },
  { name: 'string', bytes: 8 },
  { name: 'array', bytes: 12 },
  { name: 'u64', bytes: 8 },
  { name: 'i64', bytes: 8 },
  { name: 'f64', bytes: 8 },
] as const

export type ValueType = (typeof valueTypes)[number]['name']
/** What an array holds; arrays of arrays are not in use and not read. */
export type ElementType = Exclude<ValueType, 'array'>

/** Bytes of one element; of a string, those of its length. */
export function bytesOf(type: ElementType): number {
  return valueTypes.find(({ name }) => name === type)!.bytes
}

/** The keys of a model that is split over several files. */
export const splitKeys = { no: 'split.no', count: 'split.count', tensors: 'split.tensors.count' } as const

/** Whether a value of the key {@link alignmentKey} can be used: a power of two. */
export function isAlignment(value: unknown): value is number {
  return (
    typeof value === 'number' && value >= 1 && value <= MAX_ALIGNMENT && Number.isInteger(Math.log2(value))
  )
}

/** `offset` or the next multiple of `alignment` behind it. */
export function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment
}
