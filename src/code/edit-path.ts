// Paths that a model may write to: inside the folder it was asked about, whatever it says.

/** Files of which a change is asked for: they hold secrets, or say what runs on machines. */
const sensitive: readonly [pattern: RegExp, what: string][] = [
  // Windows has a short name for long ones, NTFS streams of folders.
  [/^(\.git|git~\d+)$/i, 'belongs to git'],
  [/^\.(gitattributes|gitmodules|gitconfig)$/i, 'tells git what to run'],
  [
    /^(\.(husky|githooks|hooks)|\.pre-commit-config\.ya?ml|\.?lefthook(-local)?\.(ya?ml|toml|json))$/i,
    'holds hooks that run by themselves',
  ],
  [
    /^\.(github|gitlab|gitea|forgejo|circleci|buildkite|woodpecker|semaphore|teamcity|ci)$/i,
    'says what runs in CI',
  ],
  [
    /^(\.(gitlab-ci|travis|drone|cirrus|woodpecker|appveyor)\.ya?ml|(azure-pipelines|bitbucket-pipelines|appveyor|cloudbuild|codemagic|buildspec)\.ya?ml|jenkinsfile(\..*)?)$/i,
    'says what runs in CI',
  ],
  [/^\.(vscode|vs|idea|zed|fleet|devcontainer|cursor|claude)$/i, 'says what an editor runs'],
  [
    /^(\.(bashrc|bash_(profile|login|logout|aliases)|zshrc|zshenv|zprofile|zlogin|profile|cshrc|inputrc|vimrc|exrc|gdbinit|lldbinit|envrc|npmrc|yarnrc(\.yml)?|pnpmfile\.cjs|pypirc|netrc|curlrc|wgetrc))$/i,
    'is read by programs at their start',
  ],
]

/** Names of files and folders that keep secrets. */
export const secret =
  /^(\.env.*|.*\.env|\.(ssh|gnupg|aws|azure|kube|docker|vault)|\.(netrc|npmrc|pypirc|htpasswd|pgpass|my\.cnf|dockercfg|vault-token)|id_(rsa|dsa|ecdsa|ed25519)(_sk)?|authorized_keys|.*\.(pem|key|p12|pfx|p8|ppk|asc|gpg|kdbx|keystore|jks|tfvars|tfstate)|.*credentials.*|service[-_]?account.*\.json|secrets?(\..*)?)$/i

/** Names that Windows takes for devices, whatever their ending. */
const device = /^(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\..*)?$/i
/** Of a path, and of each of its parts, in UTF-16 units. */
const [MOST, MOST_PART] = [1024, 255]

/** Why a path may never be written to, or undefined. Where links lead is for who knows the disk. */
export function badEditPath(path: string): string | undefined {
  if (path === '') return 'it is empty'
  if (path.length > MOST) return `it has ${path.length} letters, more than ${MOST}`
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u.test(path))
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
