// Sums and differences of numbers below a thousand. The trace works digit by digit from the ones on, each line alike
// (`4+8+1=13`: two digits, what is carried, and the carry with the digit), so that every digit stands a fixed way behind.
import type { Random } from '../../test/fixtures/random.ts'
import { pick } from '../grammar.ts'
import { drawn } from '../holdout.ts'

export interface Sum {
  readonly question: string
  readonly trace: string
  readonly answer: string
  /** The result alone, for judging. */
  readonly value: number
}

export const LARGEST = 999
const DIGITS = String(LARGEST).length

const asked = {
  '+': [
    'What is A + B?',
    'A + B',
    'A+B',
    'A + B = ?',
    'A+B=',
    'How much is A + B?',
    'How much is A plus B?',
    'What is A plus B?',
    'what is A+B',
    'Add A and B.',
    'Add B to A.',
    'Please add A and B.',
    'What is the sum of A and B?',
    'Can you add A and B?',
    'Calculate A + B.',
    'Compute A + B.',
  ],
  '-': [
    'What is A - B?',
    'A - B',
    'A-B',
    'A - B = ?',
    'A-B=',
    'How much is A - B?',
    'How much is A minus B?',
    'What is A minus B?',
    'what is A-B',
    'Subtract B from A.',
    'Take B from A.',
    'Please subtract B from A.',
    'What is the difference of A and B?',
    'Can you take B away from A?',
    'Calculate A - B.',
    'Compute A - B.',
  ],
} as const
type Sign = keyof typeof asked

/** A question whose pair of numbers is kept for judging, or is not. */
export function sum(random: Random, unseen: boolean): Sum {
  const sign: Sign = random.below(2) === 0 ? '+' : '-'
  const [a, b] = drawn(
    unseen,
    () => {
      const pair = [number(random), number(random)] as const
      // Most differences are asked of the larger number.
      const swap = sign === '-' && pair[0] < pair[1] && random.below(5) > 0
      return swap ? ([pair[1], pair[0]] as const) : pair
    },
    ([a, b]) => `${a}${sign}${b}`,
  )
  const question = ask(sign, a, b, random)
  const value = sign === '+' ? a + b : a - b
  return {
    question,
    trace: work(a, b, sign),
    answer: `The ${sign === '+' ? 'sum' : 'difference'} is ${value}.`,
    value,
  }
}

/** Numbers too large for the digits of a trace; the model says so. */
export function sumTooLarge(random: Random): { question: string; answer: string } {
  const large = () => LARGEST + 1 + random.below(99_000)
  const pair = random.below(2) === 0 ? [large(), number(random)] : [large(), large()]
  const sign: Sign = random.below(2) === 0 ? '+' : '-'
  return {
    question: ask(sign, pair[0]!, pair[1]!, random),
    answer: `I can only add and subtract numbers up to ${LARGEST}.`,
  }
}

function ask(sign: Sign, a: number, b: number, random: Random): string {
  return pick(asked[sign], random).replace(/\b[AB]\b/g, key => String(key === 'A' ? a : b))
}

/** Of one to three digits, most of three. */
function number(random: Random): number {
  const size = random.below(10)
  return random.below(size < 2 ? 10 : size < 5 ? 100 : LARGEST + 1)
}

function work(a: number, b: number, sign: Sign): string {
  const first = columns(a, b, sign)
  if (sign === '+' || a >= b) return `${first}\n${padded(sign === '+' ? a + b : a - b, DIGITS + 1)}`
  return `${first}\nbelow 0, so\n${columns(b, a, sign)}\n-${padded(b - a, DIGITS + 1)}`
}

function columns(a: number, b: number, sign: Sign): string {
  const [left, right] = [padded(a, DIGITS), padded(b, DIGITS)]
  const lines = [`${left}${sign}${right}`]
  let carry = 0
  for (let at = DIGITS - 1; at >= 0; at--) {
    const [x, y] = [Number(left[at]), Number(right[at])]
    const result = sign === '+' ? x + y + carry : x - y - carry
    const digit = (result + 10) % 10
    const next = sign === '+' ? Number(result > 9) : Number(result < 0)
    lines.push(`${x}${sign}${y}${sign}${carry}=${next}${digit}`)
    carry = next
  }
  return lines.join('\n')
}

function padded(value: number, width: number): string {
  return String(value).padStart(width, '0')
}
