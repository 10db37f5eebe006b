import type { PagePlace } from "../../inspect/find_page.ts";
import type { FieldValue } from "../../inspect/set_field.ts";

/** The options of `cprctl inspect`. */
export interface InspectFlags {
  readonly pid: number | undefined;
  readonly section: string | undefined;
  readonly grep: string | undefined;
  readonly field: string | undefined;
  readonly page: PagePlace | undefined;
  readonly desc: boolean;
  readonly set: FieldValue | undefined;
  readonly output: string | undefined;
  readonly offset: number | undefined;
  readonly snapshot: string | undefined;
  readonly offsets: boolean;
  readonly json: boolean;
  readonly limit: number | undefined;
  readonly report: string | undefined;
  readonly verify: boolean;
  readonly "extract-ram": string | undefined;
}
