// From a template's text to its syntax tree, by @huggingface/jinja; what that package leaves out of Jinja2's grammar
// and real templates have is put in before it reads.
import { parse, tokenize } from '@huggingface/jinja'
import { TemplateError } from '../../errors.ts'

/** The tree as the package makes it; it exports no types of its own. */
export type Expression =
  | { readonly type: 'Identifier' | 'StringLiteral'; readonly value: string }
  | { readonly type: 'IntegerLiteral' | 'FloatLiteral'; readonly value: number }
  | { readonly type: 'ArrayLiteral' | 'TupleLiteral'; readonly value: readonly Expression[] }
  | { readonly type: 'ObjectLiteral'; readonly value: ReadonlyMap<Expression, Expression> }
  | {
      readonly type: 'MemberExpression'
      readonly object: Expression
      readonly property: Expression
      readonly computed: boolean
    }
  | Slice
  | Call
  | { readonly type: 'FilterExpression'; readonly operand: Expression; readonly filter: Filter }
  | {
      readonly type: 'TestExpression'
      readonly operand: Expression
      readonly negate: boolean
      readonly test: Identifier
    }
  | {
      readonly type: 'BinaryExpression'
      readonly operator: { readonly value: string }
      readonly left: Expression
      readonly right: Expression
    }
  | {
      readonly type: 'UnaryExpression'
      readonly operator: { readonly value: string }
      readonly argument: Expression
    }
  | {
      readonly type: 'Ternary'
      readonly condition: Expression
      readonly trueExpr: Expression
      readonly falseExpr: Expression
    }
  | { readonly type: 'SelectExpression'; readonly lhs: Expression; readonly test: Expression }

export type Identifier = { readonly type: 'Identifier'; readonly value: string }
export type Filter = Identifier | Call

export interface Call {
  readonly type: 'CallExpression'
  readonly callee: Expression
  readonly args: readonly Argument[]
}

export interface Slice {
  readonly type: 'SliceExpression'
  readonly start: Expression | undefined
  readonly stop: Expression | undefined
  readonly step: Expression | undefined
}

export type Argument =
  | Expression
  | { readonly type: 'SpreadExpression'; readonly argument: Expression }
  | { readonly type: 'KeywordSpreadExpression'; readonly argument: Expression }
  | Named

export interface Named {
  readonly type: 'KeywordArgumentExpression'
  readonly key: Identifier
  readonly value: Expression
}

export type Parameter = Identifier | Named
export type Block = readonly Statement[]

export type Statement =
  | Expression
  | { readonly type: 'Comment' | 'Break' | 'Continue' }
  | { readonly type: 'If'; readonly test: Expression; readonly body: Block; readonly alternate: Block }
  | For
  | {
      readonly type: 'Set'
      readonly assignee: Expression
      readonly value: Expression | null
      readonly body: Block
    }
  | Macro
  | CallBlock
  | { readonly type: 'FilterStatement'; readonly filter: Filter; readonly body: Block }

export interface For {
  readonly type: 'For'
  readonly loopvar: Expression
  readonly iterable: Expression
  readonly body: Block
  readonly defaultBlock: Block
}

export interface Macro {
  readonly type: 'Macro'
  readonly name: Identifier
  readonly args: readonly Parameter[]
  readonly body: Block
}

export interface CallBlock {
  readonly type: 'CallStatement'
  readonly call: Call
  readonly callerArgs: readonly Parameter[] | null
  readonly body: Block
}

/** UTF-16 code units; the longest templates that models come with have some 30,000. */
const LONGEST = 1 << 20
/** The package's time grows with the square of this. */
const LONGEST_GAP = 2000

/** Throws TemplateError where the text is no template. */
export function parseTemplate(source: string): Block {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new TemplateError(`chat template: ${problem}`, { cause })
  }
  if (source.length > LONGEST) refuse(`expected at most ${LONGEST} characters, found ${source.length}`)
  // Jinja2 reads all line ends as one.
  const text = source.replace(/\r\n?/g, '\n')
  if (new RegExp(`\\s{${LONGEST_GAP}}`).test(text)) refuse(`expected gaps below ${LONGEST_GAP} characters`)
  try {
    const tokens = withTestArguments(tokenize(text, { trim_blocks: true, lstrip_blocks: true }))
    return parse(tokens).body as unknown as Block
  } catch (error) {
    // Where a template ends too soon the package runs off its list of tokens.
    if (error instanceof TypeError) return refuse('the template ends in the middle of a block or expression')
    return refuse(error instanceof RangeError ? 'nested too deeply' : (error as Error).message, error)
  }
}

type Token = ReturnType<typeof tokenize>[number]

/** How a test with arguments is written as a filter: `x is divisibleby(3)` becomes `x | is divisibleby(3)`. */
export const TEST_PREFIX = 'is '
export const NEGATED_TEST_PREFIX = 'is not '
/** Tests that take an argument, which may follow without parentheses. */
const WITH_ARGUMENT = new Set(
  'divisibleby sameas in eq equalto == ne != gt greaterthan ge lt lessthan le'.split(' '),
)

/** The package knows no arguments of tests: each test that has one becomes a filter of a name that none has. */
function withTestArguments(tokens: readonly Token[]): Token[] {
  const out: Token[] = []
  const token = (type: Token['type'], value: string): Token => ({ type, value })
  for (let at = 0; at < tokens.length; at++) {
    const here = tokens[at]!
    const negated = tokens[at + 1]?.type === 'Identifier' && tokens[at + 1]!.value === 'not'
    const place = at + (negated ? 2 : 1)
    const name = tokens[place]
    const isTest = here.type === 'Identifier' && here.value === 'is' && tokens[at - 1]?.type !== 'Dot'
    if (!isTest || name?.type !== 'Identifier' || !WITH_ARGUMENT.has(name.value)) {
      out.push(here)
      continue
    }
    const prefix = negated ? NEGATED_TEST_PREFIX : TEST_PREFIX
    out.push(token('Pipe', '|'), token('Identifier', prefix + name.value))
    at = place
    if (tokens[at + 1]?.type === 'OpenParen') continue
    const end = argumentEnd(tokens, at + 1)
    out.push(token('OpenParen', '('), ...tokens.slice(at + 1, end), token('CloseParen', ')'))
    at = end - 1
  }
  return out
}

/** Where the name, literal or bracketed expression that begins at `start` ends, with what is looked up in it. */
function argumentEnd(tokens: readonly Token[], start: number): number {
  let at = start
  do {
    let depth = 0
    do {
      const type = tokens[at]?.type ?? ''
      if (type.startsWith('Open')) depth++
      if (type.startsWith('Close')) depth--
      at++
    } while (depth > 0 && at < tokens.length)
    if (tokens[at]?.type === 'Dot') at++
    else if (tokens[at]?.type !== 'OpenSquareBracket' && tokens[at]?.type !== 'OpenParen') return at
  } while (at < tokens.length)
  return at
}
