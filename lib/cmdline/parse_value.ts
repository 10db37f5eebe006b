import { JsonForm } from "./json_form.ts";
import { KeyvalText } from "./keyval.ts";
import type { OptionValue } from "./option_value.ts";

/**
 * Parses the value of an option in either form: JSON if it starts with "{",
 * key=value text otherwise.
 *
 * @param impliedKey key of a first item without a key, such as "driver"
 * @throws {OptionSyntaxError} if it has neither form
 *
 * @example
 * ```ts
 * import { parseValue } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const device = parseValue("virtio-blk-pci,drive=disk0", "driver");
 * assertEquals(device.get("driver"), "virtio-blk-pci");
 * assertEquals(
 *   device.with("id", "a,b").toString(),
 *   "virtio-blk-pci,drive=disk0,id=a,,b",
 * );
 * ```
 */
export function parseValue(text: string, impliedKey?: string): OptionValue {
  return text.startsWith("{")
    ? JsonForm.parse(text)
    : KeyvalText.parse(text, impliedKey);
}
