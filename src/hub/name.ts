// Names of models on a hub: `hf:OWNER/REPO`, behind it `@REVISION` and `:FILE` or `:QUANT`, if they matter.
import { InvalidOptionError } from '../errors.ts'

export interface HubName {
  /** As it was given, for messages. */
  readonly text: string
  /** `OWNER/REPO`; of the oldest repositories only `REPO`. */
  readonly repository: string
  /** A branch, a tag or a commit. */
  readonly revision: string
  /** The path of a file in the repository, or a quant such as `Q4_K_M`. */
  readonly wanted: string | undefined
}

const PREFIX = 'hf:'

export function isHubName(text: string): boolean {
  return text.startsWith(PREFIX)
}

/** Throws an InvalidOptionError if the text is no such name. */
export function parseHubName(text: string): HubName {
  const [, repository, revision = 'main', wanted] = /^hf:([^@:]*)(?:@([^:]*))?(?::(.*))?$/s.exec(text) ?? []
  const parts = repository?.split('/') ?? []
  if (
    repository === undefined ||
    parts.length > 2 ||
    !parts.every(isRepositoryPart) ||
    !isPlainPath(revision) ||
    wanted === ''
  )
    throw new InvalidOptionError(
      `expected a name like hf:OWNER/REPO, hf:OWNER/REPO:QUANT, hf:OWNER/REPO:FILE or hf:OWNER/REPO@REVISION, found ${JSON.stringify(text)}`,
    )
  return { text, repository, revision, wanted }
}

/** The hub itself has no names with `--`, which would be ambiguous as folders, or with `..`. */
function isRepositoryPart(part: string): boolean {
  return /^[A-Za-z0-9_][\w.-]*$/.test(part) && !/--|\.\./.test(part) && part.length <= 96
}

/**
 * Whether a path from elsewhere names something below the folder that it is joined to, on every system: no `..`, no root, no
 * drive, no backslash, no control character.
 */
export function isPlainPath(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return path.split('/').every(part => part !== '' && !/^\.{1,2}$|[\\:\u0000-\u001f\u007f]/.test(part))
}
