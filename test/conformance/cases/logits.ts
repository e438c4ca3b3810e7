// What a step brings over: the best, the best few, all; with equal values, which go by id.
import { type CaseMaker, define } from '../case.ts'
import { range } from '../random.ts'

/** Small whole numbers, which come out exactly, so that many logits are equal. */
function tiesCase(vocabulary: number): CaseMaker {
  return define(
    `logits: the best of ${vocabulary}, with ties`,
    { vocabulary: 50 },
    r => {
      const whole = (count: number) => range(count).map(() => r.random.below(5) - 2)
      const x = r.g.rows(r.g.embed(r.values([50, 3], whole(150))))
      return r.g.matmul(x, r.values([vocabulary, 3], whole(vocabulary * 3)))
    },
    s => {
      const sequence = s.create()
      for (const want of ['argmax', { top: 1 }, { top: 2 }, { top: 40 }, { top: 2000 }, 'full'] as const) {
        s.step([[sequence, 33]], { want })
        s.step([[sequence, 7]], { want, rows: [6] })
        s.step([[sequence, 7]], { want, rows: [1, 2, 5] })
        s.step([[sequence, 2]], { want, rows: [] })
      }
    },
  )
}

export const logitsCases: readonly CaseMaker[] = [1, 2, 33, 1009].map(tiesCase)
