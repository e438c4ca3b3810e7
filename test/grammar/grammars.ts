// Grammars of the kinds that are in use, and what their texts are.

export const grammars: Readonly<Record<string, { grammar: string; check: (text: string) => boolean }>> = {
  JSON: {
    grammar: String.raw`
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") space
object ::= "{" space (member ("," space member)*)? "}" space
member ::= string ":" space value
array  ::= "[" space (value ("," space value)*)? "]" space
string ::= "\"" ([^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\"" space
number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]+)? ([eE] [-+]? [0-9]{1,3})? space
space  ::= | " " | "\n" [ \t]{0,20}`,
    check: text => typeof JSON.parse(text) === 'object',
  },
  arithmetic: {
    grammar: `
root  ::= (sum "=" blank term "\\n")+
sum   ::= term ([-+*/] blank term)*
term  ::= name | number | "(" blank sum ")" blank
name  ::= [a-z] [a-z0-9_]* blank
number ::= [0-9]+ blank
blank ::= [ \\t]{0,3}`,
    check: text => text.split('\n').every(line => line === '' || /^[\w\s()+*/=-]+$/.test(line)),
  },
  'a list': {
    grammar: 'root ::= item+\nitem ::= "- " [^\\r\\n\\x0b\\x0c\\x85\\u2028\\u2029]+ "\\n"',
    check: text =>
      text.endsWith('\n') &&
      text
        .slice(0, -1)
        .split('\n')
        .every(line => line.startsWith('- ')),
  },
  chess: {
    grammar: `
root ::= turn{1,20}
turn ::= [1-9] [0-9]? ". " move " " move "\\n"
move ::= (pawn | piece | castle) [+#]?
pawn ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
piece ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
castle ::= "O-O" "-O"?`,
    check: text => /^([1-9]\d?\. \S+ \S+\n)+$/.test(text),
  },
  'a language like C': {
    grammar: `
root        ::= declaration+
declaration ::= type " " name "(" parameters? ")" space "{" space statement* "}" space
parameters  ::= type " " name (", " type " " name)*
type        ::= "int" | "float" | "char"
name        ::= [a-zA-Z_] [a-zA-Z_0-9]{0,10}
statement   ::= (
                type " " name " = " expression ";" space
              | name " = " expression ";" space # an assignment
              | "while (" condition ") {" space statement* "}" space
              | "return " expression ";" space)
condition   ::= expression ("<=" | "<" | "==" | "!=" | ">=" | ">") expression
expression  ::= factor (("+" | "-" | "*" | "/") factor)*
factor      ::= name ("(" (expression (", " expression)*)? ")")? | number | "(" expression ")"
number      ::= [0-9]{1,8}
space       ::= " "? "\\n"?`,
    check: text => text.split('{').length === text.split('}').length,
  },
  'ambiguous rules': {
    grammar: 'root ::= "a" root "b" | "a" root | "" | "b" root? "a"',
    check: text => /^[ab]*$/.test(text),
  },
  'letters of several alphabets': {
    grammar: 'root ::= [a-zäöüßα-ωА-я ]{1,30} "."',
    check: text => text.endsWith('.'),
  },
  'counted lines': {
    grammar: 'root ::= ([^\\n]{1,12} "\\n"){2,5}',
    check: text => text.split('\n').every((line, i, all) => i === all.length - 1 || [...line].length <= 12),
  },
  'words and long ends': {
    grammar: 'root ::= ([a-z]+ | [a-z]{0,3} "123456789") "!"',
    check: text => text.endsWith('!'),
  },
}
