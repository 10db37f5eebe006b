/** Shell patterns for names. @module */

/** The expression for a pattern: `*` is any text, `?` any one character. */
export function globExpression(pattern: string): RegExp {
  const source = [...pattern].map((character) => {
    if (character === "*") return ".*";
    if (character === "?") return ".";
    return character.replace(/[\\^$.*+?()[\]{}|]/u, "\\$&");
  });
  return new RegExp(`^${source.join("")}$`, "su");
}
