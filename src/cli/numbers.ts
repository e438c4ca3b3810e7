// Argument parsers for commander: a number in range, or one clear line.
import { InvalidArgumentError } from 'commander'

/** A whole number from `least` to `most`. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return text => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`Expected a whole number ${range(least, most)}.`)
    return value
  }
}

export function real(least: number, most = Number.MAX_VALUE): (text: string) => number {
  return text => {
    const value = Number(text)
    if (text.trim() === '' || !(value >= least && value <= most))
      throw new InvalidArgumentError(`Expected a number ${range(least, most)}.`)
    return value
  }
}

/** Bytes: `48M` or `1.5G`, in powers of 1024. */
export function bytes(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)B?$/i.exec(text.trim()) ?? []
  const value = Math.floor(Number(digits) * 1024 ** ' KMGT'.indexOf(unit.toUpperCase() || ' '))
  if (!(value >= 1 && Number.isSafeInteger(value)))
    throw new InvalidArgumentError('Expected a size such as 48M or 1.5G.')
  return value
}

/** `1,2,3` */
export function tokenIds(text: string): number[] {
  return text.split(',').map(part => whole(0, 2 ** 31 - 1)(part.trim()))
}

function range(least: number, most: number): string {
  return most >= Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`
}
