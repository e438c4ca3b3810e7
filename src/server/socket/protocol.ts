// What is said over a chat server's socket: one JSON value a line, both ways. docs/cli.md describes it for others who speak it.
import * as z from 'zod'
import { ProtocolError } from '../../errors.ts'

export const PROTOCOL_VERSION = 1
/** Bytes of a line, its end not counted. */
export const MAX_LINE = 2 ** 20

const id = z.union([z.string(), z.number()]).optional()
const yes = z.literal(true)
const text = z.string()
const count = z.int().min(0)
const setting = z.union([z.number(), z.boolean(), text, z.array(text), z.null()])

/** Requests by the key that names each; the first that is there counts. */
const requests = {
  hello: z.strictObject({ id, hello: z.int(), user: text }),
  say: z.strictObject({ id, say: text }),
  retry: z.strictObject({ id, retry: yes }),
  abort: z.strictObject({ id, abort: yes }),
  clear: z.strictObject({ id, clear: yes }),
  context: z.strictObject({ id, context: yes }),
  system: z.strictObject({ id, system: z.union([text, z.null()]) }),
  set: z.strictObject({ id, set: z.record(text, setting) }),
  save: z.strictObject({ id, save: text, settings: z.boolean().default(false) }),
  load: z.strictObject({ id, load: text }),
  saves: z.strictObject({ id, saves: yes }),
  settings: z.strictObject({ id, settings: yes }),
} as const

type Kind = keyof typeof requests
export const requestKinds = Object.keys(requests) as readonly Kind[]
/** A request and which one it is. */
export type Request = { [K in Kind]: { readonly kind: K } & z.infer<(typeof requests)[K]> }[Kind]
/** A request as a client writes it. */
export type RequestBody = { [K in Kind]: z.input<(typeof requests)[K]> }[Kind]

const usage = z.object({ prompt: count, completion: count, thinking: count, reused: count })
const timings = z.object({ prefillPerSecond: z.number(), decodePerSecond: z.number() })
const message = z.looseObject({ role: text, content: z.unknown() })

/** Lines of the server; `id` is that of the request. */
export const answers = {
  hello: z.object({
    hello: z.int(),
    user: text,
    model: text,
    architecture: text,
    contextLength: count,
    thinks: z.boolean(),
    saves: z.boolean(),
  }),
  prompt: z.object({ prompt: z.object({ done: count, total: count }) }),
  dropped: z.object({ dropped: z.array(message) }),
  text: z.object({ text }),
  thinking: z.object({ thinking: text }),
  done: z.object({ done: yes, finish: z.enum(['stop', 'length', 'abort']), usage, timings }),
  cleared: z.object({ cleared: yes }),
  context: z.object({
    context: z.object({
      used: count,
      room: count,
      capacity: count,
      dropped: count,
      nextDropped: z.array(message),
    }),
  }),
  settings: z.object({
    settings: z.object({ system: z.union([text, z.null()]), options: z.record(text, setting) }),
  }),
  saved: z.object({ saved: z.object({ name: text, messages: count, replaced: z.boolean() }) }),
  loaded: z.object({ loaded: z.object({ name: text, messages: count }) }),
  saves: z.object({ saves: z.array(text) }),
  error: z.object({ error: z.object({ name: text, message: text }) }),
} as const

export type AnswerKind = keyof typeof answers
export type AnswerOf<K extends AnswerKind> = z.infer<(typeof answers)[K]>
/** A line of the server, but for the id. */
export type Answer = { [K in AnswerKind]: AnswerOf<K> }[AnswerKind]

/** Reads a request. Throws ProtocolError, with what was expected and found. */
export function parseRequest(line: string): Request {
  const value = parseObject(line)
  const kind = requestKinds.find(key => key in value)
  if (!kind)
    throw new ProtocolError(
      `expected one of ${requestKinds.join(', ')}, found ${Object.keys(value).join(', ') || 'nothing'}`,
    )
  const result = requests[kind].safeParse(value)
  if (!result.success) throw invalid(kind, result.error)
  return { kind, ...result.data } as Request
}

/** Reads a line of the server; unknown ones, which a later version may have, are undefined. Throws ProtocolError for what is none. */
export function parseAnswer(line: string): Answer | undefined {
  const value = parseObject(line)
  const kind = (Object.keys(answers) as AnswerKind[]).find(key => key in value)
  if (!kind) return undefined
  const result = answers[kind].safeParse(value)
  if (!result.success) throw invalid(kind, result.error)
  return result.data
}

function parseObject(line: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw new ProtocolError(`expected a JSON value a line: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ProtocolError('expected a JSON object a line')
  return value as Readonly<Record<string, unknown>>
}

function invalid(kind: string, error: z.ZodError): ProtocolError {
  const { path, message } = error.issues[0]!
  return new ProtocolError(`${[kind, ...path.filter(key => key !== kind)].join('.')}: ${message}`)
}
