// Dates as Python's strftime writes them in the C locale.

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]

/** Local time. Codes that are not known stay as they are; `%-d` is `%d` without leading zeros. */
export function strftime(date: Date, format: string): string {
  const digits = (number: number, width = 2) => String(number).padStart(width, '0')
  const zone = () => {
    const minutes = -date.getTimezoneOffset()
    const size = Math.abs(minutes)
    return `${minutes < 0 ? '-' : '+'}${digits(Math.floor(size / 60))}${digits(size % 60)}`
  }
  const midnight = (year: number, month: number, day: number) => Date.UTC(year, month, day)
  const dayOfYear = () =>
    1 +
    (midnight(date.getFullYear(), date.getMonth(), date.getDate()) - midnight(date.getFullYear(), 0, 1)) /
      864e5
  const codes: Readonly<Record<string, () => string>> = {
    Y: () => digits(date.getFullYear(), 4),
    y: () => digits(date.getFullYear() % 100),
    m: () => digits(date.getMonth() + 1),
    d: () => digits(date.getDate()),
    e: () => String(date.getDate()).padStart(2),
    j: () => digits(dayOfYear(), 3),
    B: () => MONTHS[date.getMonth()]!,
    b: () => MONTHS[date.getMonth()]!.slice(0, 3),
    h: () => MONTHS[date.getMonth()]!.slice(0, 3),
    A: () => DAYS[date.getDay()]!,
    a: () => DAYS[date.getDay()]!.slice(0, 3),
    u: () => String(date.getDay() || 7),
    w: () => String(date.getDay()),
    H: () => digits(date.getHours()),
    I: () => digits(date.getHours() % 12 || 12),
    M: () => digits(date.getMinutes()),
    S: () => digits(date.getSeconds()),
    f: () => digits(date.getMilliseconds() * 1000, 6),
    p: () => (date.getHours() < 12 ? 'AM' : 'PM'),
    s: () => String(Math.floor(date.getTime() / 1000)),
    z: zone,
    F: () => strftime(date, '%Y-%m-%d'),
    D: () => strftime(date, '%m/%d/%y'),
    x: () => strftime(date, '%m/%d/%y'),
    T: () => strftime(date, '%H:%M:%S'),
    X: () => strftime(date, '%H:%M:%S'),
    R: () => strftime(date, '%H:%M'),
    c: () => strftime(date, '%a %b %e %H:%M:%S %Y'),
    n: () => '\n',
    t: () => '\t',
    '%': () => '%',
  }
  return format.replace(/%(-?)([a-zA-Z%])/g, (written, bare: string, code: string) => {
    const text = codes[code]?.()
    if (text === undefined) return written
    return bare ? text.replace(/^[0 ]+(?=.)/, '') : text
  })
}
