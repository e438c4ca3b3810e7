// The decode of one block as statements, in whatever language the printer prints. Must not know any format.
import { floatVariable, Int, type Printer } from './expr.ts'
import { code, element, group, lane, type QuantFormat } from './format.ts'

/** Statements that store all values of a block, first to last; `code`, `d` and `m` are computed once a group. */
export function blockStatements(printer: Printer, format: QuantFormat): string[] {
  const { elems, group: size, code: shared, q, d, m } = format
  let value = q instanceof Int ? q.toFloat() : q
  if (d) value = value.mul(floatVariable('d'))
  if (m) value = value.add(floatVariable('m'))
  const [g, i, c] = [printer.int(group), printer.int(element), printer.int(code)]
  return printer.loop(g, elems / size, [
    ...(shared ? [printer.declareInt(c, printer.int(shared))] : []),
    ...(d ? [printer.declareFloat('d', printer.float(d))] : []),
    ...(m ? [printer.declareFloat('m', printer.float(m))] : []),
    ...printer.loop(printer.int(lane), size, [
      printer.declareInt(i, printer.int(group.mul(size).add(lane))),
      printer.store(i, printer.float(value)),
    ]),
  ])
}
