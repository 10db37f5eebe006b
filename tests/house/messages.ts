/**
 * Finds the texts that errors are made with. This reads source as text: it
 * sees literals, not what they become.
 *
 * @module
 */

/** The arguments of one `new …Error(…)` or `super(…)`. */
export interface ErrorCall {
  /** The class; undefined for `super`. */
  readonly name: string | undefined;
  /** Its literals that hold a space, so are words for a person. */
  readonly texts: readonly string[];
}

/** Every call in the source that makes an error. */
export function* errorCalls(source: string): Generator<ErrorCall> {
  for (const call of source.matchAll(/\b(?:new (\w+Error)|super)\(/g)) {
    const start = call.index + call[0].length;
    const texts = literals(source, start).filter((text) => /\S \S/.test(text));
    yield { name: call[1], texts };
  }
}

/** String and template literals up to the parenthesis that closes the call. */
function literals(source: string, start: number): string[] {
  const found: string[] = [];
  let depth = 1;
  for (let at = start; at < source.length && depth > 0; at += 1) {
    const mark = source[at] ?? "";
    if (mark === "(") depth += 1;
    if (mark === ")") depth -= 1;
    if (!`"'\``.includes(mark)) continue;
    let end = at + 1;
    while (end < source.length && source[end] !== mark) {
      end += source[end] === "\\" ? 2 : 1;
    }
    found.push(source.slice(at + 1, end));
    at = end;
  }
  return found;
}

/** Classes that are given the detail alone and write the message around it. */
const GIVEN_DETAILS = new Set([
  "MigrationStreamError",
  "OptionSyntaxError",
  "OptionValueError",
  "QmpSyntaxError",
  "StreamError",
  "VmstateError",
]);

/** What is wrong with the texts of a call; empty where nothing is. */
export function faults({ name, texts }: ErrorCall): string[] {
  const [message] = texts;
  const found = texts.filter((text) => /[^.]\.$/.test(text))
    .map((text) => `ends with a period: ${text}`);
  const isMessage = name === undefined || !GIVEN_DETAILS.has(name);
  // QEMU's own words, such as "execvp NAME failed", are kept as they are.
  if (isMessage && message !== undefined && /^(?!execvp)[a-z]/.test(message)) {
    found.push(`starts small: ${message}`);
  }
  return found;
}
