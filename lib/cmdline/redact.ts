/**
 * Redacts secrets in a command line, and in messages that quote one: passwords,
 * the data of `-object secret`, keys in file names of block drivers. The ids of
 * secret objects (`password-secret=`, `passwordid=`) stay.
 *
 * The text is matched by patterns, not parsed: words that QEMU would refuse, and
 * quotes in QEMU's own messages, have secrets as well. When in doubt it hides
 * more.
 *
 * @module
 */

/** Replaces a secret; needs no quoting in a shell. */
const HIDDEN = "REDACTED";

/** Keys whose value is always a secret, with any dotted prefix. */
const KEYS = "(?:password|passwd|passphrase|secret-data|cookie|api-key)";

/** `password=on` requires a password and does not contain one. */
const SWITCH = /^(?:on|off|yes|no|true|false|y|n)?$/;

/** Up to the next comma that is not doubled. */
const IN_WORD = "(?:[^,]|,,)*";
/** In a message the word may also end at a colon or a quote. */
const IN_TEXT = `(?:[^,:"']|,,|:(?!\\s|$)|["'](?![\\s.,:;)]|$))*`;

/** A string of JSON, or of QEMU's JSON with single quotes. */
const STRING = `(?:"(?:[^"\\\\]|\\\\.)*"|'(?:[^'\\\\]|\\\\.)*')`;

/** With this, `data=` and `"data":` are secrets. */
const SECRET_OBJECT =
  /(?<![\w-])secret(?=,)|qom-type["']?\s*[=:]\s*["']?secret(?![\w-])/;
/** With this, `string=` of -fw_cfg and `value=` of -smbios are secrets. */
const CREDENTIAL = /systemd\.credential/;

interface Rule {
  readonly pattern: RegExp;
  readonly applies?: RegExp;
}

/** Each pattern has two groups: what is kept, and the secret. */
function rulesFor(value: string): readonly Rule[] {
  return [
    ...keyed(KEYS, value),
    ...keyed("(?:data|iv)", value, SECRET_OBJECT),
    ...keyed("string", value, CREDENTIAL),
    {
      pattern: new RegExp(
        `(io\\.systemd\\.credential(?:\\.binary)?:[^=,\\s]{0,256}=)(${value})`,
        "g",
      ),
    },
    {
      pattern:
        /(systemd\.set_credential(?:_binary)?=[^:\s]{0,256}:)([^\s"']*)/g,
    },
    // iscsi://user%password@host, ftp://user:password@host
    { pattern: /(:\/\/[^/@\s:%,"']{0,256}[:%])([^/@\s,"']{1,1024})(?=@)/g },
    // rbd:pool/image:id=user:key=secret
    { pattern: /(\brbd:[^\s,]{0,512}?:key=)((?:\\.|[^:\\,\s])*)/g },
  ];
}

/** A key with a value after "=", and the same as JSON. */
function keyed(keys: string, value: string, applies?: RegExp): Rule[] {
  const when = applies === undefined ? {} : { applies };
  return [
    { pattern: new RegExp(`((?<!\\w)${keys}=)(${value})`, "g"), ...when },
    {
      pattern: new RegExp(
        `((?<![\\w-])${keys}["']\\s*:\\s*)(${STRING}|-?\\d[\\w.+-]*)`,
        "g",
      ),
      ...when,
    },
  ];
}

const OF_WORD = rulesFor(IN_WORD);
const OF_TEXT = rulesFor(IN_TEXT);

/**
 * Redacts the secrets in one word of a command line.
 *
 * @example
 * ```ts
 * import { redactedWord } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(
 *   redactedWord("secret,id=s0,data=hunter2"),
 *   "secret,id=s0,data=REDACTED",
 * );
 * ```
 */
export function redactedWord(word: string): string {
  return redact(word, OF_WORD);
}

/**
 * Redacts the secrets in a message that may quote words of a command line.
 *
 * @example
 * ```ts
 * import { redacted } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(
 *   redacted('Cannot parse "vnc,password=hunter2": unknown option'),
 *   'Cannot parse "vnc,password=REDACTED": unknown option',
 * );
 * ```
 */
export function redacted(text: string): string {
  return redact(text, OF_TEXT);
}

function redact(text: string, rules: readonly Rule[]): string {
  let result = text;
  for (const { pattern, applies } of rules) {
    if (applies !== undefined && !applies.test(text)) continue;
    result = result.replaceAll(
      pattern,
      (whole, lead: string, value: string) => {
        const [quote = ""] = /^["']/.exec(value) ?? [];
        return quote === "" && SWITCH.test(value)
          ? whole
          : `${lead}${quote}${HIDDEN}${quote}`;
      },
    );
  }
  return result;
}
