/**
 * Text that does nothing to a terminal: control characters, which a guest or a
 * hostile QEMU may have put into a name or a message, are shown as their codes
 * and so are the marks that turn the direction of writing.
 */
export function printable(text: string): string {
  return text.replaceAll(
    // deno-lint-ignore no-control-regex -- control characters are the point
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => {
      const code = character.charCodeAt(0);
      return code < 0x100
        ? `\\x${code.toString(16).padStart(2, "0")}`
        : `\\u${code.toString(16)}`;
    },
  );
}
