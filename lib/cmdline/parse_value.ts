import { JsonForm } from "./json_form.ts";
import { KeyvalText } from "./keyval.ts";
import type { OptionValue } from "./option_value.ts";

/**
 * Reads the value of an option in either form: JSON where it starts with
 * "{", key=value text otherwise.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseValue } from "./parse_value.ts";
 *
 * const device = parseValue("virtio-blk-pci,drive=disk0", "driver");
 * assertEquals(device.get("driver"), "virtio-blk-pci");
 * assertEquals(
 *   device.with("id", "a,b").toString(),
 *   "virtio-blk-pci,drive=disk0,id=a,,b",
 * );
 * ```
 *
 * @param impliedKey key of a first item that names none, such as "driver"
 * @throws {OptionSyntaxError} if it is neither
 */
export function parseValue(text: string, impliedKey?: string): OptionValue {
  return text.startsWith("{")
    ? JsonForm.parse(text)
    : KeyvalText.parse(text, impliedKey);
}
