// Key/value storage of the reference backend: one array a block, made when it is first written.
import type { Cache } from '../../graph/ops.ts'
import { f16ToF32, f32ToF16 } from '../../quant/half.ts'
import { BLOCK_SIZE, type KvDType } from '../backend.ts'

/** The cache of one layer. A row holds a position's keys of all KV heads, then, if not latent, its values. */
export class ReferenceCache {
  readonly #blocks: (Float32Array | Uint16Array | undefined)[] = []
  readonly #keyLength: number
  readonly #rowLength: number

  constructor(
    readonly spec: Cache,
    readonly kvDType: KvDType,
    readonly latent: boolean,
  ) {
    this.#keyLength = spec.kvHeads * spec.keyDim
    this.#rowLength = this.#keyLength + (latent ? 0 : spec.kvHeads * spec.valueDim)
  }

  /** Stores row `row` of k and v (`[T, kvHeads·dim]`) at `slot`. */
  write(slot: number, k: Float32Array, v: Float32Array | undefined, row: number): void {
    const { block, at } = this.#find(slot)
    const valueLength = this.#rowLength - this.#keyLength
    this.#store(block, at, k, row * this.#keyLength, this.#keyLength)
    if (v) this.#store(block, at + this.#keyLength, v, row * valueLength, valueLength)
  }

  /** Reads the key of `head` at `slot`, as float32. */
  key(slot: number, head: number, out: Float32Array): void {
    const { block, at } = this.#find(slot)
    this.#load(block, at + head * this.spec.keyDim, out)
  }

  value(slot: number, head: number, out: Float32Array): void {
    const { block, at } = this.#find(slot)
    const { keyDim, valueDim } = this.spec
    this.#load(block, at + (this.latent ? head * keyDim : this.#keyLength + head * valueDim), out)
  }

  copyBlock(from: number, to: number): void {
    this.#block(to).set(this.#block(from))
  }

  #find(slot: number): { block: Float32Array | Uint16Array; at: number } {
    return { block: this.#block(Math.floor(slot / BLOCK_SIZE)), at: (slot % BLOCK_SIZE) * this.#rowLength }
  }

  #block(index: number): Float32Array | Uint16Array {
    const length = BLOCK_SIZE * this.#rowLength
    this.#blocks[index] ??= this.kvDType === 'f32' ? new Float32Array(length) : new Uint16Array(length)
    return this.#blocks[index]
  }

  #store(
    block: Float32Array | Uint16Array,
    at: number,
    from: Float32Array,
    start: number,
    length: number,
  ): void {
    if (block instanceof Float32Array) block.set(from.subarray(start, start + length), at)
    else for (let i = 0; i < length; i++) block[at + i] = f32ToF16(from[start + i]!)
  }

  #load(block: Float32Array | Uint16Array, at: number, out: Float32Array): void {
    if (block instanceof Float32Array) out.set(block.subarray(at, at + out.length))
    else for (let i = 0; i < out.length; i++) out[i] = f16ToF32(block[at + i]!)
  }
}
