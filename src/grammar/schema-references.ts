// `$ref` within one schema: by JSON pointer, by `$anchor` and by `$id`.
import { asSchema, below, isObject, type Located, type Resolve, refuse, type Schema } from './schema-facts.ts'

export class References {
  readonly #root: Schema
  /** By `$id` and `#anchor`. */
  readonly #named = new Map<string, Located>()

  constructor(root: Schema) {
    this.#root = root
    this.#collect(root, '')
  }

  /** Throws UnsupportedSchemaError where a reference leads nowhere, or out of the schema. */
  readonly resolve: Resolve = (ref, pointer) => {
    const named = this.#named.get(ref)
    if (named) return named
    if (ref !== '#' && !ref.startsWith('#/'))
      refuse(pointer, `${ref} is not in the schema; only references within it are followed`)
    let value: unknown = this.#root
    let path = ''
    for (const key of fragmentOf(ref, pointer).split('/').slice(1)) {
      const name = key.replaceAll('~1', '/').replaceAll('~0', '~')
      path = below(path, name)
      const inside = typeof value === 'object' && value !== null && Object.hasOwn(value, name)
      if (!inside) refuse(pointer, `${ref} leads nowhere`)
      value = (value as Record<string, unknown>)[name]
    }
    return asSchema(value, path)
  }

  #collect(value: unknown, pointer: string): void {
    if (typeof value !== 'object' || value === null) return
    if (isObject(value)) {
      if (typeof value.$id === 'string') this.#named.set(value.$id, { schema: value, pointer })
      if (typeof value.$anchor === 'string') this.#named.set(`#${value.$anchor}`, { schema: value, pointer })
    }
    for (const [key, each] of Object.entries(value)) this.#collect(each, below(pointer, key))
  }
}

function fragmentOf(ref: string, pointer: string): string {
  try {
    return decodeURIComponent(ref.slice(1))
  } catch {
    return refuse(pointer, `${ref} is no reference`)
  }
}
