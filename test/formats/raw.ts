// Puts GGUF files together field by field, so that any field can be wrong. Shares nothing with the writer.

/** The ids of value types in the file. */
export const type = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
}

export const bytes = (...values: number[]) => Uint8Array.from(values)
export const u16 = (value: number) => new Uint8Array(Uint16Array.of(value).buffer)
export const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer)
export const f32 = (value: number) => new Uint8Array(Float32Array.of(value).buffer)
export const f64 = (value: number) => new Uint8Array(Float64Array.of(value).buffer)
export const u64 = (value: number | bigint) => new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)
export const str = (text: string) => {
  const utf8 = new TextEncoder().encode(text)
  return concat(u64(utf8.length), utf8)
}

export function concat(...pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces))
}

/** A metadata entry. */
export function entry(key: string, typeId: number, ...value: readonly Uint8Array[]): Uint8Array {
  return concat(str(key), u32(typeId), ...value)
}

/** An entry that is an array; its count can be told apart from its elements. */
export function arrayEntry(
  key: string,
  typeId: number,
  elements: readonly Uint8Array[],
  count: number | bigint = elements.length,
): Uint8Array {
  return entry(key, type.array, u32(typeId), u64(count), ...elements)
}

/** An entry of the tensor list; dimensions as the file has them, the row length first. */
export function tensor(
  name: string,
  {
    dims = [4],
    count = dims.length,
    typeId = 0,
    offset = 0,
  }: { dims?: (number | bigint)[]; count?: number; typeId?: number; offset?: number | bigint } = {},
): Uint8Array {
  return concat(str(name), u32(count), ...dims.map(u64), u32(typeId), u64(offset))
}

export interface RawFile {
  magic?: string
  version?: number
  metadata?: Uint8Array[]
  metadataCount?: number | bigint
  tensors?: Uint8Array[]
  tensorCount?: number | bigint
  /** Bytes behind the padding. */
  data?: Uint8Array
  alignment?: number
}

export function rawGguf({
  magic = 'GGUF',
  version = 3,
  metadata = [],
  metadataCount = metadata.length,
  tensors = [],
  tensorCount = tensors.length,
  data = new Uint8Array(tensors.length * 32),
  alignment = 32,
}: RawFile): Uint8Array {
  const head = concat(
    new TextEncoder().encode(magic),
    u32(version),
    u64(tensorCount),
    u64(metadataCount),
    ...metadata,
    ...tensors,
  )
  return concat(head, new Uint8Array(-head.length & (alignment - 1)), data)
}
