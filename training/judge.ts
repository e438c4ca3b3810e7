// How well the model answers conversations that it has not seen: greedy, judged by what the generator says is right.

import { instructions } from '../src/code/instructions.ts'
import type { Model } from '../src/index.ts'
import { Random } from '../test/fixtures/random.ts'
import { applied } from './chat/block.ts'
import { ownMessage } from './chat/coding.ts'
import { edit } from './chat/edits.ts'
import { sum } from './chat/sums.ts'
import { tale } from './chat/tales.ts'
import { talk } from './chat/talk.ts'
import { thoughtful } from './conversation.ts'
import { seeds } from './numbers.ts'

/** One question, what came of it, and what was seen to be right about it. */
export interface Judged {
  readonly question: string
  readonly reply: string
  readonly right: Readonly<Record<string, boolean>>
  /** What kind of question it is, where there are several. */
  readonly kind: string
}

interface Case {
  readonly kind: string
  readonly system?: string | undefined
  readonly question: string
  readonly judge: (reply: string) => Record<string, boolean>
}

/** Generations at once. */
const AT_ONCE = 8

export const subjects = { sums: sumCase, edits: editCase, questions: talkCase, tales: taleCase } as const
export type Subject = keyof typeof subjects

/** `count` unseen cases of one subject, the same ones always. */
export async function judge(model: Model, subject: Subject, count: number): Promise<Judged[]> {
  const random = new Random(seeds.cases)
  const cases: Case[] = Array.from({ length: count }, () => subjects[subject](random))
  const judged: Judged[] = []
  while (judged.length < count) {
    const next = cases.slice(judged.length, judged.length + AT_ONCE)
    judged.push(...(await Promise.all(next.map(one => judgeCase(model, one)))))
  }
  return judged
}

async function judgeCase(model: Model, { kind, system, question, judge }: Case): Promise<Judged> {
  const messages = [
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
    { role: 'user' as const, content: question },
  ]
  const { tokens } = model.template.render(messages, { addGenerationPrompt: true })
  const generation = model.generate(tokens, { temperature: 0, maxTokens: 512 })
  const reply = await generation.text()
  return { kind, question, reply, right: { ...judge(reply), ended: generation.finish === 'stop' } }
}

function sumCase(random: Random): Case {
  const { question, trace, answer, value } = sum(random, true)
  return {
    kind: value < 0 ? 'difference below zero' : answer.startsWith('The sum') ? 'sum' : 'difference',
    question,
    judge: reply => ({
      'trace hidden: the answer is right': reply.split('</think>').at(-1)!.trim() === answer,
      'trace shown: each of its lines is right, too': reply === thoughtful(trace, answer),
    }),
  }
}

function editCase(random: Random): Case {
  const made = edit(random, true)
  return {
    kind: made.kind,
    system: instructions.search,
    question: ownMessage(made, random),
    judge: reply => {
      const file = applied(reply, made.path, made.before)
      return {
        'the block applies': file !== undefined,
        'and makes the file that was asked for': file === made.after,
      }
    },
  }
}

function talkCase(random: Random): Case {
  const { question, answer } = talk(random, true)
  return { kind: 'question', question, judge: reply => ({ 'the answer is right': reply === answer }) }
}

function taleCase(random: Random): Case {
  const { question, about } = tale(random, true)
  return {
    kind: 'tale',
    question,
    judge: reply => ({
      'about what was asked': about.every(word => reply.toLowerCase().includes(word.toLowerCase())),
    }),
  }
}
