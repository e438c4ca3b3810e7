// The int8 weights of torchless-rs: groups of 64 that share a scale, by which they are divided; the scales of a tensor lie
// together behind its weights. No kernel takes weights and scales from two places, so they are read as F32.
import { makeSource, type Source } from '../../io/source.ts'

/** Consecutive weights, across rows, that share a scale. */
export const GROUP = 64
const GREATEST = 127

/** The F32 values of a tensor, computed as they are read. */
export function groupedSource(
  source: Source,
  { name, at, scalesAt, elements }: { name: string; at: number; scalesAt: number; elements: number },
): Source {
  return makeSource(`${source.name}: ${name}`, 4 * elements, async (offset, length) => {
    const first = Math.floor(offset / 4)
    const end = Math.ceil((offset + length) / 4)
    const firstGroup = Math.floor(first / GROUP)
    const groups = Math.ceil(end / GROUP) - firstGroup
    const weights = await source.read(at + first, end - first)
    const scales = await source.read(scalesAt + 4 * firstGroup, 4 * groups)
    const signed = new Int8Array(weights.buffer, weights.byteOffset, weights.length)
    const scaleView = new DataView(scales.buffer, scales.byteOffset)
    const values = new Float32Array(end - first)
    for (let i = 0; i < values.length; i++) {
      const group = Math.floor((first + i) / GROUP) - firstGroup
      values[i] = signed[i]! / scaleView.getFloat32(4 * group, true)
    }
    const from = offset - 4 * first
    return new Uint8Array(values.buffer).slice(from, from + length)
  })
}

/** Rounds values to int8 as torchless's exporter does; `scales` are what to divide by. */
export function encodeGroups(values: Float32Array): { weights: Int8Array; scales: Float32Array } {
  const weights = new Int8Array(values.length)
  const scales = new Float32Array(values.length / GROUP)
  for (let group = 0; group < scales.length; group++) {
    const part = values.subarray(group * GROUP, (group + 1) * GROUP)
    const greatest = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    const scale = Math.fround(GREATEST / greatest)
    scales[group] = scale
    // The scale of a group of zeros is infinite, and zeros divided by it are zeros.
    if (Number.isFinite(scale))
      for (let i = 0; i < GROUP; i++) weights[group * GROUP + i] = roundToEven(Math.fround(part[i]! * scale))
  }
  return { weights, scales }
}

/** As torch.round: halves go to the even neighbour. */
function roundToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}
