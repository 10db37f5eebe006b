/**
 * Secrets in a command line, and in messages that quote one: passwords, the
 * data of `-object secret`, keys in file names of block drivers. What only
 * names a secret object (`password-secret=`, `passwordid=`) stays.
 *
 * This reads no grammar: words that QEMU would refuse, or quotes in a message
 * of QEMU's own, have secrets as well. Where it is in doubt it hides more.
 *
 * @module
 */

/** Stands for a secret; a plain word, also to a shell. */
const HIDDEN = "REDACTED";

/** Keys whose value is a secret wherever they stand, dotted prefixes aside. */
const KEYS = "(?:password|passwd|passphrase|secret-data|cookie|api-key)";

/** `password=on` asks for one to be set, and tells none. */
const SWITCH = /^(?:on|off|yes|no|true|false|y|n)?$/;

/** To the next comma that is not doubled, or to the end. */
const IN_WORD = "(?:[^,]|,,)*";
/** In a message the word may end before: at a colon or a quote. */
const IN_TEXT = `(?:[^,:"']|,,|:(?!\\s|$)|["'](?![\\s.,:;)]|$))*`;

/** A string of JSON, or of QEMU's JSON with single quotes. */
const STRING = `(?:"(?:[^"\\\\]|\\\\.)*"|'(?:[^'\\\\]|\\\\.)*')`;

/** What makes `data=` and `"data":` a secret. */
const SECRET_OBJECT =
  /(?<![\w-])secret(?=,)|qom-type["']?\s*[=:]\s*["']?secret(?![\w-])/;
/** What makes `string=` of -fw_cfg, or `value=` of -smbios, a secret. */
const CREDENTIAL = /systemd\.credential/;

interface Rule {
  readonly pattern: RegExp;
  readonly applies?: RegExp;
}

/** Each pattern: what stays, then the secret. */
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

/** One word of a command line, without its secrets. */
export function redactedWord(word: string): string {
  return redact(word, OF_WORD);
}

/** A message that may quote words of a command line, without their secrets. */
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
