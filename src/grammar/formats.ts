// Formats of JSON Schema that are guaranteed, as patterns. Other formats are annotations, as the specification has it by default.

const HEX = '[0-9a-fA-F]'
const LEAP_YEAR = String.raw`(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)`
const DAYS = String.raw`(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8])`
const DATE = String.raw`(?:\d{4}-(?:${DAYS})|${LEAP_YEAR}-02-29)`
const HOURS = String.raw`(?:[01]\d|2[0-3]):[0-5]\d`
const TIME = String.raw`${HOURS}:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-]${HOURS})`
const OCTET = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`
const IPV4 = String.raw`(?:${OCTET}\.){3}${OCTET}`
const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?'
const HOSTNAME = String.raw`${LABEL}(?:\.${LABEL}){0,3}`
const MAILBOX = "[a-zA-Z0-9_'+-]+(?:[.][a-zA-Z0-9_'+-]+)*"
const IN_URI = `(?:[a-zA-Z0-9._~!$&'()*+,;=:@-]|%${HEX}{2})`
const URI = `https?://${HOSTNAME}(?::[1-9][0-9]{0,3})?(?:/${IN_URI}*)*(?:[?]${IN_URI}*)?(?:#${IN_URI}*)?`
const TIME_PARTS = String.raw`T(?:\d+H(?:\d+M)?(?:\d+S)?|\d+M(?:\d+S)?|\d+S)`
const DATE_PARTS = String.raw`(?:\d+Y(?:\d+M)?(?:\d+D)?|\d+M(?:\d+D)?|\d+D)`
const DURATION = String.raw`P(?:\d+W|${DATE_PARTS}(?:${TIME_PARTS})?|${TIME_PARTS})`

/** Eight groups, or fewer with a double colon that stands for one or more. */
const IPV6 = [
  `(?:${HEX}{1,4}:){7}${HEX}{1,4}`,
  ...Array.from({ length: 8 }, (_, before) => {
    const behind = before === 7 ? '' : `(?::${HEX}{1,4}){1,${7 - before}}|`
    return `${before === 0 ? ':' : `(?:${HEX}{1,4}:){${before}}`}(?:${behind}:)`
  }),
].join('|')

export const formats: ReadonlyMap<string, string> = new Map(
  Object.entries({
    date: DATE,
    time: TIME,
    'date-time': `${DATE}T${TIME}`,
    duration: DURATION,
    email: `${MAILBOX}@(?:${LABEL}[.]){1,3}[a-zA-Z]{2,24}`,
    hostname: HOSTNAME,
    ipv4: IPV4,
    ipv6: IPV6,
    uuid: `${HEX}{8}-${HEX}{4}-[1-8]${HEX}{3}-[89abAB]${HEX}{3}-${HEX}{12}`,
    uri: URI,
  }).map(([name, pattern]) => [name, `^(?:${pattern})$`]),
)
