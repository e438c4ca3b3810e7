// `$ref` within one schema: by JSON pointer, by `$anchor` and by `$id`, each within the schema whose `$id` is nearest.
import { asSchema, below, isObject, type Located, type Resolve, refuse, type Schema } from './schema-facts.ts'

/** What a schema without an `$id` is called. */
const NAMELESS = 'schema:///'

/** A schema with an `$id`, or the whole: what JSON pointers in references begin at. */
interface Resource {
  readonly located: Located
  readonly base: string
  readonly anchors: Map<string, Located>
}

export class References {
  /** By pointer. */
  readonly #resources = new Map<string, Resource>()
  /** By `$id`, without a fragment. */
  readonly #named = new Map<string, Resource>()

  constructor(root: Schema) {
    this.#collect(root, '', this.#resource({ schema: root, pointer: '' }, NAMELESS))
  }

  /** Throws UnsupportedSchemaError where a reference leads nowhere, or out of the schema. */
  readonly resolve: Resolve = (ref, pointer) => {
    const [name = '', fragment = ''] = ref.split('#', 2)
    const here = this.#around(pointer)
    const resource = name === '' ? here : this.#named.get(urlOf(name, here.base) ?? '')
    if (!resource) refuse(pointer, `${ref} is not in the schema; only references within it are followed`)
    if (fragment !== '' && !fragment.startsWith('/'))
      return resource.anchors.get(fragment) ?? refuse(pointer, `${ref} is not in the schema`)
    let value: unknown = resource.located.schema
    let path = resource.located.pointer
    for (const key of decoded(fragment, pointer).split('/').slice(1)) {
      const name = key.replaceAll('~1', '/').replaceAll('~0', '~')
      path = below(path, name)
      const inside = typeof value === 'object' && value !== null && Object.hasOwn(value, name)
      if (!inside) refuse(pointer, `${ref} leads nowhere`)
      value = (value as Record<string, unknown>)[name]
    }
    return asSchema(value, path)
  }

  /** The resource that a place is in. */
  #around(pointer: string): Resource {
    let path = pointer
    for (;;) {
      const found = this.#resources.get(path)
      if (found) return found
      path = path.slice(0, path.lastIndexOf('/'))
    }
  }

  #collect(value: unknown, pointer: string, within: Resource): void {
    if (typeof value !== 'object' || value === null) return
    let resource = within
    if (isObject(value)) {
      const located = { schema: value, pointer }
      const { $id, $anchor } = value
      // Up to draft 7, an anchor is an `$id` that is only a fragment.
      if (typeof $id === 'string' && $id.startsWith('#')) within.anchors.set($id.slice(1), located)
      else if (typeof $id === 'string') resource = this.#resource(located, urlOf($id, within.base) ?? $id)
      if (typeof $anchor === 'string') resource.anchors.set($anchor, located)
    }
    for (const [key, each] of Object.entries(value)) this.#collect(each, below(pointer, key), resource)
  }

  #resource(located: Located, base: string): Resource {
    const resource = { located, base, anchors: new Map<string, Located>() }
    this.#resources.set(located.pointer, resource)
    this.#named.set(base, resource)
    return resource
  }
}

/** Undefined where it is none, or `base` is one that others cannot be relative to. */
function urlOf(reference: string, base: string): string | undefined {
  try {
    const url = new URL(reference, base)
    url.hash = ''
    return url.href
  } catch {
    return undefined
  }
}

function decoded(fragment: string, pointer: string): string {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return refuse(pointer, `#${fragment} is no reference`)
  }
}
