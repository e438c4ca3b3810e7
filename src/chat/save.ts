// Conversations as files: JSON with a name, a version and a schema, so that a damaged or foreign file is told from a saved one.
import * as z from 'zod'
import { ModelFormatError } from '../errors.ts'
import type { Message } from './template.ts'

/** What a saved conversation holds. */
export interface SavedChat {
  /** The model that it was held with, for people to read. */
  readonly model: string
  readonly system?: string | undefined
  readonly messages: readonly Message[]
  /** How replies were drawn, where that was saved too, by the names of ChatOptions. */
  readonly settings?: Readonly<Record<string, number | boolean>> | undefined
}

/** Settings that are saved, by the names of ChatOptions. */
export const savedSettings = [
  ...(['temperature', 'topK', 'topP', 'minP', 'repeatPenalty', 'presencePenalty'] as const),
  ...(['frequencyPenalty', 'repeatLastN', 'seed', 'maxTokens', 'thinkingBudget'] as const),
]

/** Of a chat's options, or of a save's settings, those that are saved. */
export function savedOptions(options: object): Partial<Record<(typeof savedSettings)[number], number>> {
  const given = options as Readonly<Record<string, unknown>>
  const known = savedSettings.filter(key => typeof given[key] === 'number')
  return Object.fromEntries(known.map(key => [key, given[key]]))
}

/** A chat's options with the settings of a save, if it has some: what was off when it was made is off again. */
export function withSettings<Options extends object>(
  options: Options,
  settings: SavedChat['settings'],
): Options {
  if (settings === undefined) return options
  const off = Object.fromEntries(savedSettings.map(key => [key, undefined]))
  return { ...options, ...off, ...savedOptions(settings) }
}

const NAME = 'torchless chat'
const VERSION = 1

const message = z.looseObject({
  role: z.enum(['user', 'assistant', 'system', 'tool']),
  content: z.union([z.string(), z.null(), z.array(z.looseObject({ type: z.string() }))]).optional(),
  thinking: z.string().optional(),
})

const schema = z.strictObject({
  format: z.literal(NAME),
  version: z.literal(VERSION),
  model: z.string(),
  system: z.string().optional(),
  messages: z.array(message),
  settings: z.record(z.string(), z.union([z.number(), z.boolean()])).optional(),
})

export function formatSave(chat: SavedChat): string {
  return `${JSON.stringify({ format: NAME, version: VERSION, ...chat }, null, 2)}\n`
}

/** Throws ModelFormatError, with what was expected and found, where the text is no saved conversation. */
export function parseSave(text: string, file: string): SavedChat {
  const value = parse(text, file)
  const { format, version } = (value ?? {}) as { format?: unknown; version?: unknown }
  if (format !== NAME) throw problem(file, 'format', JSON.stringify(NAME), shown(format))
  if (version !== VERSION) throw problem(file, 'version', String(VERSION), shown(version))
  const result = schema.safeParse(value, { reportInput: true })
  if (!result.success) {
    const issue = result.error.issues[0]!
    const found = issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : shown(issue.input)
    const expected =
      issue.code === 'unrecognized_keys'
        ? 'no other keys'
        : issue.message.replace(/^.*?expected /, '').replace(/, received.*/, '')
    throw problem(file, issue.path.join('.') || 'file', expected, found)
  }
  const { model, system, messages, settings } = result.data
  return { model, system, messages: messages as readonly Message[], settings }
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw problem(file, 'file', 'JSON', (error as Error).message)
  }
}

function problem(file: string, field: string, expected: string, found: string): ModelFormatError {
  return new ModelFormatError({ file, field, expected, found })
}

function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}
