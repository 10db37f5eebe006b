/** Scalar types of replies. */

import * as v from "valibot";
import { clipped } from "../../inert.ts";
import { LONGEST_DESCRIPTION, LONGEST_NAME } from "../messages.ts";

/** A non-negative integer. */
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** The id of a process or thread of the host. */
export const threadId = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** A name that is shown; a longer one than QEMU has is clipped. */
export const name = v.pipe(
  v.string(),
  v.transform((text) => clipped(text, LONGEST_NAME)),
);

/** A sentence that is shown; a longer one than QEMU has is clipped. */
export const description = v.pipe(
  v.string(),
  v.transform((text) => clipped(text, LONGEST_DESCRIPTION)),
);
