// Paths that a model may write to: inside the folder it was asked about, whatever it says.

/** Files of which a change is asked for: they hold secrets, or say what runs on machines. */
const sensitive: readonly [pattern: RegExp, what: string][] = [
  [/^\.git$/i, 'belongs to git'],
  [/^\.(gitattributes|gitmodules|gitconfig)$/i, 'tells git what to run'],
  [/^\.(husky|githooks|hooks)$/i, 'holds hooks that run by themselves'],
  [/^\.(github|gitlab|circleci|buildkite|woodpecker)$/i, 'says what runs in CI'],
  [
    /^(\.gitlab-ci\.ya?ml|\.travis\.ya?ml|azure-pipelines\.ya?ml|bitbucket-pipelines\.ya?ml|jenkinsfile|\.drone\.ya?ml|\.ci)$/i,
    'says what runs in CI',
  ],
  [/^\.(vscode|idea|devcontainer)$/i, 'says what an editor runs'],
  [
    /^(\.bashrc|\.zshrc|\.profile|\.bash_profile|\.envrc|\.npmrc|\.yarnrc(\.yml)?|\.pypirc|\.netrc)$/i,
    'is read by programs at their start',
  ],
]

/** Names of files and folders that keep secrets. */
export const secret =
  /^(\.env(\..*)?|\.(ssh|gnupg|aws|azure|kube|docker)|\.(netrc|npmrc|pypirc|htpasswd|pgpass)|id_(rsa|dsa|ecdsa|ed25519)|.*\.(pem|key|p12|pfx|kdbx|keystore|jks)|.*credentials.*|secrets?(\..*)?)$/i

/** Names that Windows takes for devices, whatever their ending. */
const device = /^(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\..*)?$/i
/** Of a path, and of each of its parts, in UTF-16 units. */
const [MOST, MOST_PART] = [1024, 255]

/** Why a path may never be written to, or undefined. Where links lead is for who knows the disk. */
export function badEditPath(path: string): string | undefined {
  if (path === '') return 'it is empty'
  if (path.length > MOST) return `it has ${path.length} letters, more than ${MOST}`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
  if (/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/.test(path))
    return 'it has characters that are not shown'
  if (/^[A-Za-z]:/.test(path)) return 'it names a drive'
  if (/^[/\\]/.test(path) || path.startsWith('~')) return 'it does not begin in this folder'
  const parts = path.split(/[/\\]/)
  if (parts.includes('..')) return 'it leads up'
  if (parts.some(part => part === '')) return 'it has an empty part'
  if (parts.some(part => part.length > MOST_PART)) return `it has a part of more than ${MOST_PART} letters`
  if (parts.some(part => part !== '.' && /[. ]$/.test(part))) return 'a part of it ends in a dot or a space'
  if (parts.some(part => device.test(part))) return 'it names a device of Windows'
  if (/[<>:"|?*]/.test(path)) return 'it has characters that not every system allows'
  if (path.includes('\\')) return 'it has a backslash; parts are set apart by /'
  return undefined
}

/** What makes a write worth asking for. `path` is relative to the project, with `/`. */
export function editConcerns(path: string): string[] {
  const parts = path.split('/')
  const known = sensitive
    .filter(([pattern]) => parts.some(part => pattern.test(part)))
    .map(([, what]) => what)
  const secrets = parts.some(part => secret.test(part)) ? ['looks like a secret'] : []
  return [...new Set([...known, ...secrets])]
}
