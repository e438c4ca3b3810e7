import { describe, expect, it } from 'vitest'
import { sum, sumTooLarge } from '../../training/chat/sums.ts'
import { heldOut } from '../../training/holdout.ts'
import { Random } from '../fixtures/random.ts'

const COUNT = 1500

describe.each([false, true])('sums, unseen: %s', unseen => {
  const random = new Random(5)
  const sums = Array.from({ length: COUNT }, () => sum(random, unseen))

  it('have the right result, whatever way they are asked', () => {
    for (const { question, value, answer } of sums) {
      const [a, b] = question.match(/\d+/g)!.map(Number) as [number, number]
      const results = /subtract|take/i.test(question) ? [b - a, a - b] : [a + b, a - b]
      expect(results, question).toContain(value)
      expect(question.match(/[A-Za-z]\d|\d[A-Za-z]|\b[AB]\b/) ?? [], question).toEqual([])
      expect(answer.endsWith(` ${value}.`), answer).toBe(true)
    }
  })

  it('have traces in which each line is right by itself and the digits make the result', () => {
    for (const { trace, value } of sums) {
      const lines = trace.split('\n')
      const columns = lines.flatMap(line =>
        [...(/^(\d)([+-])(\d)[+-](\d)=(\d)(\d)$/.exec(line) ?? [])].length > 0 ? [line] : [],
      )
      for (const line of columns) {
        const [, a, sign, b, carry, next, digit] = /^(\d)([+-])(\d)[+-](\d)=(\d)(\d)$/
          .exec(line)!
          .map(part => (/\d/.test(part) ? Number(part) : part)) as [
          string,
          number,
          string,
          number,
          number,
          number,
          number,
        ]
        if (sign === '+') expect(a + b + carry, line).toBe(10 * next + digit)
        else expect(a - b - carry, line).toBe(digit - 10 * next)
      }
      expect(columns).toHaveLength(value < 0 ? 6 : 3)
      const digits = columns
        .slice(-3)
        .map(line => line.at(-1)!)
        .reverse()
        .join('')
      expect(lines.at(-1)!.endsWith(digits), trace).toBe(true)
      expect(Number(lines.at(-1))).toBe(value)
    }
  })

  it('are of pairs that are all kept for judging, or all not', () => {
    for (const { trace } of sums) {
      const [, a, sign, b] = /^(\d+)([+-])(\d+)/.exec(trace)!
      expect(heldOut(`${Number(a)}${sign}${Number(b)}`)).toBe(unseen)
    }
  })
})

it('numbers of more digits are refused', () => {
  const random = new Random(6)
  for (let i = 0; i < 100; i++) {
    const { question, answer } = sumTooLarge(random)
    expect(Math.max(...question.match(/\d+/g)!.map(Number))).toBeGreaterThan(999)
    expect(answer).toContain('up to 999')
  }
})
