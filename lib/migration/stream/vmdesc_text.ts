/**
 * JSON text in the form of QEMU's json-writer: one line, with ", " and ": ", in
 * ASCII.
 */
export function qemuJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(qemuJson).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([key, member]) =>
      `${qemuString(key)}: ${qemuJson(member)}`
    );
    return `{${members.join(", ")}}`;
  }
  return typeof value === "string" ? qemuString(value) : JSON.stringify(value);
}

function qemuString(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
