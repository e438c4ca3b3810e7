// Where a trace of thinking may come, the bound on an answer begins behind it.
import { describe, expect, test } from 'vitest'
import { AnswerConstraint } from '../../src/api/answer-constraint.ts'
import { Structure } from '../../src/api/structured.ts'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const pieces = [
  '',
  '<think>',
  '</think>',
  'yes',
  'no',
  'hm',
  ' ',
  '\n',
  '\n\n',
  '</',
  'think',
  '>',
  '>no',
  '> ',
  '<',
  'y',
  'e',
  's',
  'n',
  'o',
]
const idOf = (piece: string) => pieces.indexOf(piece)

/** `control`: the marks are control tokens, which have no text. Without marks of its own, they are written in parts. */
function tokenizerOf(marks: 'control' | 'text' | 'parts'): Tokenizer {
  const isControl = (id: number) => id === 0 || (marks === 'control' && (id === 1 || id === 2))
  const textOf = (id: number) => (isControl(id) ? '' : pieces[id]!)
  return {
    size: pieces.length,
    bos: undefined,
    endOfGeneration: new Set([0]),
    encode: text => {
      const ids: number[] = []
      for (let rest = text; rest !== ''; ) {
        const piece = pieces
          .filter(
            (each, id) =>
              each !== '' && rest.startsWith(each) && !(marks === 'parts' && (id === 1 || id === 2)),
          )
          .toSorted((a, b) => b.length - a.length)[0]!
        ids.push(idOf(piece))
        rest = rest.slice(piece.length)
      }
      return ids
    },
    decode: ids => ids.map(textOf).join(''),
    stream: () => id => (id === undefined ? '' : textOf(id)),
    piece: id => pieces[id]!,
    bytes: id =>
      isControl(id) || (marks === 'parts' && (id === 1 || id === 2))
        ? undefined
        : new TextEncoder().encode(textOf(id)),
  } as Tokenizer
}

function constraintOf(marks: 'control' | 'text' | 'parts', { open = false, left = 50 } = {}) {
  const tokenizer = tokenizerOf(marks)
  const structure = Structure.of('test', tokenizer, { grammar: 'root ::= "yes" | "no"' })!
  return new AnswerConstraint({
    ...{
      tokenizer,
      open,
      left,
      reserve: structure.shortest,
      markers: { open: '<think>', close: '</think>' },
    },
    answer: tokens => structure.constraint(tokens),
  })
}

function allowed(constraint: AnswerConstraint): string[] {
  const mask = constraint.allowed()!
  return pieces.filter((_, id) => (mask[id >> 5]! >>> (id & 31)) & 1)
}

function write(constraint: AnswerConstraint, ...texts: string[]): AnswerConstraint {
  for (const text of texts) {
    expect(allowed(constraint)).toContain(text)
    constraint.accept(idOf(text))
  }
  return constraint
}

const answers = ['yes', 'no', 'y', 'n'].toSorted()

describe.each(['control', 'text'] as const)('marks that are a token each (%s)', marks => {
  test('a reply begins with the answer or with the mark', () => {
    expect(allowed(constraintOf(marks)).toSorted()).toEqual([...answers, '<think>'].toSorted())
    expect(allowed(write(constraintOf(marks), 'n'))).toEqual(['o'])
  })

  test('within a trace all may come but the end of the reply, behind it the answer', () => {
    const constraint = write(constraintOf(marks), '<think>', 'hm', '\n', 'no')
    expect(allowed(constraint)).toEqual(pieces.filter(piece => piece !== ''))
    expect(constraint.whole).toBe(false)
    write(constraint, '</think>')
    expect(allowed(constraint).toSorted()).toEqual([...answers, '\n', '\n\n'].toSorted())
    write(constraint, '\n\n')
    expect(allowed(constraint).toSorted()).toEqual(answers)
    write(constraint, 'yes')
    expect(allowed(constraint)).toEqual([''])
    expect([constraint.whole, constraint.over]).toEqual([true, true])
  })

  test('a trace that the prompt has opened is closed in time for the answer', () => {
    const constraint = write(constraintOf(marks, { open: true, left: 6 }), 'hm', 'hm', 'hm')
    expect(allowed(constraint)).toEqual(['</think>'])
    // With two tokens left, one that leaves two letters to be written is too short.
    expect(allowed(write(constraint, '</think>')).toSorted()).toEqual(['n', 'no', 'yes'])
    expect(write(constraint, 'n', 'o').whole).toBe(true)
  })

  test('where there is no room for a trace, none is begun', () => {
    expect(allowed(constraintOf(marks, { left: 4 })).toSorted()).toEqual(answers)
  })

  test('what closes the trace from outside is no answer, nor is the space behind it', () => {
    const constraint = write(constraintOf(marks, { open: true }), 'hm')
    for (const text of ['\n', '</think>', '\n\n']) constraint.accept(idOf(text))
    expect(allowed(constraint).toSorted()).toEqual(answers)
    expect(write(constraint, 'yes').whole).toBe(true)
  })
})

test('a mark in parts is written whole, and no token both ends it and begins the answer', () => {
  const constraint = constraintOf('parts', { open: true })
  expect(allowed(constraint)).toContain('>no')
  write(constraint, 'hm', '</', 'think')
  expect(allowed(constraint)).not.toContain('>no')
  expect(allowed(constraint)).toContain('> ')
  write(constraint, '> ')
  expect(allowed(constraint).toSorted()).toEqual([...answers, '\n', '\n\n'].toSorted())
})

test('in time for the answer a mark in parts is written to its end', () => {
  const constraint = write(constraintOf('parts', { open: true, left: 6 }), 'hm')
  expect(allowed(constraint)).toEqual(['</'])
  expect(allowed(write(constraint, '</'))).toEqual(['think'])
  expect(allowed(write(constraint, 'think'))).toEqual(['>'])
  expect(write(constraint, '>', 'no').whole).toBe(true)
})
