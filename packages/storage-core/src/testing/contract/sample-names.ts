/**
 * Names that a storage must keep apart and give back as they are, however its keys, statements and files treat
 * them. Each has at most 250 bytes of UTF-8.
 */
export const AWKWARD_NAMES: readonly string[] = Object.freeze([
  // What collations fold together: case, accents, normal forms, widths, trailing and leading space.
  ...[
    'case',
    'Case',
    'CASE',
    'cafe',
    'caf\u00e9',
    'cafe\u0301',
    'CAF\u00c9',
    'stra\u00dfe',
    'strasse',
    'STRASSE',
  ],
  ...['i', 'I', '\u0131', '\u0130', 'ff', '\ufb00', '\u03a9', '\u2126', '\uff41', 'a'],
  ...['pad', 'pad ', 'pad  ', ' pad', 'pad\t', 'pad\n', 'pad\u00a0', ' '],
  // What collations ignore.
  ...['soft', 'so\u00adft', 'so\u200bft', 'soft\u200d', '\ufeffsoft', '\u202esoft', 'soft\u0001'],
  // What has a meaning in paths, URLs, patterns, statements and protocols.
  ...[
    '.',
    '..',
    '/',
    '//',
    'a/b',
    '/a/b',
    'a/b/',
    '../a',
    'a\\b',
    '\\',
    'C:\\a',
    'a:b',
    'a|b',
    'a?b#c',
    'a&b=c',
  ],
  ...['%', '%%', 'a%b', '%41', '%2F', '%00', '_', 'a_b', 'axb', '*', '?', '[a]', '{a}', '$1', ':1', '@p1'],
  ...["'", "''", "it's", '"', '`', ';', '--', '/*', "'; DROP TABLE resource; --", '\\0', '\\n', '\\u0000'],
  ...[
    'line\nbreak',
    'line\rbreak',
    'line\r\nbreak',
    'x 0 0 1\r\nx\r\nset y 0 0 1\r\ny',
    '\x01',
    '\x1b[31m',
    '\x7f',
    '\x85',
    '\u2028',
  ],
  // What languages and databases take for something else.
  ...[
    'null',
    'NULL',
    'undefined',
    'true',
    '0',
    '00',
    '-0',
    '1e3',
    'NaN',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
  ],
  // What sorts otherwise by UTF-16 units than by code points, and what needs four bytes.
  ...[
    '\ue000',
    '\ufffd',
    '\uffff',
    '\u{10000}',
    '\u{1f600}',
    '\u{1f468}\u200d\u{1f469}',
    '\u{10ffff}',
    '\u65e5\u672c\u8a9e',
    '\u05e9\u05dc\u05d5\u05dd',
  ],
  // As long as memcached's keys: with other ends, and with the same start.
  ...['n'.repeat(249) + 'a', 'n'.repeat(249) + 'b', '\u00e9'.repeat(125), '\u{1f600}'.repeat(62)],
])

/** Names past memcached's 250 bytes that are still allowed for a collection. */
export const LONG_NAMES: readonly string[] = Object.freeze([
  'm'.repeat(250) + '1',
  'm'.repeat(250) + '2',
  'l'.repeat(255),
])

/** What is no name anywhere, and why. */
export const BAD_NAMES: readonly (readonly [name: unknown, why: string])[] = Object.freeze([
  ['', 'empty'],
  ['\0', 'U+0000 alone'],
  ['a\0b', 'U+0000 inside'],
  ['a\0', 'U+0000 at the end'],
  ['\ud800', 'a high surrogate alone'],
  ['a\udc00b', 'a low surrogate alone'],
  ['\udc00\ud800', 'surrogates the wrong way round'],
  [null, 'null'],
  [42, 'a number'],
  [{}, 'an object'],
  [['a'], 'an array'],
  [Symbol('name'), 'a symbol'],
] as const)
